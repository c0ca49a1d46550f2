"""``dynod calibrate angle``: an inclinometer against known angles, guided or from a file."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from dynod.cli.calibrate_angle_points import read_poses
from dynod.cli.calibrate_device import CalibrationUnit, LiveDevice, find_calibration_unit, run_live
from dynod.cli.calibrate_finish import Issue, Origin, finish, make_certificate
from dynod.cli.calibrate_pose import PoseTaker, TakenPoses
from dynod.cli.calibrate_unfinished import Unfinished, UnfinishedFile
from dynod.cli.port_session import show
from dynod.cli.shelf import Shelf, open_shelf
from dynod.config.angle_procedures import DEFAULT, AngleProcedure, load_angle_procedure
from dynod.core.calibration_angle import AngleSettings, calibrate_angle
from dynod.core.calibration_angle_words import angle_statements
from dynod.model.calibration_record import Reversal
from dynod.model.clinical import Kind
from dynod.model.errors import DeviceError, DynodError, UsageError
from dynod.session.guided_angle import PoseReading, result_of, steps_of
from dynod.session.steady_reading import SteadyRules
from dynod.wire.framing import IntegerField

CROSS_LIMIT_DEG = 5.0
VALIDITY_MONTHS = 12


@dataclass(frozen=True, slots=True)
class AngleRequest:
    """Which device, how, and what becomes of it.

    ``source`` is a file of poses, instead of the live device. ``resolution`` is the smallest step
    of the device's own number; None takes it from what it sends. ``again`` says what to do with an
    unfinished run: True goes on, False begins anew, None asks.
    """

    device: str
    procedure: str | None
    source: Path | None
    resolution: float | None
    again: bool | None
    issue: Issue


def run_angle(request: AngleRequest, config_path: Path, *, as_json: bool) -> None:
    """Calibrate, show what was found, and store the certificate when that is wanted."""
    unit = find_calibration_unit(config_path, request.device)
    if unit.profile.kind is not Kind.ANGLE:
        raise UsageError(f"{request.device} measures forces: `dynod calibrate force`")
    with open_shelf(config_path) as shelf:
        if request.source is not None:
            if request.procedure is not None or request.again is not None:
                raise UsageError("--from takes the poses of a file: leave out the guided run's")
            _from_file(request, request.source, unit, shelf, as_json=as_json)
        else:
            _guided(request, unit, shelf, as_json=as_json)


# -- from a file ---------------------------------------------------------------------------


def _from_file(
    request: AngleRequest, source: Path, unit: CalibrationUnit, shelf: Shelf, *, as_json: bool
) -> None:
    poses, step = read_poses(source)
    resolution = step if request.resolution is None else request.resolution
    settings = AngleSettings(resolution, CROSS_LIMIT_DEG)
    origin = Origin(
        procedure="poses from a file",
        reference=f"as stated in {source.name}",
        validity_months=VALIDITY_MONTHS,
        statements=(),
        poses=poses,
    )
    _issue(request, unit, shelf, settings, origin, None, as_json=as_json)


def _issue(
    request: AngleRequest,
    unit: CalibrationUnit,
    shelf: Shelf,
    settings: AngleSettings,
    origin: Origin,
    told: Reversal | None,
    *,
    as_json: bool,
) -> bool:
    report = calibrate_angle(origin.poses, settings)
    if report.fit.coefficients[1] <= 0.0:
        raise UsageError(
            f"{unit.device.id}: the device's number falls where the angle rises; state angles in "
            "the direction of its own number, and turn results with mount_sign in the config"
        )
    said = Origin(
        origin.procedure,
        origin.reference,
        origin.validity_months,
        angle_statements(report, told),
        poses=origin.poses,
        environment=origin.environment,
    )
    made = make_certificate(unit, report, said, request.issue, shelf.certificates())
    return finish(made, shelf, request.issue, as_json=as_json)


# -- guided --------------------------------------------------------------------------------


def _guided(request: AngleRequest, unit: CalibrationUnit, shelf: Shelf, *, as_json: bool) -> None:
    name = request.procedure or DEFAULT
    procedure = load_angle_procedure(unit.site.path.parent, name)
    file = UnfinishedFile(unit.site.config.storage.path, unit.device.id)
    before = _before(request, file, unit, name, procedure)
    guided = partial(
        _take_all, procedure=procedure, name=name, file=file, before=before, again=request.again
    )
    try:
        taken = _restored(before)
        if not (request.again and _complete(taken, procedure)):
            taken = run_live(unit, guided, aside=as_json)
    except DynodError as error:
        raise _kept(error, file) from error
    poses, told = result_of(
        procedure.plan(),
        taken.readings,
        mount_sign=unit.device.mount_sign,
        nominal_scale=scale_of(unit),
    )
    resolution = request.resolution
    if resolution is None:
        resolution = step_of(unit) or taken.step
    origin = Origin(
        procedure=procedure.title,
        reference=procedure.reference,
        validity_months=procedure.validity_months,
        statements=(),
        poses=poses,
        environment={"axis": unit.axis},
    )
    settings = AngleSettings(resolution, procedure.cross_limit_deg)
    stored = _issue(request, unit, shelf, settings, origin, told, as_json=as_json)
    if stored:
        file.remove()
    elif not as_json:
        show(f"the readings are kept: --resume comes back to this certificate ({file.path})")


def scale_of(unit: CalibrationUnit) -> float:
    """Return deg per device number by the profile; 1 where it has no scale."""
    return unit.profile.nominal_coefficients[1]


def step_of(unit: CalibrationUnit) -> float | None:
    """Return the smallest step of the device's number, where its framing says it: an integer's."""
    fields = getattr(unit.profile.framing, "fields", {})
    field = fields.get(unit.axis)
    return abs(field.scale) if isinstance(field, IntegerField) else None


def plan_of(procedure: AngleProcedure) -> str:
    """Return what tells a procedure from another one of the same name."""
    text = repr((procedure.plan(), procedure.window_s, procedure.quiet_sd_deg))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _before(
    request: AngleRequest,
    file: UnfinishedFile,
    unit: CalibrationUnit,
    name: str,
    procedure: AngleProcedure,
) -> Unfinished | None:
    """Return the unfinished run to go on with, if any; raises UsageError for another's."""
    if request.again is False:
        return None
    kept = file.load()
    if kept is None:
        if request.again:
            raise UsageError(f"--resume: there is no unfinished run ({file.path})")
        return None
    same = (kept.kind, kept.serial_number) == (Kind.ANGLE.value, unit.serial_number)
    if not same or kept.procedure != name or kept.plan != plan_of(procedure):
        raise UsageError(
            f"{file.path}: an unfinished calibration by {kept.procedure}, of unit "
            f"{kept.serial_number}, which is not this one; finish that one, or give it up with "
            "--restart"
        )
    return kept


async def _take_all(
    live: LiveDevice,
    *,
    procedure: AngleProcedure,
    name: str,
    file: UnfinishedFile,
    before: Unfinished | None,
    again: bool | None,
) -> TakenPoses:
    unit = live.unit
    if before is not None and again is None and not await _goes_on(live, before, procedure):
        before = None
    scale = scale_of(unit) if unit.profile.has_nominal_scale else None
    quiet = procedure.quiet_sd_deg / abs(scale or 1.0)
    taken = _restored(before)
    begun_at = datetime.now(UTC).isoformat() if before is None else before.begun_at

    def keep() -> None:
        file.save(
            Unfinished(
                kind=Kind.ANGLE.value,
                serial_number=unit.serial_number,
                procedure=name,
                plan=plan_of(procedure),
                begun_at=begun_at,
                readings=_as_data(taken),
            )
        )

    rules = SteadyRules(0.5 * procedure.window_s, procedure.window_s, quiet)
    await PoseTaker(live, procedure.plan(), rules, scale, taken, keep).take_all()
    return taken


def _complete(taken: TakenPoses, procedure: AngleProcedure) -> bool:
    return len(taken.readings) == len(steps_of(procedure.plan()))


async def _goes_on(live: LiveDevice, before: Unfinished, procedure: AngleProcedure) -> bool:
    count, steps = len(before.readings.get("poses", {})), len(steps_of(procedure.plan()))
    answer = await live.typed(
        f"an unfinished run of {before.begun_at[:16].replace('T', ' ')} has {count} of {steps} "
        "readings. Enter goes on with it, n begins anew."
    )
    return answer.lower() != "n"


def _restored(before: Unfinished | None) -> TakenPoses:
    if before is None:
        return TakenPoses()
    kept: dict[str, Any] = before.readings
    readings = {int(number): PoseReading(**values) for number, values in kept["poses"].items()}
    return TakenPoses(readings, float(kept["step"]))


def _as_data(taken: TakenPoses) -> dict[str, Any]:
    poses = {str(number): asdict(reading) for number, reading in taken.readings.items()}
    return {"poses": poses, "step": taken.step}


def _kept(error: DynodError, file: UnfinishedFile) -> DynodError:
    """Return the error with the way back, when there are readings to come back to."""
    if not file.path.exists():
        return error
    said = f"{error}; the readings are kept, go on with --resume"
    return DeviceError(said) if isinstance(error, DeviceError) else type(error)(said)
