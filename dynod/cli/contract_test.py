"""``dynod contract-test``."""

import asyncio
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError

from dynod import __version__
from dynod.cli.output import print_json
from dynod.config.settings import BrokerAccess
from dynod.model.errors import UsageError
from dynod.publish.broker import BrokerSettings
from dynod.simulate.contract_kit import ContractReport, Verdict, play_contract
from dynod.simulate.contract_station import NAME


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """How to reach the broker, as the command line says it."""

    url: str
    username: str | None
    password_file: Path | None
    ca_file: Path | None
    client_certificate: Path | None
    client_key_file: Path | None
    insecure: bool

    def settings(self) -> BrokerSettings:
        """Return how to connect; raises UsageError, and ConfigError for unusable files."""
        try:
            access = BrokerAccess.model_validate(asdict(self))
        except ValidationError as error:
            raise UsageError(f"--broker: {_words(error)}") from None
        return access.settings(f"{NAME}-{uuid4().hex[:8]}")


def run_contract_test(
    broker: BrokerOptions, *, limit_s: float, quiet_s: float, as_json: bool
) -> None:
    """Play the script, print how the subscriber did; exit code 1 when a case did not pass."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    report = asyncio.run(play_contract(broker.settings(), __version__, limit_s, quiet_s))
    if as_json:
        print_json(_as_json(report))
    else:
        _print(report)
    sys.exit(0 if report.passed else 1)


def _words(error: ValidationError) -> str:
    return "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())


def _print(report: ContractReport) -> None:
    for verdict in report.verdicts:
        sys.stdout.write(_line(verdict) + "\n")
    used = sum(line.counts for line in report.chart)
    sys.stdout.write(
        f"What receipts cannot show: your charts should now hold {len(report.chart)} results of "
        f"the two made-up patients, {used} of them in use; --json lists them.\n"
    )


def _line(verdict: Verdict) -> str:
    case = verdict.case
    line = f"{verdict.outcome:5}{case.name}: {case.expected}"
    if not verdict.findings:
        return line
    return f"{line}. Found: {'; '.join(verdict.findings)}. Read {case.reference}"


def _as_json(report: ContractReport) -> dict[str, object]:
    return {
        "passed": report.passed,
        "cases": [
            {
                "case": verdict.case.name,
                "outcome": verdict.outcome,
                "expected": verdict.case.expected,
                "findings": verdict.findings,
                "read": verdict.case.reference,
            }
            for verdict in report.verdicts
        ],
        "chart": [asdict(line) for line in report.chart],
    }
