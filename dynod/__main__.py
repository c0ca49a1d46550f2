"""``python -m dynod``."""

from dynod.cli.main import run

run()
