"""Messages, their schemas, and the one connection to the broker."""
