"""A device's life-cycle over a pty, with a gauge that is written from the protocol."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dynod.config.profiles import load_profiles
from dynod.core.settings import AnalysisSettings
from dynod.daemon.device import DeviceRunner, Where
from dynod.daemon.ports import LineSettings
from dynod.daemon.stream import Stream
from dynod.daemon.whereabouts import Place
from dynod.model.device import DeviceIdentity, DeviceState
from dynod.model.flags import Flag
from dynod.model.trial import Recording, StartedBy
from dynod.session.buttons import Button, ButtonAct
from dynod.session.recorder import Began, Recorder, Source
from tests.support.builders import NOMINAL
from tests.support.gauge import Gauge
from tests.support.station import quick_profile

TIMEOUT_S = 10.0
LOOK_AGAIN_S = 0.02
STALE_S = 0.3
ABSENT, OPENING, IDENTIFYING = DeviceState.ABSENT, DeviceState.OPENING, DeviceState.IDENTIFYING
STREAMING, STALE = DeviceState.STREAMING, DeviceState.STALE


class Bench:
    """A runner and what it tells; ``gauge`` sends half a second whenever it is streaming."""

    def __init__(self, folder: Path, stale_s: float) -> None:
        quick_profile(folder)
        shipped = load_profiles(folder)["quick_gauge"]
        profile = shipped.model_copy(update={"stale_s": stale_s})
        self.gauge: Gauge | None = None
        self.history: list[tuple[DeviceState, str | None, float]] = []
        self.waits_s: list[float] = []
        self.recordings: list[Recording] = []
        self.acts: list[ButtonAct] = []
        self.fed = 0
        self._news = asyncio.Event()
        source = Source(profile.kind, profile.channels, profile.channels[0], profile.rate_hz or 0.0)
        self.recorder = Recorder(source, AnalysisSettings(), NOMINAL)
        self.runner = DeviceRunner(
            DeviceIdentity("hhd-1", profile.name, profile.kind),
            profile,
            Where(Place(str(folder / "gauge"), None), LineSettings(115200)),
            Stream("hhd-1", Button(reports_release=True), self.recorder, self),
            self._changed,
            self._fed,
        )

    @property
    def states(self) -> list[DeviceState]:
        return [state for state, _, _ in self.history]

    def _changed(self, runner: DeviceRunner) -> None:
        self.history.append((runner.status.state, runner.status.fault, time.monotonic()))
        self._news.set()
        if runner.status.state is STALE:
            self.waits_s.append(runner._wait_s)
        if self.gauge is not None and runner.status.state is STREAMING:
            self.gauge.hold(0.5, self.gauge.rest_n)

    def _fed(self, _: DeviceRunner) -> None:
        self.fed += 1
        self._news.set()

    async def gesture(self, _: str, act: ButtonAct, /) -> None:
        self.acts.append(act)

    async def began(self, _: str, began: Began, /) -> None:
        pytest.fail(f"nobody armed the detector: {began}")

    async def ended(self, _: str, recording: Recording, /) -> None:
        self.recordings.append(recording)

    async def until(self, state: DeviceState, count: int = 1) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while self.states.count(state) < count:
                self._news.clear()
                await self._news.wait()

    async def until_samples_past(self, t_s: float) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while self.recorder.last_s < t_s:
                self._news.clear()
                await self._news.wait()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("dynod.daemon.device.LOOK_AGAIN_S", LOOK_AGAIN_S)
    caplog.set_level(logging.DEBUG, "dynod.daemon.device")


@asynccontextmanager
async def running(folder: Path, stale_s: float = 3600.0) -> AsyncIterator[Bench]:
    bench = Bench(folder, stale_s)
    task = asyncio.create_task(bench.runner.run())
    try:
        yield bench
    finally:
        bench.runner.stop()
        async with asyncio.timeout(TIMEOUT_S):
            await task


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


async def test_found_identified_streaming_and_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Gauge(tmp_path / "gauge") as gauge:
        async with running(tmp_path) as bench:
            assert bench.runner.status.state is ABSENT
            await bench.until(STREAMING)
            assert bench.states == [OPENING, IDENTIFYING, STREAMING]
            await bench.until_samples_past(0.1)
            assert bench.recorder.latest == pytest.approx(gauge.rest_n)
            assert gauge.started.is_set()
        assert not gauge.started.is_set()  # it was told to stop
    assert warnings(caplog) == []


async def test_a_device_that_is_plugged_in_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as bench:
        await bench.until(ABSENT)
        fault = bench.runner.status.fault
        assert fault is not None
        assert "no such port; plug the device in" in fault
        with Gauge(tmp_path / "gauge"):
            await bench.until(STREAMING)
            assert bench.states == [ABSENT, OPENING, IDENTIFYING, STREAMING]
            # The fault stays on display until the device streams.
            assert [fault for _, fault, _ in bench.history] == [fault, fault, fault, None]
            assert len(warnings(caplog)) == 1


async def test_unplugged_and_plugged_in_again(tmp_path: Path) -> None:
    with Gauge(tmp_path / "gauge") as gauge:
        async with running(tmp_path) as bench:
            await bench.until(STREAMING)
            await bench.until_samples_past(0.1)
            segment = bench.recorder.segment
            bench.runner.begin(None, StartedBy.PRESS)
            gauge.unplug()
            await bench.until(ABSENT)
            assert "plug the device in again" in (bench.history[-1][1] or "")
            (recording,) = bench.recordings
            assert recording.flags == (Flag.DISCONNECT,)
            gauge.plug()
            await bench.until(STREAMING, 2)
            await bench.until_samples_past(0.1)
            assert bench.recorder.segment > segment


async def test_a_press_that_was_unplugged_half_way_is_forgotten(tmp_path: Path) -> None:
    with Gauge(tmp_path / "gauge") as gauge:
        async with running(tmp_path) as bench:
            await bench.until(STREAMING)
            await bench.until_samples_past(0.1)
            gauge.write(f"{gauge.t_us + 100};R\r\n".encode())
            gauge.hold(0.1, gauge.rest_n)
            await bench.until_samples_past((gauge.t_us - 20_000) * 1e-6)
            gauge.unplug()
            await bench.until(ABSENT)
            gauge.plug()
            await bench.until(STREAMING, 2)
            gauge.write(f"{gauge.t_us + 100};r\r\n".encode())
            gauge.hold(0.5, gauge.rest_n)
            gauge.press()
            gauge.hold(0.5, gauge.rest_n)
            end_s = (gauge.t_us - 20_000) * 1e-6
            await bench.until_samples_past(end_s)
            assert len(bench.acts) == 1  # the whole press, not the lone release


async def test_a_device_that_answers_but_sends_nothing_is_opened_ever_more_rarely(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Gauge(tmp_path / "gauge", idle=False):
        async with running(tmp_path, STALE_S) as bench:
            await bench.until(STALE, 3)
            await bench.until(OPENING, 4)
        lost_s = [at_s for state, _, at_s in bench.history if state is STALE]
        opened_s = [at_s for state, _, at_s in bench.history if state is OPENING][1:]
        waits_s = [opened - lost for lost, opened in zip(lost_s, opened_s, strict=True)]
        for doublings, wait_s in enumerate(waits_s, 1):
            # A timer may come late, but not early.
            assert wait_s >= 0.99 * LOOK_AGAIN_S * 2**doublings
    (warning,) = warnings(caplog)
    assert "no data for 0.3 s; check cable and power" in warning


async def test_samples_make_a_device_well_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each stall after samples is a new one: warned of, and looked after at once."""
    with Gauge(tmp_path / "gauge", idle=False) as gauge:
        async with running(tmp_path, STALE_S) as bench:
            bench.gauge = gauge
            await bench.until(STALE, 2)
            assert bench.fed >= 2
        assert bench.waits_s[:2] == [2 * LOOK_AGAIN_S] * 2
        pattern = [OPENING, IDENTIFYING, STREAMING, STALE]
        assert bench.states[:8] == pattern * 2
    assert len(warnings(caplog)) == 2


async def test_a_stall_ends_the_running_recording(tmp_path: Path) -> None:
    with Gauge(tmp_path / "gauge", idle=False) as gauge:
        async with running(tmp_path, STALE_S) as bench:
            bench.gauge = gauge
            await bench.until_samples_past(0.4)
            bench.runner.begin(None, StartedBy.PRESS)
            await bench.until(STALE)
    (recording,) = bench.recordings
    assert recording.flags == (Flag.DISCONNECT,)
