"""The certificates and checks of a station, for the commands that read or add to them."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from dynod.config.certificates import load_certificates
from dynod.config.load import load_config
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import Verification
from dynod.store.store import Store


class Shelf:
    """Certificates and checks, in the database of a station.

    Each method goes to the database on its own, so that a shelf may be kept open for long.
    """

    def __init__(self, config_path: Path) -> None:
        self._folder = config_path.parent
        self._database = load_config(config_path, os.environ).storage.path

    def certificates(self) -> tuple[Certificate, ...]:
        """Return every certificate, in the order of adding, revocations included."""
        with self._store() as store:
            return store.certificates()

    def verifications(self, profile: str, serial_number: str) -> tuple[Verification, ...]:
        """Return the checks of a unit by time, newest last."""
        with self._store() as store:
            return store.verifications(profile, serial_number)

    def add_certificate(self, certificate: Certificate) -> bool:
        """Add a certificate; return False when it is there already.

        Raises StorageError when its id is stored with other content.
        """
        with self._store() as store:
            return bool(store.add_certificates([certificate], datetime.now(UTC), user_name()))

    def add_verification(self, verification: Verification) -> None:
        """Add a check. Raises UsageError when its readings are no numbers."""
        with self._store() as store:
            store.add_verification(verification)

    def revoke(self, certificate_id: str, reason: str, by: str) -> None:
        """Revoke a certificate. Raises UsageError when there is none or it is revoked already."""
        with self._store() as store:
            store.revoke_certificate(certificate_id, reason, datetime.now(UTC), by)

    @contextmanager
    def _store(self) -> Iterator[Store]:
        now = datetime.now(UTC)
        with Store.open(self._database, now=now) as store:
            store.add_certificates(load_certificates(self._folder), now)
            yield store


@contextmanager
def open_shelf(config_path: Path) -> Iterator[Shelf]:
    """Give the shelf of a station. Raises ConfigError for a config that cannot be read."""
    yield Shelf(config_path)


def user_name() -> str:
    """Return who is at the keyboard, as the operating system names them."""
    return os.environ.get("SUDO_USER") or getpass.getuser()
