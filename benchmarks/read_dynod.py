"""Many devices as the daemon reads them: port, dialogue, decoder, recorder, flight ring.

Left out is only what a station does with what it hears.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.reading import Meter, paths_told, said, tell_ready
from benchmarks.writer import RATE_HZ, wire_of
from dynod.core.settings import AnalysisSettings
from dynod.daemon.device import DeviceRunner, Where
from dynod.daemon.flight import FlightRing
from dynod.daemon.ports import LineSettings
from dynod.daemon.stream import Stream
from dynod.daemon.whereabouts import Place
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.device import DeviceIdentity, DeviceState
from dynod.model.samples import SampleBlock
from dynod.model.trial import Recording
from dynod.session.buttons import Button, ButtonAct
from dynod.session.recorder import Began, Ended, Recorder, Source

FLUSH_S = 1.0


class CountingRecorder(Recorder):
    """A recorder that counts what it took."""

    taken = 0

    def feed(self, block: SampleBlock) -> tuple[int, Began | Ended | None]:
        taken, happened = super().feed(block)
        self.taken += taken
        return taken, happened


class Nobody:
    """Hears gestures, begins and ends."""

    async def gesture(self, _device_id: str, _act: ButtonAct, /) -> None: ...

    async def began(self, _device_id: str, _began: Began, /) -> None: ...

    async def ended(self, _device_id: str, _recording: Recording, /) -> None: ...


class Readers:
    """A runner for each path, with its recorder and its ring."""

    def __init__(self, paths: list[str], folder: Path) -> None:
        self.opened = asyncio.Event()
        self.recorders: list[CountingRecorder] = []
        self.rings: list[FlightRing] = []
        self.runners = [self._runner(k, path, folder) for k, path in enumerate(paths)]

    def _runner(self, number: int, path: str, folder: Path) -> DeviceRunner:
        name, profile = f"device-{number}", wire_of(number).profile
        source = Source(profile.kind, profile.channels, profile.channels[0], RATE_HZ)
        nominal = Calibration(CalibrationStatus.NOMINAL, profile.nominal_coefficients)
        recorder = CountingRecorder(source, AnalysisSettings(), nominal)
        ring = FlightRing(folder / name)
        self.recorders.append(recorder)
        self.rings.append(ring)
        button = Button(reports_release=profile.reports_release)
        return DeviceRunner(
            DeviceIdentity(name, profile.name, profile.kind),
            profile,
            Where(Place(path, None), LineSettings(115200)),
            Stream(name, button, recorder, Nobody()),
            self._changed,
            self._fed,
            ring,
        )

    def _changed(self, _runner: DeviceRunner) -> None:
        waiting = (DeviceState.OPENING, DeviceState.IDENTIFYING)  # for the first sample
        if all(runner.status.state in waiting for runner in self.runners):
            self.opened.set()

    def _fed(self, _runner: DeviceRunner) -> None: ...

    async def flush(self) -> None:
        """Write the rings as the daemon does."""
        while True:
            await asyncio.sleep(FLUSH_S)
            for ring in self.rings:
                await asyncio.to_thread(ring.flush)


async def read(folder: Path) -> None:
    readers = Readers(paths_told(), folder)
    runs = [asyncio.create_task(runner.run()) for runner in readers.runners]
    flushing = asyncio.create_task(readers.flush())
    await readers.opened.wait()
    tell_ready()
    meter = Meter()
    while not said(meter, await asyncio.to_thread(sys.stdin.readline)):
        pass
    meter.tell([recorder.taken for recorder in readers.recorders])
    for runner in readers.runners:
        runner.stop()
    await asyncio.gather(*runs)
    flushing.cancel()
    for ring in readers.rings:
        ring.close()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dynod-bench-", dir="/var/tmp") as folder:
        asyncio.run(read(Path(folder)))


if __name__ == "__main__":
    main()
