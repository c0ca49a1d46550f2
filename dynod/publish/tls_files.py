"""Certificate files of a connection that lives for years, longer than any of them is valid."""

import logging
from pathlib import Path
from ssl import SSLContext

from dynod.model.errors import ConfigError
from dynod.publish.broker import BrokerSettings

log = logging.getLogger(__name__)
_Signature = tuple[tuple[int, int, int] | None, ...]


class TlsFiles:
    """The TLS settings of a connection, read anew when one of their files was renewed.

    Raises ConfigError when they cannot be used to begin with. Later, in the middle of a renewal,
    the ones that were read last go on being used.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._paths = [
            path
            for path in (settings.ca_file, settings.certificate_file, settings.key_file)
            if path is not None
        ]
        self._seen = self._signature()
        self._context = settings.tls_context()

    def context(self) -> SSLContext | None:
        """Return what holds now; None without TLS."""
        seen = self._signature()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = self._settings.tls_context()
            except ConfigError as error:
                log.warning("%s; the former files are used until then", error)
        return self._context

    def _signature(self) -> _Signature:
        return tuple(map(_signature, self._paths))


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
