"""How the command line prints."""

import json
import sys

from rich.console import Console

console = Console(highlight=False)


def print_json(data: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def say(text: str) -> None:
    """Print a line; rich markup is understood."""
    console.print(text)
