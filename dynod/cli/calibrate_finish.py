"""The end of a calibration: the certificate in words, and whether it is to be kept."""

import calendar
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from dynod.cli import svg
from dynod.cli.calibrate_device import CalibrationUnit, StoppedError
from dynod.cli.calibration_plot import residual_plot, unit_of
from dynod.cli.output import print_json
from dynod.cli.port_session import show
from dynod.cli.shelf import Shelf, user_name
from dynod.core.calibration import certificate
from dynod.daemon.plan import SOFTWARE
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import (
    AnglePose,
    CalibrationReport,
    CalibrationRun,
    CertificateDetail,
)
from dynod.model.errors import UsageError


@dataclass(frozen=True, slots=True)
class Issue:
    """What the technician says of a certificate, and what is to become of it.

    ``validity_months`` None is what the procedure says. ``yes`` stores without asking, ``dry_run``
    stores nothing.
    """

    operator: str | None = None
    certificate_id: str | None = None
    validity_months: int | None = None
    temperature_c: float | None = None
    note: str | None = None
    plot: Path | None = None
    yes: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """How the points of a certificate came about, in words, and the points themselves."""

    procedure: str
    reference: str
    validity_months: int
    statements: tuple[str, ...]
    runs: tuple[CalibrationRun, ...] = ()
    poses: tuple[AnglePose, ...] = ()
    environment: Mapping[str, str] | None = None


def make_certificate(
    unit: CalibrationUnit,
    report: CalibrationReport,
    origin: Origin,
    issue: Issue,
    stored: tuple[Certificate, ...],
) -> Certificate:
    """Return the certificate of a report, valid from now on.

    Raises UsageError for an id that is taken, and for a calibration that calibrates nothing.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    taken = {item.certificate_id for item in stored}
    name = issue.certificate_id or _next_id(unit.serial_number, now, taken)
    if name in taken:
        raise UsageError(f"--certificate-id {name}: is taken; a certificate never changes")
    operator = issue.operator or user_name()
    environment = dict(origin.environment or {})
    if issue.temperature_c is not None:
        environment["temperature_c"] = f"{issue.temperature_c:g}"
    if issue.note is not None:
        environment["note"] = issue.note
    station = unit.site.config.station
    return certificate(
        report,
        certificate_id=name,
        profile=unit.device.profile,
        serial_number=unit.serial_number,
        valid_from=now,
        valid_until=months_later(now, issue.validity_months or origin.validity_months),
        issued_by=operator,
        detail=CertificateDetail(
            kind=report.kind,
            issued_at=now,
            operator=operator,
            procedure=origin.procedure,
            reference=origin.reference,
            software=SOFTWARE,
            environment={"place": f"{station.site}/{station.name}", **environment},
            statements=origin.statements,
            runs=origin.runs,
            poses=origin.poses,
            budgets=report.budgets,
            standard_error=report.fit.standard_error,
            cross_axis=report.cross_axis,
        ),
    )


def finish(made: Certificate, shelf: Shelf, issue: Issue, *, as_json: bool) -> bool:
    """Show a certificate, draw it, and store it when that is wanted; return whether it was."""
    if not as_json:
        for line in in_words(made):
            show(line)
    if issue.plot is not None:
        svg.write(issue.plot, residual_plot(made))
    stored = not issue.dry_run and (issue.yes or _wanted())
    if stored:
        shelf.add_certificate(made)
    if as_json:
        print_json({**_as_data(made), "stored": stored})
    elif stored:
        show(f"stored: trials with this unit carry certificate {made.certificate_id}")
    else:
        show("not stored")
    return stored


def in_words(made: Certificate) -> Iterator[str]:
    """Yield the lines that say what a certificate holds."""
    detail, unit = made.detail, "deg" if unit_of(made) == "°" else "N"
    yield (
        f"certificate {made.certificate_id} of {made.profile}, serial number {made.serial_number}:"
    )
    for statement in () if detail is None else detail.statements:
        yield f"  {statement}"
    line = made.uncertainty
    slope = f" + {100.0 * line.slope:.3g} % of the result" if line.slope else ""
    yield f"  uncertainty (k = 2): {line.floor:.3g} {unit}{slope}"
    yield f"  valid from {made.valid_from.date()} until {made.valid_until.date()}"


def months_later(moment: datetime, months: int) -> datetime:
    """Return the same day so many months later, or the last one of a shorter month."""
    year, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + year, month + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)


def _next_id(serial_number: str, now: datetime, taken: set[str]) -> str:
    stem = f"{serial_number}-{now:%Y%m%d}"
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def _wanted() -> bool:
    try:
        return typer.confirm("Store this certificate?", default=False, err=True)
    except typer.Abort:
        raise StoppedError("the certificate was not stored") from None


def _as_data(made: Certificate) -> dict[str, object]:
    detail = made.detail
    return {
        "certificate_id": made.certificate_id,
        "profile": made.profile,
        "serial_number": made.serial_number,
        "coefficients": list(made.coefficients),
        "range_low": made.range_low,
        "range_high": made.range_high,
        "valid_from": made.valid_from.isoformat(),
        "valid_until": made.valid_until.isoformat(),
        "uncertainty": {"floor": made.uncertainty.floor, "slope": made.uncertainty.slope},
        "unshared": {"floor": made.unshared.floor, "slope": made.unshared.slope},
        "operator": made.issued_by,
        "standard_error": None if detail is None else detail.standard_error,
        "cross_axis": None if detail is None else detail.cross_axis,
        "statements": [] if detail is None else list(detail.statements),
    }
