"""Until when a certificate in a PEM file is valid.

Python's ssl tells that of a peer's certificate alone. X.509 (RFC 5280, section 4.1) puts the
validity at a place that can be walked to: inside the first element, behind an optional version,
the serial number, the algorithm and the issuer, as two times.
"""

import ssl
from datetime import UTC, datetime
from pathlib import Path

from dynod.model.errors import ConfigError

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_VERSION, _UTC_TIME = 0xA0, 0x17


def not_after(path: Path) -> datetime:
    """Return the end of the first certificate of a file. Raises ConfigError when it has none."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
        begin = text.index(_BEGIN)
        der = ssl.PEM_cert_to_DER_cert(text[begin : text.index(_END, begin) + len(_END)])
        return _not_after(der)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, IndexError):
        raise ConfigError(f"{path}: holds no certificate in PEM form") from None


def _not_after(der: bytes) -> datetime:
    (_, certificate), *_ = _elements(der)
    (_, body), *_ = _elements(certificate)
    parts = _elements(body)
    if parts[0][0] == _VERSION:
        parts = parts[1:]
    _serial, _algorithm, _issuer, (_, validity), *_ = parts
    _, (kind, until) = _elements(validity)
    form = "%y%m%d%H%M%SZ" if kind == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(until.decode("ascii"), form).replace(tzinfo=UTC)


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of each DER element."""
    found, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size]), at + size
        found.append((tag, data[at : at + length]))
        at += length
    return found
