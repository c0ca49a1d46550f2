"""What the subscriber says of its work: one line per event, and no patient in any."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TextIO, TypeAlias


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. ``facts`` hold ids and counts, never what a result says."""

    name: str
    station: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    def as_text(self) -> str:
        """Return one line for people."""
        facts = [f"{key}={value}" for key, value in self.facts.items() if value is not None]
        return " ".join([f"{self.name:<10}", *([self.station] if self.station else []), *facts])

    def as_json(self) -> str:
        """Return one line of JSON."""
        facts = {key: _plain(value) for key, value in self.facts.items()}
        head = {"event": self.name} | ({"station": self.station} if self.station else {})
        return json.dumps({**head, **facts})


Tell: TypeAlias = Callable[[Event], None]


def printer(out: TextIO, *, as_json: bool) -> Tell:
    """Return what prints events, each at once."""

    def tell(event: Event) -> None:
        out.write((event.as_json() if as_json else event.as_text()) + "\n")
        out.flush()

    return tell


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float) else str(value)
