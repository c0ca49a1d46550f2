"""What the therapist does, pure: batteries, buttons, recordings and the workflow of a session.

Inputs go in with their time; states, recordings, finished trials and deficits come out. Nothing
here reads a clock, opens a file or logs.
"""
