"""Plays the golden script and says, case by case, how a subscriber did."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dynod.publish.broker import BrokerSettings
from dynod.publish.refusals import read_object
from dynod.simulate.contract_script import CASES, Case, Stage
from dynod.simulate.contract_station import ContractStation, Row


class Outcome(StrEnum):
    """What became of a case. A case is skipped when it could only fail for another one's cause."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a subscriber did in a case; ``findings`` say what was wrong, or why it was skipped."""

    case: Case
    outcome: Outcome
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChartLine:
    """A result as a chart should show it now. ``counts``: whether its figures may be used."""

    kind: str
    result_id: str
    revision: int
    status: str
    patient_id: str
    counts: bool


@dataclass(frozen=True, slots=True)
class ContractReport:
    """All cases, and what no receipt can tell: the chart that the subscriber should have now."""

    verdicts: tuple[Verdict, ...]
    chart: tuple[ChartLine, ...]

    @property
    def passed(self) -> bool:
        """Whether every case passed."""
        return all(verdict.outcome is Outcome.PASS for verdict in self.verdicts)


async def play_contract(
    settings: BrokerSettings, version: str, limit_s: float, quiet_s: float
) -> ContractReport:
    """Play all cases, then listen for ``quiet_s`` for what should not come.

    ``limit_s``: how long a receipt or a request may take. Raises BrokerError, UsageError.
    """
    station = ContractStation(settings, version)
    await station.open()
    skipped: dict[str, str] = {}
    try:
        for case in CASES:
            station.case = case.name
            reason = _why_not(station, case, skipped)
            if reason is None:
                await case.play(Stage(station, limit_s))
            else:
                skipped[case.name] = reason
        await asyncio.sleep(quiet_s)
    finally:
        await station.close()
    verdicts = tuple(_verdict(station, case, skipped) for case in CASES)
    return ContractReport(verdicts, tuple(_chart(station.rows)))


def _why_not(station: ContractStation, case: Case, skipped: dict[str, str]) -> str | None:
    if case is not CASES[0] and not any(row.receipts for row in station.rows):
        return f"no receipt has come at all: see {CASES[0].name}"
    if case.needs is not None and (case.needs in skipped or station.findings[case.needs]):
        return f"says nothing before {case.needs} passes"
    return None


def _verdict(station: ContractStation, case: Case, skipped: dict[str, str]) -> Verdict:
    findings = tuple(station.findings[case.name])
    if case.name in skipped:
        return Verdict(case, Outcome.SKIP, (skipped[case.name], *findings))
    return Verdict(case, Outcome.FAIL if findings else Outcome.PASS, findings)


def _chart(rows: Sequence[Row]) -> list[ChartLine]:
    newest: dict[str, Row] = {}
    for row in rows:
        if row.sent_s is None:
            continue
        key = str(row.result_id)
        if key not in newest or newest[key].revision < row.revision:
            newest[key] = row
    return [_chart_line(row) for row in newest.values()]


def _chart_line(row: Row) -> ChartLine:
    body: dict[str, Any] = read_object(row.payload)
    counts = body["status"] != "entered-in-error"
    if row.kind == "trial":
        counts = counts and body["quality"]["valid"] and not body["familiarisation"]
    patient_id = body["patient"]["id"]
    return ChartLine(row.kind, str(row.result_id), row.revision, body["status"], patient_id, counts)
