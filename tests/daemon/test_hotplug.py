"""Plugged in, pulled, plugged in elsewhere, leased: what a runner does about its port."""

import asyncio
import time
from pathlib import Path

import pytest

from dynod.daemon.conversation import StaleError
from dynod.daemon.device import LONGEST_WAIT_S, DeviceRunner, Where
from dynod.daemon.flight import FlightRing, joined, read_ring
from dynod.daemon.ports import LineSettings, PortInfo
from dynod.daemon.whereabouts import Place
from dynod.model.device import DeviceState
from dynod.model.errors import DeviceError
from dynod.model.flags import Flag
from dynod.model.samples import Chunk
from dynod.model.trial import StartedBy
from dynod.wire.capture import joined_blocks, play
from dynod.wire.decoder import Decoder
from tests.daemon.test_device import TIMEOUT_S, Bench, running
from tests.support.gauge import Gauge

ABSENT, STREAMING, LEASED = DeviceState.ABSENT, DeviceState.STREAMING, DeviceState.LEASED


def usb(path: Path, serial_number: str) -> PortInfo:
    """Return what the machine would tell of an adapter on a port."""
    return PortInfo(str(path), "an adapter", 0x0403, 0x6001, serial_number)


def elsewhere(bench: Bench, place: Place) -> DeviceRunner:
    """Return a runner like the bench's that looks for its device at another place."""
    old = bench.runner
    return DeviceRunner(
        old.identity,
        old.profile,
        Where(place, LineSettings(115200)),
        old.stream,
        bench._changed,
        bench._fed,
    )


async def test_plugging_in_cuts_a_long_wait_short(tmp_path: Path) -> None:
    """After many failures a runner waits half a minute; a plug is noticed within a second."""
    async with running(tmp_path) as bench:
        await bench.until(ABSENT)
        bench.runner._wait_s = LONGEST_WAIT_S
        pause = asyncio.create_task(bench.runner._pause())
        await asyncio.sleep(0)
        begun_s = time.monotonic()
        with Gauge(tmp_path / "gauge"):
            async with asyncio.timeout(TIMEOUT_S):
                await pause
            assert time.monotonic() - begun_s < 1.0
            await bench.until(STREAMING)


async def test_the_same_unit_on_another_port_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit that is known by its serial number is the same device wherever it is plugged in."""
    there = [usb(tmp_path / "ttyUSB0", "SN-1"), usb(tmp_path / "ttyUSB9", "SN-2")]
    monkeypatch.setattr("dynod.daemon.device.find_ports", lambda: list(there))
    async with running(tmp_path) as bench:
        bench.runner.stop()  # another runner takes its place
    runner = bench.runner = elsewhere(bench, Place(None, "SN-1"))
    task = asyncio.create_task(runner.run())
    with Gauge(tmp_path / "ttyUSB0") as gauge:
        await bench.until(STREAMING)
        await bench.until_samples_past(0.1)
        runner.begin(None, StartedBy.PRESS)
        gauge.unplug()
        await bench.until(ABSENT)
    assert [recording.flags for recording in bench.recordings] == [(Flag.DISCONNECT,)]
    there[0] = usb(tmp_path / "ttyUSB1", "SN-1")
    with Gauge(tmp_path / "ttyUSB1"):
        await bench.until(STREAMING, 2)
        assert runner.is_on(str(tmp_path / "ttyUSB1"))
        runner.stop()
        async with asyncio.timeout(TIMEOUT_S):
            await task


async def test_two_units_with_one_serial_number_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [usb(tmp_path / "ttyUSB0", "SN-1"), usb(tmp_path / "ttyUSB1", "SN-1")]
    monkeypatch.setattr("dynod.daemon.device.find_ports", lambda: there)
    async with running(tmp_path) as bench:
        bench.runner.stop()
    bench.runner = elsewhere(bench, Place(None, "SN-1"))
    with Gauge(tmp_path / "ttyUSB0"), Gauge(tmp_path / "ttyUSB1"):
        task = asyncio.create_task(bench.runner.run())
        await bench.until(ABSENT)
        assert "have the same serial number: set `port`" in (bench.history[-1][1] or "")
        bench.runner.stop()
        async with asyncio.timeout(TIMEOUT_S):
            await task


async def test_a_leased_device_is_let_go_of_and_taken_back(tmp_path: Path) -> None:
    with Gauge(tmp_path / "gauge") as gauge:
        async with running(tmp_path) as bench:
            await bench.until(STREAMING)
            await bench.until_samples_past(0.1)
            bench.runner.begin(None, StartedBy.PRESS)
            async with asyncio.timeout(TIMEOUT_S):
                await bench.runner.lease()
            assert bench.runner.status.state is LEASED
            assert not bench.runner.streaming
            assert [recording.flags for recording in bench.recordings] == [(Flag.DISCONNECT,)]
            assert not gauge.started.is_set()
            with pytest.raises(DeviceError, match="is leased to another command"):
                await bench.runner.lease()
            bench.runner.release()
            await bench.until(STREAMING, 2)


async def test_a_device_that_is_absent_can_be_leased(tmp_path: Path) -> None:
    async with running(tmp_path) as bench:
        await bench.until(ABSENT)
        async with asyncio.timeout(TIMEOUT_S):
            await bench.runner.lease()
        bench.runner.release()
        with Gauge(tmp_path / "gauge"):
            await bench.until(STREAMING)


async def test_noise_is_no_sign_of_life(tmp_path: Path) -> None:
    """A device that talks but measures nothing is stale, as one that is silent."""
    with Gauge(tmp_path / "gauge", idle=False) as gauge:
        async with running(tmp_path, 0.3) as bench:
            await bench.until(STREAMING)
            async with asyncio.timeout(TIMEOUT_S):
                while DeviceState.STALE not in bench.states:
                    gauge.write(b"Not a valid command\r\n")
                    await asyncio.sleep(0.02)
    assert issubclass(StaleError, DeviceError)


async def test_what_the_port_brought_is_on_disk_and_replays(tmp_path: Path) -> None:
    """The flight recorder holds what the recorder saw: it decodes to the same samples."""
    async with running(tmp_path) as bench:
        bench.runner.stop()
    ring = FlightRing(tmp_path / "flight")
    bench.runner = elsewhere(bench, Place(str(tmp_path / "gauge"), None))
    bench.runner._ring = ring
    with Gauge(tmp_path / "gauge"):
        task = asyncio.create_task(bench.runner.run())
        await bench.until(STREAMING)
        await bench.until_samples_past(0.5)
        bench.runner.begin(0.3, StartedBy.PRESS)
        recording = bench.recorder.end(0.5)
        bench.runner.stop()
        async with asyncio.timeout(TIMEOUT_S):
            await task
    ring.close()
    (segment,) = joined(read_ring(tmp_path / "flight"))
    decoder = Decoder(bench.runner.profile, aligned=segment.timing.aligned)
    decoded = [
        decoder.feed(item) for item in play(segment.data, segment.timing) if isinstance(item, Chunk)
    ]
    (block,) = joined_blocks(decoded)
    part = block.between(recording.block.t_s[0], recording.block.t_s[-1])
    assert part.values.tolist() == recording.block.values.tolist()
    assert part.t_s.tolist() == recording.block.t_s.tolist()
