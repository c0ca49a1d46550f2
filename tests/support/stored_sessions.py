"""A database with sessions that have ended, recorded by the workflow under one certificate."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynod.core.analysis import analyse
from dynod.core.calibration import judge_calibration
from dynod.daemon.records import Letterhead, prepare_change
from dynod.model.calibration import Certificate
from dynod.model.clinical import InvolvedSide, Kind, Movement, Side
from dynod.model.device import DeviceIdentity
from dynod.model.samples import SampleBlock
from dynod.model.session import Identifier, Patient, Session
from dynod.model.trial import Recording, StartedBy
from dynod.publish.topics import Topics
from dynod.session.inputs import (
    DiscardTrial,
    EndSession,
    StartSession,
    StartTrial,
    StopTrial,
    TrialAnalysed,
)
from dynod.session.steps import Rules, Step
from dynod.store.store import Store
from tests.support.builders import ScriptedStation

UNIT = DeviceIdentity("hhd-1", "quick_gauge", Kind.FORCE, "SN-1")
RATE_HZ = 80.0
REST = 4.0
CERTIFICATE = """\
certificate_id = "{name}"
profile = "quick_gauge"
serial_number = "{serial}"
coefficients = [0.0, {scale}]
range_low = 10.0
range_high = 400.0
valid_from = {begins}
valid_until = {ends}
issued_by = "a laboratory"
{more}

[uncertainty]
floor = 4.0
slope = 0.01

[unshared]
floor = 3.0
slope = 0.0
"""


def certificate_text(
    name: str,
    scale: float,
    begins: str = "2026-01-01",
    *,
    ends: str = "2099-12-31",
    serial: str = "SN-1",
    more: str = "",
) -> str:
    return CERTIFICATE.format(
        name=name, scale=scale, begins=begins, ends=ends, serial=serial, more=more
    )


def pull(top: float, *, rest: float = REST) -> Recording:
    """A second of rest, a second of rise, three of holding at ``top``, and a second of fall."""
    t_s = np.arange(round(6.5 * RATE_HZ)) / RATE_HZ
    share = np.interp(t_s, [1.0, 2.0, 5.0, 6.0], [0.0, 1.0, 1.0, 0.0])
    numbers = rest + (top - rest) * 0.5 * (1.0 - np.cos(np.pi * share))
    block = SampleBlock(t_s, numbers[:, None], np.zeros(len(t_s), np.uint8), ("force",), 0)
    return Recording(block, 1.0, float(t_s[-1]), StartedBy.PRESS, RATE_HZ)


@dataclass
class Past:
    """Sessions of the past: each call of ``session`` stores one, from begin to end."""

    store: Store
    rules: Rules
    certificate: Certificate
    sessions: int = 0

    def session(self, *tops: float, patient: bool = True, ended: bool = True) -> Session:
        """Record pulls to these device numbers, right side first; a negative one is taken back."""
        self.sessions += 1
        station = ScriptedStation(self.rules, mono_s=86400.0 * self.sessions)
        who = Patient(Identifier("urn:clinic:mrn", f"patient-{self.sessions}"))
        arms = {Movement.HIP_ABDUCTION: {Side.LEFT: 0.4, Side.RIGHT: 0.4}}
        start = StartSession(
            patient=who if patient else None,
            involved_side=InvolvedSide.LEFT,
            body_mass_kg=80.0,
            lever_arms_m=arms,
        )
        self._keep(station, station.give(start))
        for top in tops:
            self._trial(station, abs(top))
            if top < 0.0:
                self._keep(station, station.give(DiscardTrial()))
        session = station.state.session
        assert session is not None
        if ended:
            self._keep(station, station.give(EndSession()))
        return session

    def _trial(self, station: ScriptedStation, top: float) -> None:
        station.give(StartTrial())
        station.give(StopTrial())
        running, session = station.state.running, station.state.session
        assert running is not None
        assert session is not None
        calibration = judge_calibration(
            [self.certificate],
            profile=UNIT.profile,
            serial_number=UNIT.serial_number,
            nominal_coefficients=(0.0, 1.0),
            at=station.now().wall,
            allow_nominal=False,
        )
        recording = pull(top)
        analysis = analyse(
            recording,
            Kind.FORCE,
            calibration,
            body_mass_kg=session.body_mass_kg,
            lever_arm_m=session.lever_arm_m(running.slot.test.movement, running.slot.side),
            hand_held=True,
        )
        given = TrialAnalysed(recording, analysis, calibration, UNIT)
        self._keep(station, station.give(given))

    def _keep(self, station: ScriptedStation, step: Step) -> None:
        topics = Topics("clinic", "room")
        letterhead = Letterhead(topics, "clinic", "room", str(self.store.stream))
        session = step.state.session
        ready = prepare_change(step.change, session, letterhead, station.now().wall, None)
        self.store.commit(ready.change)


def shelve(folder: Path, *texts: str) -> None:
    """Put certificates into the site's folder."""
    shelf = folder / "calibration.d"
    shelf.mkdir(exist_ok=True)
    for text in texts:
        name = text.split('"')[1]
        (shelf / f"{name}.toml").write_text(text)
