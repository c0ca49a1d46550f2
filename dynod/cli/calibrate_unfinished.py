"""An unfinished guided calibration, kept in a file beside the database until it is done."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dynod.model.errors import StorageError

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What is kept: which procedure (``plan`` is a text that tells it apart), and the readings."""

    kind: str
    serial_number: str
    procedure: str
    plan: str
    begun_at: str
    readings: dict[str, Any]


class UnfinishedFile:
    """The file of one device: ``calibration-DEVICE.json``."""

    def __init__(self, database: Path, device_id: str) -> None:
        self.path = database.parent / f"calibration-{device_id}.json"

    def load(self) -> Unfinished | None:
        """Return what is kept; None without a file. Raises StorageError for one that is broken."""
        try:
            return _parsed(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError):
            raise StorageError(
                f"{self.path}: is no unfinished calibration of this version; "
                "begin anew with --restart"
            ) from None

    def save(self, kept: Unfinished) -> None:
        """Write it, whole or not at all. Raises StorageError."""
        data = {"version": _VERSION} | {name: getattr(kept, name) for name in kept.__slots__}
        beside = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("w", encoding="utf-8") as file:
                json.dump(data, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be written: {error.strerror}") from error

    def remove(self) -> None:
        """Forget it: the calibration is done, or begins anew."""
        self.path.unlink(missing_ok=True)


def _parsed(text: str) -> Unfinished:
    data = json.loads(text)
    if data.pop("version") != _VERSION:
        raise ValueError("another version")
    return Unfinished(**data)
