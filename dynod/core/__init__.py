"""The numeric core, pure: calibrated samples in; metrics, quality and side-to-side answers out.

numpy is its only library. Nothing here reads a file, a clock or a port.
"""
