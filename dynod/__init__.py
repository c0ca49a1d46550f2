"""dynod: hip strength and range of motion, from the serial port to the clinic's record system."""

__version__ = "0.1.0"
