"""Small records for tests: a battery, an analysis, a scripted station."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import numpy as np

from dynod.core.deficit import DeficitSettings
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.clinical import Battery, Contraction, Fixation, Kind, Movement, TestSpec
from dynod.model.deficit import MeasurementError
from dynod.model.device import DeviceIdentity
from dynod.model.flags import Flag, is_valid
from dynod.model.samples import SampleBlock
from dynod.model.trial import Analysis, Recording, StartedBy, TareOrigin
from dynod.session.answers import Judge
from dynod.session.inputs import (
    Input,
    Instant,
    StartTrial,
    StopTrial,
    Toggle,
    TrialAnalysed,
)
from dynod.session.roster import StationDevice
from dynod.session.state import State
from dynod.session.steps import Context, Rules, Step
from dynod.session.workflow import step

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HHD = DeviceIdentity("hhd-1", "chronojump_force_sensor", Kind.FORCE)
TILT = DeviceIdentity("tilt-1", "witmotion_wt901", Kind.ANGLE)
NOMINAL = Calibration(CalibrationStatus.NOMINAL, (0.0, 1.0))


def force_test(
    movement: Movement = Movement.HIP_ABDUCTION, *, repetitions: int = 2, familiarisation: int = 0
) -> TestSpec:
    return TestSpec(
        movement,
        "supine",
        Contraction.MAKE,
        Fixation.HAND,
        Kind.FORCE,
        repetitions=repetitions,
        familiarisation=familiarisation,
    )


def rom_test(movement: Movement = Movement.HIP_FLEXION) -> TestSpec:
    return TestSpec(movement, "supine", Contraction.ROM, Fixation.HAND, Kind.ANGLE, repetitions=1)


def battery(*tests: TestSpec, name: str = "short") -> Battery:
    return Battery(name, "for tests", tests)


def analysis(peak_force_n: float = 100.0, *flags: Flag) -> Analysis:
    return Analysis(
        metrics={"peak_force_n": peak_force_n},
        flags=flags,
        valid=is_valid(flags),
        tare_n=0.0,
        tare_origin=TareOrigin.PREROLL,
        sample_rate_hz=80.0,
    )


def recording(kind: Kind = Kind.FORCE) -> Recording:
    times = np.arange(0.0, 3.0, 0.1)
    channels = ("force",) if kind is Kind.FORCE else ("roll", "pitch", "yaw")
    block = SampleBlock(
        times,
        np.zeros((len(times), len(channels))),
        np.zeros(len(times), np.uint8),
        channels,
        segment=0,
    )
    return Recording(block, 1.0, 2.9, StartedBy.PRESS, 10.0, axis=channels[0])


def ids() -> Iterator[UUID]:
    return (UUID(int=number) for number in count(1))


ERRORS = (
    MeasurementError("test table", sem_percent=6.2, fallback=False),
    MeasurementError("test table", mdc95_deg=10.0, fallback=False),
)


def rules(*batteries: Battery, confirm_change: bool = True) -> Rules:
    numbers = ids()
    chosen = batteries or (battery(force_test()),)
    return Rules(
        batteries={item.name: item for item in chosen},
        default_battery=chosen[0].name,
        confirm_change=confirm_change,
        judge=Judge(ERRORS, DeficitSettings(), "dynod test"),
        new_id=lambda: next(numbers),
        new_code=lambda: "AC34",
    )


@dataclass
class ScriptedStation:
    """Drives the workflow as the daemon does, with every commit succeeding."""

    rules: Rules
    devices: tuple[StationDevice, ...] = (
        StationDevice(HHD, streaming=True, has_button=True),
        StationDevice(TILT, streaming=True),
    )
    state: State = field(default_factory=State)
    mono_s: float = 0.0
    last: Step | None = None

    def now(self) -> Instant:
        return Instant(self.mono_s, START + timedelta(seconds=self.mono_s), clock_synced=True)

    def give(self, given: Input) -> Step:
        self.mono_s += 1.0
        self.last = step(self.state, given, Context(self.now(), self.rules, self.devices))
        self.state = self.last.state
        return self.last

    def press(self) -> Step:
        return self.give(Toggle("hhd-1"))

    def analysed(self, peak_force_n: float = 100.0, *flags: Flag) -> Step:
        running = self.state.running
        assert running is not None
        kind = running.slot.test.kind
        result = analysis(peak_force_n, *flags)
        if kind is Kind.ANGLE:
            result = replace(result, metrics={"angle_deg": peak_force_n})
        device = HHD if kind is Kind.FORCE else TILT
        return self.give(TrialAnalysed(recording(kind), result, NOMINAL, device))

    def trial(self, peak_force_n: float = 100.0, *flags: Flag) -> Step:
        self.give(StartTrial())
        self.give(StopTrial())
        return self.analysed(peak_force_n, *flags)
