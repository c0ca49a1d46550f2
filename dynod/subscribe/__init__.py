"""The record system's side: what a subscriber does with what stations publish.

Read it in this order: `subscriber` (the loop: receive, commit, receipt, acknowledge), `envelope`
(what is read of a message, and why one is set aside), `tables` and `intake` (what is kept, each
result once), `holes` and `gaps` (which numbers are missing, and when to ask for them), `resend`
(asking), `bundles` and `fhir` (Bundles to a FHIR server). `printer` is another subscriber, for the
demo: it keeps nothing.
"""
