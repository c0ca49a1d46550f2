"""Bytes to samples, without input or output: profiles, framing, dialogues, stream time."""
