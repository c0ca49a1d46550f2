"""The station's devices together: roster, moments across devices, calibration, tare, pelvis."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from dynod.core.calibrated_range import angle_range_flags
from dynod.core.calibration import checks_under, judge_calibration
from dynod.core.settings import AnalysisSettings
from dynod.core.signal import calibration_flags
from dynod.core.standing import drift_lines, standing
from dynod.core.tare import quiet_second
from dynod.daemon.device import DeviceRunner
from dynod.model.calibration import Calibration, Certificate
from dynod.model.calibration_record import Verification
from dynod.model.calibration_standing import Standing
from dynod.model.clinical import Kind
from dynod.model.device import DeviceIdentity, Role, Trigger
from dynod.model.errors import DeviceError
from dynod.model.flags import Flag
from dynod.model.trial import Recording
from dynod.session.buttons import Gesture
from dynod.session.inputs import DiscardTrial, Input, Instant, Toggle
from dynod.session.replies import ErrorCode, Refused
from dynod.session.roster import StationDevice, pick_device


@dataclass(frozen=True, slots=True)
class StreamMoment:
    """A stream time of one device."""

    device_id: str
    t_s: float


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """What the config says about using a device: ``actions`` per gesture, role, trigger."""

    actions: Mapping[Gesture, str]
    trigger: Trigger
    role: Role = Role.LIMB


class StationDevices:
    """All configured devices, by id."""

    def __init__(
        self,
        runners: Sequence[DeviceRunner],
        uses: Mapping[str, DeviceUse],
        certificates: Sequence[Certificate],
        settings: AnalysisSettings,
        *,
        allow_nominal: bool,
        latest_time: datetime,
        verifications: Sequence[Verification] = (),
    ) -> None:
        self._runners = {runner.identity.device_id: runner for runner in runners}
        self._uses = uses
        self._settings = settings
        self._allow_nominal = allow_nominal
        self._latest_time = latest_time
        self._tares_n: dict[str, tuple[int, float]] = {}
        # Only the shelf changes them, and displays ask for them at every press.
        self._drifts: dict[tuple[str, str | None], tuple[str, ...]] = {}
        self._pelvis_calibration: Calibration | None = None
        self.use_shelf(certificates, verifications)

    def __getitem__(self, device_id: str) -> DeviceRunner:
        return self._runners[device_id]

    def __iter__(self) -> Iterator[DeviceRunner]:
        return iter(self._runners.values())

    def use_shelf(
        self, certificates: Sequence[Certificate], verifications: Sequence[Verification]
    ) -> None:
        """Judge from now on by these certificates and checks; a running trial keeps its own."""
        self._certificates = certificates
        # Of years of weekly checks a press looks at those of one unit.
        self._checks: dict[tuple[str, str | None], list[Verification]] = {}
        for item in verifications:
            self._checks.setdefault((item.profile, item.serial_number), []).append(item)
        self._drifts.clear()

    def find(self, device_id: object, port: object) -> DeviceRunner:
        """Return the device of an id, or the one that is looked for on a port.

        Raises DeviceError when there is none.
        """
        for runner in self:
            if runner.identity.device_id == device_id:
                return runner
            if isinstance(port, str) and runner.is_on(port):
                return runner
        raise DeviceError("no device of this station is configured there")

    @property
    def any_button(self) -> bool:
        """Whether any device of the station reports button events."""
        return any(runner.profile.has_button for runner in self)

    def roster(self) -> tuple[StationDevice, ...]:
        """Return the devices as the workflow sees them now."""
        return tuple(
            StationDevice(
                runner.identity,
                streaming=runner.streaming,
                has_button=runner.profile.has_button,
                role=self._uses[runner.identity.device_id].role,
                single_reading=runner.profile.single_reading,
            )
            for runner in self
        )

    def action(self, device_id: str, gesture: Gesture) -> Input | None:
        """Return what a gesture on a device means; None when it means nothing."""
        match self._uses[device_id].actions.get(gesture):
            case "trial.toggle":
                return Toggle(device_id)
            case "trial.discard":
                return DiscardTrial()
            case _:
                return None

    def stream_time(self, at: StreamMoment | None, device_id: str) -> float | None:
        """Return a moment in another device's stream time; None means its newest sample."""
        if at is None or at.device_id == device_id:
            return at.t_s if at is not None else None
        mono_s = self[at.device_id].stream.anchor.monotonic(at.t_s)
        return None if mono_s is None else self[device_id].stream.anchor.stream(mono_s)

    def arm(self, kind: Kind | None) -> None:
        """Arm the detectors that may begin a trial of a kind; disarm all others."""
        for runner in self:
            use = self._uses[runner.identity.device_id]
            by_itself = use.trigger is Trigger.ONSET if kind is Kind.FORCE else not self.any_button
            wanted = runner.identity.kind is kind and use.role is Role.LIMB and by_itself
            recorder = runner.stream.recorder
            if not recorder.recording and wanted != recorder.armed:
                recorder.arm() if wanted else recorder.disarm()

    def calibration(self, device_id: str, now: Instant) -> Calibration:
        """Return what holds for a trial that begins now.

        Judged against the later of the wall clock and the latest stored time: a Pi without a
        clock battery boots in the past (docs/design.md, section 3, rule 5).
        """
        runner = self[device_id]
        return judge_calibration(
            self._certificates,
            profile=runner.identity.profile,
            serial_number=runner.identity.serial_number,
            nominal_coefficients=runner.profile.nominal_coefficients,
            at=self._judged_at(now),
            allow_nominal=self._allow_nominal and runner.profile.has_nominal_scale,
            verifications=self._checks_of(runner.identity),
        )

    def stored_at(self, moment: datetime) -> None:
        """Hear that something was stored with this time: no clock is believed to be before it."""
        self._latest_time = max(moment, self._latest_time)

    def fix_calibration(self, device_id: str, now: Instant) -> Calibration:
        """Let the trial that begins now on a device keep the calibrations of now; return its own.

        Where a second inclinometer sits on the pelvis, its calibration counts as well.
        """
        calibration = self.calibration(device_id, now)
        self[device_id].stream.recorder.set_calibration(calibration)
        pelvis = self._pelvis()
        if pelvis is not None and self[device_id].identity.kind is Kind.ANGLE:
            behind = self.calibration(pelvis.identity.device_id, now)
            pelvis.stream.recorder.set_calibration(behind)
            self._pelvis_calibration = behind
        return calibration

    def time_is(self, now: datetime) -> None:
        """Take a clock that was set for right, also where an earlier one was ahead of it."""
        self._latest_time = min(self._latest_time, now)

    def standing(self, device_id: str, now: Instant) -> Standing:
        """Return how a device's calibration stands, by the time that `calibration` goes by."""
        identity = self[device_id].identity
        calibration = self.calibration(device_id, now)
        checks = checks_under(
            self._checks_of(identity),
            profile=identity.profile,
            serial_number=identity.serial_number,
            certificate_id=calibration.certificate_id,
        )
        drifting = self._drifts.get(key := (device_id, calibration.certificate_id))
        if drifting is None:
            drifting = self._drifts[key] = drift_lines(checks)
        return standing(
            calibration,
            checks,
            at=self._judged_at(now),
            drifting=drifting,
            has_serial_number=identity.serial_number is not None,
        )

    def warnings(self, now: Instant) -> tuple[str, ...]:
        """Return what the devices' calibrations are in want of, a line each."""
        return tuple(
            f"{device_id}: {line}"
            for device_id in self._runners
            for line in self.standing(device_id, now).warnings
        )

    def _checks_of(self, identity: DeviceIdentity) -> Sequence[Verification]:
        return self._checks.get((identity.profile, identity.serial_number), ())

    def _judged_at(self, now: Instant) -> datetime:
        return max(now.wall, self._latest_time)

    def fallback_tare_n(self, device_id: str) -> float | None:
        """Return the last ``tare`` command's value, while the stream it was taken in lasts."""
        segment, tare_n = self._tares_n.get(device_id, (-1, 0.0))
        return tare_n if segment == self[device_id].stream.recorder.segment else None

    def take_tare(self, device_id: str | None) -> float:
        """Take one quiet second as the fallback tare; raises Refused when there is none."""
        device = pick_device(self.roster(), Kind.FORCE, named=device_id)
        if device.single_reading:
            raise Refused(
                ErrorCode.DEVICE_UNAVAILABLE,
                "this gauge sends single readings: zero it on the gauge itself",
            )
        picked = device.identity.device_id
        recorder = self[picked].stream.recorder
        block = recorder.tail(1.0)
        outcome = quiet_second(block.t_s, recorder.newtons(block), self._settings)
        if outcome.tare_n is None:
            raise Refused(ErrorCode.DEVICE_UNAVAILABLE, f"no tare: {outcome.problem}")
        self._tares_n[picked] = (recorder.segment, outcome.tare_n)
        return outcome.tare_n

    def with_pelvis(self, recording: Recording, device_id: str) -> Recording:
        """Add the second inclinometer's angle at the times of a range-of-motion recording."""
        pelvis = self._pelvis()
        if pelvis is None or self[device_id].identity.kind is not Kind.ANGLE:
            return recording
        block = pelvis.stream.recorder.history()
        shift_s = self._shift_s(device_id, pelvis)
        if not pelvis.streaming or shift_s is None or not len(block):
            return replace(recording, flags=(*recording.flags, Flag.DISCONNECT))
        shown = pelvis.stream.recorder.newtons(block)
        angles = np.rad2deg(np.unwrap(np.deg2rad(shown)))
        at_limb = np.interp(recording.block.t_s + shift_s, block.t_s, angles)
        flags = [*recording.flags]
        if self._pelvis_calibration is not None:
            sign = float(pelvis.stream.recorder.source.mount_sign)
            flags += calibration_flags(self._pelvis_calibration)
            flags += angle_range_flags(sign * shown, self._pelvis_calibration)
        return replace(recording, pelvis_deg=at_limb, flags=tuple(flags))

    def _pelvis(self) -> DeviceRunner | None:
        """Return the second inclinometer, where one is configured."""
        return next(
            (
                runner
                for runner in self
                if self._uses[runner.identity.device_id].role is Role.PELVIS
            ),
            None,
        )

    def _shift_s(self, device_id: str, other: DeviceRunner) -> float | None:
        """Return what turns a device's stream time into another's."""
        here = self[device_id].stream.anchor.monotonic(0.0)
        there = other.stream.anchor.stream(0.0)
        return None if here is None or there is None else here + there
