"""``dynod calibrate list``, ``show``, ``import``, ``export`` and ``revoke``."""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from dynod.cli import svg
from dynod.cli.calibration_plot import residual_plot
from dynod.cli.certificate_words import STATUS_WORDS, certificate_lines, print_tables
from dynod.cli.output import console, print_json
from dynod.cli.port_session import show
from dynod.cli.shelf import open_shelf
from dynod.config.certificate_text import certificate_text, content_sha256
from dynod.config.certificates import read_certificate
from dynod.daemon.shelf import find_certificate
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError
from dynod.store.codec import to_json

_FILE_MODE = 0o640
_COLUMNS = ("certificate", "device", "serial", "status", "valid until", "left", "range", "check")


def run_list(config_path: Path, *, as_json: bool) -> None:
    """List every certificate with its unit, how it stands now, and the last check under it."""
    with open_shelf(config_path) as shelf:
        rows = shelf.rows()
    if as_json:
        print_json(rows)
        return
    if not rows:
        show("no certificate yet; `dynod calibrate force` or `angle` makes one, `import` adds one")
        return
    table = Table(box=None, pad_edge=False)
    for heading in _COLUMNS:
        # The verdict of the last check stays whole on a narrow terminal.
        table.add_column(heading, overflow="fold", no_wrap=heading == _COLUMNS[-1])
    for row in rows:
        table.add_row(*(escape(cell) for cell in _cells(row)))
    console.print(table)


def _cells(row: dict[str, Any]) -> Iterable[str]:
    in_time = row["status"] in {"in_force", "check_failed"}
    yield row["certificate_id"]
    yield row["device"] or f"none ({row['profile']})"
    yield row["serial_number"]
    yield STATUS_WORDS[row["status"]]
    yield row["valid_until"][:10]
    yield f"{row['days_left']} d" if in_time else "-"
    yield f"{row['range_low']:g}..{row['range_high']:g} {row['unit'] or ''}".rstrip()
    yield check_words(row)


def check_words(row: dict[str, Any]) -> str:
    """Return the last check of a row in words."""
    last = row["last_check"]
    if last is None:
        return "never"
    return f"{'passed' if last['passed'] else 'FAILED'} on {last['at'][:10]}"


def run_show(config_path: Path, certificate_id: str, plot: Path | None, *, as_json: bool) -> None:
    """Say in words what one certificate says, and draw what it leaves over into ``plot``.

    Raises UsageError when there is no such certificate.
    """
    with open_shelf(config_path) as shelf:
        certificate = find_certificate(shelf.certificates(), certificate_id)
        row = _row(shelf.rows(), certificate_id)
    if plot is not None:
        kind = Kind.ANGLE if row["unit"] == "deg" else Kind.FORCE
        svg.write(plot, residual_plot(certificate, kind))
    if as_json:
        record = json.loads(to_json(certificate))
        print_json({**row, "sha256": content_sha256(certificate), "certificate": record})
        return
    for line in certificate_lines(certificate, row):
        show(line)
    show(f"last check    {check_words(row)}")
    show(f"sha256        {content_sha256(certificate)}")
    if certificate.detail is not None:
        print_tables(certificate.detail)


def run_import(config_path: Path, file: Path, *, any_unit: bool) -> None:
    """Add the certificate of a file.

    Raises ConfigError for a file that is wrong, changed or damaged, UsageError for a certificate
    of no configured device unless ``any_unit``, StorageError when its id has other content.
    """
    certificate = read_certificate(file)
    with open_shelf(config_path) as shelf:
        added = shelf.add_certificate(certificate, any_unit=any_unit)
        row = _row(shelf.rows(), certificate.certificate_id)
    what = "is on the shelf now" if added else "is already there, with the same content"
    show(f"{certificate.certificate_id} {what}: {_of_device(row)}, {STATUS_WORDS[row['status']]}")
    show(f"sha256 {content_sha256(certificate)}")


def run_export(config_path: Path, certificate_id: str, out: Path | None, *, force: bool) -> None:
    """Write the file of a certificate, readable by owner and group, and note who did it.

    Raises UsageError when there is no such certificate, or a file already unless ``force``.
    """
    path = out if out is not None else Path(f"{_file_name(certificate_id)}.toml")
    with open_shelf(config_path) as shelf:
        certificate = find_certificate(shelf.certificates(), certificate_id)
        if path.exists() and not force:
            raise UsageError(f"{path}: is there already; --force replaces it")
        shelf.note_export(certificate_id)
    _write(path, certificate_text(certificate), replace=force)
    show(f"{certificate_id} is in {path}")


def run_revoke(config_path: Path, certificate_id: str, reason: str, by: str) -> None:
    """Withdraw a certificate for good. Raises UsageError when that cannot be."""
    with open_shelf(config_path) as shelf:
        find_certificate(shelf.certificates(), certificate_id)
        shelf.revoke(certificate_id, reason, by)
        row = _row(shelf.rows(), certificate_id)
    show(f"{certificate_id} is revoked: {reason}")
    if row["device"] is not None:
        show(f"trials with {row['device']} do not count without another certificate in force")


def _row(rows: list[dict[str, Any]], certificate_id: str) -> dict[str, Any]:
    return next(row for row in rows if row["certificate_id"] == certificate_id)


def _of_device(row: dict[str, Any]) -> str:
    if row["device"] is None:
        return f"{row['profile']} {row['serial_number']}, no configured device"
    return f"device {row['device']}"


def _file_name(certificate_id: str) -> str:
    """Return an id as a file name: it may have slashes."""
    return re.sub(r"[^\w.-]+", "_", certificate_id).lstrip(".") or "certificate"


def _write(path: Path, text: str, *, replace: bool) -> None:
    kind = os.O_TRUNC if replace else os.O_EXCL
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | kind, _FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, _FILE_MODE)
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path}: is there already; --force replaces it") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
