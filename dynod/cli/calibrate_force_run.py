"""The live part of ``dynod calibrate force``: kept after each reading, and gone on with."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dynod.cli.calibrate_device import CalibrationUnit, LiveDevice, StoppedError, run_live
from dynod.cli.calibrate_unfinished import Unfinished, UnfinishedFile
from dynod.cli.calibrate_weights import WeightTaker
from dynod.cli.port_session import Wanted, find_unit, show
from dynod.config.procedures import DEFAULT, ForceProcedure, load_force_procedure
from dynod.config.references import MassSet, load_mass_set
from dynod.core.gravity import local_gravity
from dynod.model.calibration_record import Buoyancy, Gravity
from dynod.model.clinical import Kind
from dynod.model.errors import DeviceError, DynodError, UsageError
from dynod.model.units import factor_to_base
from dynod.session.guided_force import GuidedForce, StepReading
from dynod.session.weights import PlannedLoad, plan_loads
from dynod.wire.profile import Profile

_RETURN_S = 120.0  # how long an unplugged device is waited for
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Means:
    """What a guided run is made with."""

    name: str
    procedure: ForceProcedure
    set_name: str
    masses: MassSet
    gravity: Gravity
    air: Buoyancy
    loads: tuple[PlannedLoad, ...]
    max_load_n: float | None

    @property
    def fingerprint(self) -> str:
        """What tells this plan with these weights from another."""
        text = repr((self.procedure.plan(self.loads), self.set_name))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class Progress:
    """A guided run and what belongs to it: when it began, the smallest step of the number."""

    guided: GuidedForce
    begun_at: str
    step: float = 0.0

    def finer(self, seen: float) -> None:
        """Note a step of the device's number, of which 0 is none."""
        self.step = min((step for step in (self.step, seen) if step > 0.0), default=0.0)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a run is made with, by name; None leaves it to the default.

    Those are the shipped procedure, the site's only set of masses, and as high a load as the unit's
    full scale and the masses allow.
    """

    procedure: str | None = None
    reference: str | None = None
    max_load_n: float | None = None

    def after(self, kept: Unfinished | None) -> "Choice":
        """Return it with what a kept run was made with, where nothing else is said."""
        if kept is None or kept.kind != Kind.FORCE.value:
            return self
        limit_n = kept.readings["max_load_n"] if self.max_load_n is None else self.max_load_n
        return Choice(
            self.procedure or kept.procedure,
            self.reference or kept.readings["reference"],
            limit_n,
        )


def means_of(unit: CalibrationUnit, choice: Choice) -> Means:
    """Return procedure, masses and place for a unit.

    Raises UsageError for names that there are not, ConfigError for files that are wrong.
    """
    folder, station = unit.site.path.parent, unit.site.config.station
    name = choice.procedure or DEFAULT
    procedure = load_force_procedure(folder, name)
    set_name, masses = load_mass_set(folder, choice.reference)
    gravity = local_gravity(station.latitude, station.altitude_m)
    air = masses.buoyancy()
    limit_n = full_scale_n(unit.profile) if choice.max_load_n is None else choice.max_load_n
    loads = plan_loads(
        masses.masses(), procedure.load_steps, gravity=gravity, air=air, limit_n=limit_n
    )
    return Means(name, procedure, set_name, masses, gravity, air, loads, choice.max_load_n)


def full_scale_n(profile: Profile) -> float | None:
    """Return the largest force in N that a profile says its device reads; None if it does not."""
    scale = profile.simulation.full_scale
    if scale is None or not profile.has_nominal_scale:
        return None
    unit = profile.units.get(profile.simulation.unit or "", profile.unit)
    return None if unit is None else scale * factor_to_base(unit)


def begun(means: Means, unit: CalibrationUnit) -> Progress:
    """Return a guided run that has not begun."""
    profile = unit.profile
    scale = profile.nominal_coefficients[1] if profile.has_nominal_scale else None
    guided = GuidedForce(means.procedure.plan(means.loads), scale, profile.single_reading)
    return Progress(guided, datetime.now(UTC).isoformat(timespec="minutes"))


def restored(kept: Unfinished, means: Means, unit: CalibrationUnit) -> Progress:
    """Return the guided run that was kept. Raises UsageError for progress that is not of it."""
    data = kept.readings
    progress = begun(means, unit)
    progress.begun_at, progress.step = kept.begun_at, float(data["step"])
    progress.guided = GuidedForce(
        progress.guided.plan,
        progress.guided.n_per_number,
        progress.guided.single_reading,
        at=int(data["at"]),
        readings={int(at): StepReading(**reading) for at, reading in data["steps"].items()},
        remarks=[str(remark) for remark in data["remarks"]],
    )
    return progress


def _as_kept(progress: Progress, means: Means, unit: CalibrationUnit) -> Unfinished:
    guided = progress.guided
    steps = {str(at): asdict(reading) for at, reading in guided.readings.items()}
    data: dict[str, Any] = {
        "at": guided.at,
        "step": progress.step,
        "steps": steps,
        "remarks": guided.remarks,
        "reference": means.set_name,
        "max_load_n": means.max_load_n,
    }
    return Unfinished(
        kind=Kind.FORCE.value,
        serial_number=unit.serial_number,
        procedure=means.name,
        plan=means.fingerprint,
        begun_at=progress.begun_at,
        readings=data,
    )


def kept_run(file: UnfinishedFile, *, again: bool | None) -> Unfinished | None:
    """Return the unfinished run that there is; ``again`` False forgets it.

    Raises UsageError when there is none to go on with.
    """
    if again is False:
        file.remove()
        return None
    kept = file.load()
    if kept is None and again:
        raise UsageError(f"--resume: there is no unfinished run ({file.path})")
    return kept


def check_same(kept: Unfinished, file: UnfinishedFile, unit: CalibrationUnit, means: Means) -> None:
    """Raise UsageError when an unfinished run is of another unit, procedure or set of masses."""
    same = (kept.kind, kept.serial_number) == (Kind.FORCE.value, unit.serial_number)
    if not same or kept.procedure != means.name or kept.plan != means.fingerprint:
        raise UsageError(
            f"{file.path}: holds an unfinished calibration by {kept.procedure} of unit "
            f"{kept.serial_number}, with other steps or other weights than these; finish that one, "
            "or give it up with --restart"
        )


class ForceRun:
    """Takes what is left of a run at the device, and keeps it in ``file`` after each step.

    ``aside``: words go to stderr, as stdout is for a script.
    """

    def __init__(
        self,
        unit: CalibrationUnit,
        means: Means,
        file: UnfinishedFile,
        progress: Progress,
        *,
        aside: bool,
    ) -> None:
        self._unit = unit
        self._means = means
        self._file = file
        self._progress = progress
        self._aside = aside
        self._asks = False

    def take(self, *, asks: bool) -> None:
        """Take all; ``asks`` first whether to go on with what was kept.

        A device that is unplugged meanwhile is waited for. Raises StoppedError when the user
        interrupts, DeviceError when the device does not come back.
        """
        self._asks = asks
        while True:
            before = self._progress.guided.at
            try:
                run_live(self._unit, self._live, aside=self._aside)
            except StoppedError:
                if self._progress.guided.at != before:
                    self._note("by hand")
                raise
            except DeviceError as error:
                # one that never answered is no device that was unplugged
                if not self._progress.guided.readings or not self._came_back(error):
                    raise
                self._note("the device was gone")
            else:
                return

    async def _live(self, live: LiveDevice) -> None:
        if self._asks:
            self._asks = False
            await self._ask(live)
        await WeightTaker(live, self._progress.guided, self._keep, self._progress.finer).take_all()

    async def _ask(self, live: LiveDevice) -> None:
        guided, begun_at = self._progress.guided, self._progress.begun_at
        answer = await live.typed(
            f"an unfinished run of {begun_at[:16].replace('T', ' ')} UTC has done {guided.at} of "
            f"{len(guided.steps)} steps. Enter goes on with it, n begins anew, q leaves it."
        )
        if answer.lower() == "q":
            raise StoppedError("left as it was")
        if answer.lower() == "n":
            anew = begun(self._means, self._unit)
            self._progress.guided, self._progress.begun_at = anew.guided, anew.begun_at

    def _keep(self) -> None:
        self._file.save(_as_kept(self._progress, self._means, self._unit))

    def _note(self, why: str) -> None:
        self._progress.guided.interrupted(why)
        self._keep()

    def _came_back(self, error: DeviceError) -> bool:
        """Wait for a device that is gone; return whether it can be found again."""
        self._say(str(error))
        self._say(
            f"what was read is kept in {self._file.path}; plug the device in again: "
            f"it is waited for {_RETURN_S:g} s, Ctrl-C ends"
        )
        limit_s = time.monotonic() + _RETURN_S
        try:
            while time.monotonic() < limit_s:
                time.sleep(_LOOK_EVERY_S)
                if _is_there(self._unit):
                    self._say("the device is back")
                    return True
        except KeyboardInterrupt:
            raise StoppedError("interrupted while the device was away") from None
        return False

    def _say(self, text: str) -> None:
        if not self._aside:
            show(text)


def _is_there(unit: CalibrationUnit) -> bool:
    try:
        return Path(find_unit(unit.site.path, Wanted(device=unit.device.id)).path).exists()
    except DeviceError:
        return False


def with_way_back(error: DynodError, file: UnfinishedFile, unit: CalibrationUnit) -> DynodError:
    """Return the error with the way back, when there are readings to come back to."""
    if not file.path.exists():
        return error
    again = f"dynod calibrate force --device {unit.device.id} --resume"
    said = f"{error}; what was read is kept, go on with: {again}"
    return DeviceError(said) if isinstance(error, DeviceError) else type(error)(said)


def plan_words(means: Means) -> Iterator[str]:
    """Yield the lines that say what the run is made with."""
    gravity = means.gravity
    yield f"{means.set_name}: {means.masses.words}"
    yield (
        f"gravity {gravity.value:.5f} ± {2.0 * gravity.standard_uncertainty:.2g} m/s² (k = 2): "
        f"{gravity.source}"
    )
    for load in means.loads:
        yield f"   {load.words}"
