"""The past checks of a unit: as a table, as data, and where they are going."""

from collections.abc import Sequence

from rich.table import Table

from dynod.cli.output import console
from dynod.cli.port_session import show
from dynod.core.calibration import checks_under
from dynod.core.verification import drift
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import Drift, Verification
from dynod.model.clinical import Kind

_NAME = "resolution"  # of the term in a certificate's budget


def last_checks(history: Sequence[Verification]) -> tuple[Verification, ...]:
    """Return the checks under the certificate of the last one: a new one begins a new trend."""
    if not history:
        return ()
    last = history[-1]
    return checks_under(
        history,
        profile=last.profile,
        serial_number=last.serial_number,
        certificate_id=last.certificate_id,
    )


def trend_of(history: Sequence[Verification], certificate: Certificate | None) -> Drift:
    """Return the trend of the last checks; the certificate may know the unit's resolution."""
    checks = [item.check for item in last_checks(history)]
    return drift(checks, resolution=resolution_of(certificate))


def resolution_of(certificate: Certificate | None) -> float:
    """Return the smallest step of a unit in N (or deg), from the budget; 0 where it is unknown."""
    detail = None if certificate is None else certificate.detail
    budgets = () if detail is None else detail.budgets
    halves = [term.value for item in budgets for term in item.terms if term.name == _NAME]
    return 2.0 * max(halves, default=0.0)


def show_history(history: Sequence[Verification], trend: Drift) -> None:
    """Print the checks, newest last, and the trend."""
    if not history:
        show("no check was made yet")
        return
    kind = history[0].check.kind
    unit = "deg" if kind is Kind.ANGLE else "N"
    table = Table(box=None, pad_edge=False)
    headings = ("made", "certificate", f"at, {unit}", "error", "allowed", "zero", "verdict")
    for heading in headings:
        table.add_column(heading, no_wrap=heading != "certificate")
    for item in history:
        check, result = item.check, item.result
        table.add_row(
            f"{check.at:%Y-%m-%d %H:%M}",
            item.certificate_id or "none",
            f"{check.reference:.2f}",
            f"{result.error:+.2f}",
            f"±{result.limit:.2f}",
            f"{check.zero:+.2f}",
            "passed" if result.passed else "failed",
        )
    console.print(table)
    per_week = "% of the load" if kind is Kind.FORCE else "deg"
    if trend.per_week is not None:
        show(f"drift of the reading: {trend.per_week:+.3f} {per_week} a week")
    if trend.zero_per_week is not None:
        show(f"drift of the zero: {trend.zero_per_week:+.3f} {unit} a week")
    for warning in trend.warnings:
        show(f"warning: {warning}; calibrate before it fails")


def history_data(history: Sequence[Verification]) -> list[dict[str, object]]:
    """Return checks as JSON has them; numbers in N or deg."""
    return [
        {
            "at": item.check.at.isoformat(),
            "kind": item.check.kind.value,
            "profile": item.profile,
            "serial_number": item.serial_number,
            "certificate_id": item.certificate_id,
            "reference": item.check.reference,
            "reference_words": item.reference,
            "reading": item.check.reading,
            "error": item.result.error,
            "error_limit": item.result.limit,
            "zero": item.check.zero,
            "zero_limit": item.result.zero_limit,
            "passed": item.result.passed,
            "problems": list(item.result.problems),
            "operator": item.operator,
            "note": item.note,
        }
        for item in history
    ]
