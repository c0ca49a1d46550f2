"""Faults over a real pty to `dynod run`: the same trial as the bytes give by themselves.

So what the table of faults in docs/reliability.md says, which is made in virtual time, holds live.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynod.config.profiles import load_profiles
from dynod.core.analysis import analyse
from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.device import Trigger
from dynod.model.samples import Chunk
from dynod.model.trial import Analysis
from dynod.session.recorder import Source
from dynod.session.solo import SoloTrials
from dynod.wire.decoder import Decoder
from dynod.wire.profile import Profile
from tests.support.gauge import RATE_HZ, Gauge
from tests.support.line_faults import Fault, faults_of
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test
from tests.support.virtual_line import force_n

pytestmark = pytest.mark.mosquitto

HURT_S = 1.1  # after the press: the peak
# Line 3 of the firmware: stamp, semicolon, number with two places.
VALUE_FROM = len("10500000;")


def cases() -> Iterator[Fault]:
    """One of each kind of fault of the bytes of a line, in its number."""
    frame = b"10500000;155.23\r\n"
    seen = set()
    for fault in faults_of(frame, text=True):
        place = fault.detail.removeprefix("byte ").partition(",")[0]
        in_number = not place.isdigit() or VALUE_FROM <= int(place) < VALUE_FROM + 6
        of_bytes = not (fault.whole_trial or fault.kind.startswith(WHOLE_LINE))
        if of_bytes and in_number and fault.kind not in seen:
            seen.add(fault.kind)
            yield fault


WHOLE_LINE = ("unplugged", "silent", "stalled", "another baud")


class Script:
    """Writes what a gauge sends in a trial, on its own clock."""

    def __init__(self) -> None:
        self.t_us = 10_000_000

    def trial(self, fault: Fault | None) -> bytes:
        """A quiet second, a press, a pull, a press."""
        line = fault.make() if fault is not None else None
        sent = b""
        for step in range(round(-1.4 * RATE_HZ), round(4.8 * RATE_HZ)):
            t_s = step / RATE_HZ
            if step in {0, round(4.6 * RATE_HZ)}:
                sent += f"{self.t_us - 100};R\r\n".encode()
            if step in {8, round(4.6 * RATE_HZ) + 8}:
                sent += f"{self.t_us - 100};r\r\n".encode()
            frame = f"{self.t_us};{force_n(t_s):.2f}\r\n".encode()
            hurt = line is not None and t_s >= HURT_S
            sent += b"".join(line(frame, t_s - HURT_S)) if line is not None and hurt else frame
            self.t_us += round(1e6 / RATE_HZ)
        return sent


def replayed(profile: Profile, sent: bytes) -> list[Analysis]:
    """The trials in these bytes, as `devices replay` finds them."""
    calibration = Calibration(CalibrationStatus.NOMINAL, profile.nominal_coefficients)
    solo = SoloTrials(
        Source(profile.kind, profile.channels, profile.channels[0], profile.rate_hz or 0.0),
        Trigger.BUTTON,
        calibration,
        AnalysisSettings(),
        reports_release=profile.reports_release,
    )
    recordings = solo.feed(Decoder(profile, aligned=True).feed(Chunk(sent, 0.0))) + solo.finish()
    return [analyse(item, profile.kind, calibration, hand_held=True) for item in recordings]


def test_a_fault_over_a_pty_is_what_it_is_in_a_replay(tmp_path: Path) -> None:
    script = Script()
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge", idle=False) as gauge,
        Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test(repetitions=9)),
            session="confirm_change = false",
        ),
    ):
        profile = load_profiles(tmp_path)["quick_gauge"]
        records.streaming("hhd-1")
        assert records.command("session.start", patient=PATIENT)["ok"]
        kinds = []
        for fault in [None, *cases()]:
            sent = script.trial(fault)
            expected, *more = replayed(profile, sent)
            if more:  # a stamp was hurt: the trial ends there, and its last press begins another
                continue
            kinds.append("none" if fault is None else fault.kind)
            gauge.write(sent)
            records.verdict(len(kinds))
            live = records.result("trial", len(kinds))[-1]
            found = (live["quality"]["valid"], live["quality"]["flags"], live["metrics"])
            flags = [flag.value for flag in expected.flags]
            assert found == (expected.valid, flags, expected.metrics), fault
    assert len(kinds) >= 10, kinds


def test_unplugged_and_standing_still_in_the_middle_of_a_trial(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge", idle=False) as gauge,
        Daemon(
            tmp_path,
            broker.port,
            battery=battery(force_test(repetitions=3)),
            session="confirm_change = false",
        ),
    ):
        records.streaming("hhd-1")
        assert records.command("session.start", patient=PATIENT)["ok"]
        gauge.hold(1.2, gauge.rest_n)
        gauge.press()
        records.state(phase="recording")
        gauge.ramp(1.0, gauge.rest_n, 150.0)
        gauge.unplug()
        records.verdict(1)
        assert "disconnect" in records.result("trial")[-1]["quality"]["flags"]
        gauge.plug()
        records.wait("the gauge again", gauge.started.is_set)
        records.streaming("hhd-1")
        gauge.hold(1.2, gauge.rest_n)
        gauge.press()
        records.state(phase="recording")
        gauge.pull(150.0)
        time.sleep(0.7)  # nothing comes for longer than any clump of samples takes
        assert records.command("trial.stop")["ok"]
        records.verdict(2)
        quality = records.result("trial", 2)[-1]["quality"]
        assert (quality["valid"], "gap" in quality["flags"]) == (False, True)
        gauge.trial(150.0)
        records.verdict(3)
        assert records.result("trial", 3)[-1]["quality"]["valid"]
