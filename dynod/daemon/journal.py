"""Log records as entries of the systemd journal, with fields to search by.

The native protocol of the journal (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram an entry, a
field a line ``NAME=value``; a value of several lines follows its name, a newline and its length in
eight bytes, little-endian.
"""

import logging
import os
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
# What a record may carry as ``extra``; ids of dynod's own, never of a patient.
FIELDS = {"device": "DYNOD_DEVICE", "session": "DYNOD_SESSION", "trial": "DYNOD_TRIAL"}
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


class JournalHandler(logging.Handler):
    """Sends each record to the journal; what the journal does not take goes to standard error."""

    def __init__(self, path: Path = SOCKET) -> None:
        super().__init__()
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        message = self.format(record)
        try:
            self._socket.sendto(entry(record, message), self._path)
        except OSError:  # the journal restarts, or the entry is longer than a datagram may be
            sys.stderr.write(f"{message}\n")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()


def entry(record: logging.LogRecord, message: str) -> bytes:
    """Return the datagram of one record, whose text is `message`."""
    priority = next((number for level, number in _PRIORITIES if record.levelno >= level), _DEBUG)
    parts = [
        _field("MESSAGE", message),
        _field("PRIORITY", str(priority)),
        _field("SYSLOG_IDENTIFIER", "dynod"),
        _field("LOGGER", record.name),
    ]
    parts += [
        _field(field, str(value))
        for name, field in FIELDS.items()
        if (value := getattr(record, name, None)) is not None
    ]
    return b"".join(parts)


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"


def writes_to_journal(environ: Mapping[str, str], descriptor: int = 2) -> bool:
    """Whether `descriptor` is the stream that systemd named in ``JOURNAL_STREAM``.

    The variable is inherited by programs whose output has long gone elsewhere (systemd.exec(5)).
    """
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
