"""What a certificate says, in plain words."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from dynod.cli.output import console
from dynod.cli.port_session import show
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import Budget, CertificateDetail, Uncertainty
from dynod.model.clinical import Kind

STATUS_WORDS: Mapping[str, str] = {
    "in_force": "in force",
    "check_failed": "last check failed",
    "expired": "expired",
    "revoked": "revoked",
    "not_yet_valid": "not yet valid",
    "superseded": "replaced by a newer one",
}
_POWERS = ("", "·x", "·x²", "·x³")


def certificate_lines(certificate: Certificate, row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a certificate says, a line each; ``row`` is its row in the list."""
    unit = row["unit"] or ""
    yield f"certificate {certificate.certificate_id}, issued by {certificate.issued_by}"
    yield f"unit          {certificate.profile}, serial number {certificate.serial_number}"
    yield f"device        {row['device'] or 'none of this station'}"
    yield f"status        {_status(certificate, row)}"
    yield f"valid         {_day(certificate.valid_from)} to {_day(certificate.valid_until)}"
    low, high = certificate.range_low, certificate.range_high
    yield f"range         {low:g} to {high:g} {unit}; a result beyond is flagged"
    yield f"scale         {unit or 'value'} = {_polynomial(certificate.coefficients)}"
    yield "              where x is the device's own number"
    yield f"uncertainty   {_uncertainty(certificate.uncertainty, (low, high), unit)}"
    yield f"between sides {_uncertainty(certificate.unshared, (low, high), unit)}"
    yield "              what two sides measured with this unit do not have in common"
    if certificate.detail is None:
        yield "detail        none: how it came about is not recorded"
    else:
        yield from _detail_lines(certificate.detail, unit)


def _detail_lines(detail: CertificateDetail, unit: str) -> Iterator[str]:
    yield f"made          on {_day(detail.issued_at)} by {detail.operator}, with {detail.software}"
    yield f"procedure     {detail.procedure}"
    yield f"reference     {detail.reference}"
    if detail.environment:
        items = (f"{key}: {text}" for key, text in sorted(detail.environment.items()))
        yield f"environment   {'; '.join(items)}"
    if detail.standard_error is not None:
        scatter = f"{detail.standard_error:.3g} {unit}"
        yield f"scatter       {scatter} about the curve, one standard deviation"
    if detail.cross_axis is not None:
        yield f"cross axis    {detail.cross_axis:+.4f} deg for each deg of tilt to the side"
    for statement in detail.statements:
        yield f"found         {statement}"


def print_tables(detail: CertificateDetail) -> None:
    """Print points and budget; no more than a heading where there are none."""
    unit = "N" if detail.kind is Kind.FORCE else "deg"
    if detail.runs:
        rows = (
            (str(number), str(run.mounting), f"{p.load:.3f}", f"{p.reading:.7g}", p.branch.value)
            for number, run in enumerate(detail.runs, 1)
            for p in run.points
        )
        _print("points", ("run", "mounting", f"load, {unit}", "device", "branch"), rows)
    if detail.poses:
        poses = (
            (f"{p.angle_deg:.3f}", f"{p.reading:.7g}", f"{p.cross_deg:.3f}") for p in detail.poses
        )
        _print("poses", ("angle, deg", "device", "to the side, deg"), poses)
    if detail.budgets:
        _print_budgets(detail.budgets, unit)


def _print_budgets(budgets: Iterable[Budget], unit: str) -> None:
    loads = sorted(budgets, key=lambda budget: budget.load)
    headings = (f"at, {unit}", f"uncertainty, {unit}", "k", "shared", "between sides")
    rows = (
        (
            f"{b.load:.3f}",
            f"±{b.expanded:.3g}",
            f"{b.coverage_factor:.3g}",
            f"{b.shared:.3g}",
            f"{b.unshared:.3g}",
        )
        for b in loads
    )
    _print("uncertainty over the range", headings, rows)
    most = max(loads, key=lambda budget: abs(budget.load))
    terms = sorted(most.terms, key=lambda term: term.standard, reverse=True)
    parts = (
        (
            term.name,
            f"{term.value:.3g}",
            term.distribution.value,
            f"{term.divisor:.3g}",
            f"{term.sensitivity:.3g}",
            f"{term.standard:.3g}",
            "both sides" if term.shared else "each side",
            term.source,
        )
        for term in terms
    )
    names = ("term", "value", "known as", "divisor", "sensitivity", unit, "in common", "from")
    _print(f"budget at {most.load:.3f} {unit}, largest first", names, parts)


def _print(title: str, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading != "from")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    show(f"\n{title}")
    console.print(table)


def _status(certificate: Certificate, row: Mapping[str, Any]) -> str:
    words = STATUS_WORDS[row["status"]]
    if certificate.revoked_reason is not None:
        return f"{words}: {certificate.revoked_reason}"
    in_time = row["status"] in {"in_force", "check_failed"}
    return f"{words}, {row['days_left']} days left" if in_time else words


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


def _polynomial(coefficients: Iterable[float]) -> str:
    text = ""
    for coefficient, power in zip(coefficients, _POWERS, strict=False):
        if coefficient:
            sign = " − " if coefficient < 0.0 else " + "
            text += f"{sign}{abs(coefficient):.10g}{power}"
    return text.removeprefix(" + ").strip()


def _uncertainty(uncertainty: Uncertainty, ends: tuple[float, float], unit: str) -> str:
    low, high = (f"±{uncertainty.at(end):.3g} {unit} at {end:g}" for end in ends)
    slope = f" + {100.0 * uncertainty.slope:.3g} % of the value" if uncertainty.slope else ""
    return f"±({uncertainty.floor:.3g} {unit}{slope}), k = 2: {low}, {high}"
