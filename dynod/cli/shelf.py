"""The certificates and checks of a station, for the commands that read or add to them.

A running daemon is asked and goes by every change at once; where none runs, the database itself is
opened under the daemon's lock.
"""

import getpass
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dynod.cli.job import refused
from dynod.config.certificate_text import certificate_text
from dynod.config.problems import unknown
from dynod.config.site import load_site
from dynod.daemon.control_client import ControlClient, DaemonNotRunningError
from dynod.daemon.shelf import CHANGES, StoredShelf
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import Verification
from dynod.model.device import DeviceIdentity
from dynod.model.errors import UsageError
from dynod.store.codec import from_json, to_json
from dynod.store.store import Store


class Shelf:
    """Certificates and checks of a station.

    Each method asks on its own, so that a shelf may be kept open for long. All raise StorageError
    when the database cannot be read or written.
    """

    def __init__(self, config_path: Path) -> None:
        site = load_site(config_path, os.environ)
        self._config = site.config
        self._beside = site.certificates
        self._profiles = site.profiles.keys()
        self._devices = tuple(
            DeviceIdentity(
                device.id, device.profile, site.profiles[device.profile].kind, device.serial_number
            )
            for device in site.config.devices
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each certificate, as `dynod.daemon.shelf.certificate_rows`."""
        rows: list[dict[str, Any]] = self._ask("list")
        return rows

    def certificates(self) -> tuple[Certificate, ...]:
        """Return every certificate, in the order of adding, revocations included."""
        return tuple(from_json(Certificate, json.dumps(row)) for row in self._ask("certificates"))

    def verifications(self, profile: str, serial_number: str) -> tuple[Verification, ...]:
        """Return the checks of a unit in the order of storing, newest last."""
        rows = self._ask("verifications", profile=profile, serial_number=serial_number)
        return tuple(from_json(Verification, json.dumps(row)) for row in rows)

    def add_certificate(self, certificate: Certificate, *, any_unit: bool = False) -> bool:
        """Add a certificate; return False when it is there already.

        Raises StorageError when its id is stored with other content, and UsageError when it is of
        an unknown profile, or of no configured device unless ``any_unit``.
        """
        if certificate.profile not in self._profiles:
            what = unknown(certificate.profile, self._profiles, "profile")
            raise UsageError(f"certificate {certificate.certificate_id}: profile: {what}")
        text = certificate_text(certificate)
        answer = self._ask("add", certificate=text, any_unit=any_unit, who=user_name())
        return bool(answer["added"])

    def add_verification(self, verification: Verification) -> None:
        """Add a check. Raises UsageError when its readings are no numbers."""
        self._ask("verify", verification=_plain(verification))

    def revoke(self, certificate_id: str, reason: str, by: str) -> None:
        """Revoke a certificate. Raises UsageError when there is none or it is revoked already."""
        self._ask("revoke", certificate_id=certificate_id, reason=reason, who=by)

    def note_export(self, certificate_id: str) -> None:
        """Write down that a certificate was exported by whoever is at the keyboard."""
        self._ask("exported", certificate_id=certificate_id, who=user_name())

    def _ask(self, action: str, **fields: object) -> Any:
        request = {"op": "calibration", "action": action, **fields}
        try:
            client = ControlClient(self._config.control.socket)
        except DaemonNotRunningError:
            return self._answer(request)
        with client:
            reply: dict[str, Any] = client.ask(request)
        if not reply.get("ok"):
            raise refused(reply)
        return reply["answer"]

    def _answer(self, request: Mapping[str, object]) -> object:
        """Answer as the daemon would, on the database itself."""
        path, now = self._config.storage.path, datetime.now(UTC)
        writes = request["action"] in CHANGES
        if not writes and not path.exists():
            return StoredShelf(None, self._devices, self._beside).answer(request, now)
        with Store.open(path, now=now, readonly=not writes) as store:
            return StoredShelf(store, self._devices, self._beside).answer(request, now)


@contextmanager
def open_shelf(config_path: Path) -> Iterator[Shelf]:
    """Give the shelf of a station. Raises ConfigError for a config that cannot be used."""
    yield Shelf(config_path)


def user_name() -> str:
    """Return who is at the keyboard, as the operating system names them."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):  # nobody has this number
        return f"user {os.getuid()}"


def _plain(record: object) -> object:
    try:
        return json.loads(to_json(record))
    except ValueError:
        raise UsageError("a check without a reading cannot be kept; take it again") from None
