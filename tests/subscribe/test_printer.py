"""What the record system's side prints, keeps and acknowledges."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dynod.model.errors import BrokerError
from dynod.publish.broker import BrokerSettings, Inbound, Outgoing
from dynod.subscribe.printer import ResultPrinter, describe

ROOT = "dynod/v1/clinic/room"
PATIENT = {"system": "urn:clinic:mrn", "id": "patient-4711"}
TIMEOUT_S = 10.0


def result(schema: str, number: int, revision: int = 1, **other: Any) -> dict[str, Any]:
    return {
        "schema": f"dynod.{schema}/1",
        "result_id": f"{schema}-{number}",
        "revision": revision,
        "sequence": number,
        "patient": PATIENT,
        **other,
    }


def trial(number: int = 3, revision: int = 1, **other: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "test": {"movement": "hip_abduction", "side": "left"},
        "trial_number": 2,
        "metrics": {"peak_force_n": 118.04, "raw_peak_force_n": 122.0},
        "quality": {"valid": True, "flags": []},
    }
    return result("trial", number, revision, **{**given, **other})


def deficit(**other: Any) -> dict[str, Any]:
    return result("deficit", 7, movement="hip_abduction", **other)


def session() -> dict[str, Any]:
    return result("session", 9, trials=[{}] * 8, deficits=[{}] * 2)


def words(item: dict[str, Any]) -> str:
    line = describe(item)
    assert PATIENT["id"] not in line
    assert "\n" not in line
    return " ".join(line.split())


def test_a_valid_trial() -> None:
    assert words(trial()) == "#3 trial hip_abduction left 2 118.0 N valid"


def test_an_invalid_trial_with_its_reasons() -> None:
    item = trial(quality={"valid": False, "flags": ["uncalibrated", "too_short", "gap"]})
    assert words(item) == "#3 trial hip_abduction left 2 118.0 N INVALID (too_short, gap)"


def test_a_nominal_scale_alone_is_no_remark() -> None:
    item = trial(quality={"valid": True, "flags": ["uncalibrated"]})
    assert words(item).endswith("118.0 N valid")


def test_a_range_of_motion() -> None:
    assert words(trial(metrics={"angle_deg": 117.0})).endswith("left 2 117.0 deg valid")


def test_a_trial_without_a_value() -> None:
    item = trial(metrics={"peak_force_n": None}, quality={"valid": False, "flags": ["gap"]})
    assert words(item) == "#3 trial hip_abduction left 2 no value INVALID (gap)"


def test_a_deficit_in_percent() -> None:
    """The figures are those of the worked example in the contract."""
    item = deficit(
        classification="exceeds_error_and_threshold",
        deficit_percent=20.09,
        ci95_percent=[5.10, 32.71],
    )
    expected = "#7 deficit hip_abduction 20.1 % [5.1, 32.7] exceeds_error_and_threshold"
    assert words(item) == expected


def test_a_deficit_in_degrees() -> None:
    item = deficit(classification="within_error", deficit_deg=6.0, ci95_deg=[-9.0, 21.0])
    assert words(item) == "#7 deficit hip_abduction 6.0 deg [-9.0, 21.0] within_error"


@pytest.mark.parametrize("nothing", [{}, {"deficit_percent": None, "ci95_percent": None}])
def test_a_deficit_that_could_not_be_computed(nothing: dict[str, None]) -> None:
    item = deficit(classification="not_computable", reason="side_incomplete", **nothing)
    assert words(item) == "#7 deficit hip_abduction not_computable (side_incomplete)"


def test_a_deficit_of_nothing_is_a_figure_all_the_same() -> None:
    item = deficit(classification="within_error", deficit_percent=0.0, ci95_percent=[-9.0, 8.0])
    assert words(item) == "#7 deficit hip_abduction 0.0 % [-9.0, 8.0] within_error"


def test_a_session() -> None:
    assert words(session()) == "#9 session ended: 8 trials, 2 deficits"


# -- receiving --------------------------------------------------------------------------------


class Broker:
    """Delivers a script of results to whoever connects, and keeps what is published."""

    def __init__(self, *results: dict[str, Any], receipts_fail: bool = False) -> None:
        self.results = results
        self.receipts_fail = receipts_fail
        self.filters: tuple[str, ...] = ()
        self.published: list[Outgoing] = []
        self._closed = asyncio.Event()

    def connection(
        self,
        _: BrokerSettings,
        *,
        filters: tuple[str, ...],
        on_connected: Callable[[], Awaitable[None]],
        on_message: Callable[[Inbound], Awaitable[None]],
    ) -> "Broker":
        self.filters = filters
        self._on_connected, self._on_message = on_connected, on_message
        return self

    async def run(self) -> None:
        await self._on_connected()
        for item in self.results:
            kind = item["schema"].removeprefix("dynod.").split("/")[0]
            await self._on_message(Inbound(f"{ROOT}/results/{kind}", json.dumps(item).encode()))
        await self._closed.wait()

    async def publish(self, message: Outgoing) -> None:
        if self.receipts_fail:
            raise BrokerError("gone")
        self.published.append(message)

    async def close(self) -> None:
        self._closed.set()

    @property
    def receipts(self) -> list[tuple[str, int]]:
        assert {message.topic for message in self.published} <= {f"{ROOT}/receipts"}
        lists = [json.loads(message.payload)["receipts"] for message in self.published]
        return [(item["result_id"], item["revision"]) for items in lists for item in items]


async def received(
    monkeypatch: pytest.MonkeyPatch, broker: Broker
) -> tuple[list[str], list[dict[str, Any]]]:
    """Run the printer until the session's result; return its lines and its log."""
    monkeypatch.setattr("dynod.subscribe.printer.BrokerConnection", broker.connection)
    out, log = io.StringIO(), io.StringIO()
    settings = BrokerSettings("127.0.0.1", 1883, client_id="record-system")
    async with asyncio.timeout(TIMEOUT_S):
        await ResultPrinter(settings, ROOT, out, log).run()
    return out.getvalue().splitlines(), [json.loads(line) for line in log.getvalue().splitlines()]


async def test_a_duplicate_is_printed_once_and_acknowledged_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = Broker(trial(), trial(), session())
    lines, log = await received(monkeypatch, broker)
    assert lines == ["subscribed, waiting for results", describe(trial()), describe(session())]
    assert log == [trial(), session()]
    assert broker.receipts == [("trial-3", 1), ("trial-3", 1), ("session-9", 1)]


async def test_a_higher_revision_counts_and_a_lower_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    amended = trial(revision=2, trial_number=1)
    broker = Broker(trial(), amended, trial(), session())
    _, log = await received(monkeypatch, broker)
    assert log == [trial(), amended, session()]
    # The late first revision is acknowledged as what it is, or it would come for ever.
    assert broker.receipts[:3] == [("trial-3", 1), ("trial-3", 2), ("trial-3", 1)]


async def test_a_receipt_that_does_not_get_through_loses_no_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines, log = await received(monkeypatch, Broker(trial(), session(), receipts_fail=True))
    assert log == [trial(), session()]
    assert sum("receipt did not get through" in line for line in lines) == 2


async def test_it_listens_to_the_results_of_one_station(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(session())
    await received(monkeypatch, broker)
    assert all(item.startswith(f"{ROOT}/results/") for item in broker.filters)
