"""``dynod calibrate force``: a gauge against weights, guided or from recorded points."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dynod.cli.calibrate_device import CalibrationUnit, find_calibration_unit
from dynod.cli.calibrate_finish import Issue, Origin, finish, make_certificate
from dynod.cli.calibrate_force_run import (
    Choice,
    ForceRun,
    Means,
    Progress,
    begun,
    check_same,
    kept_run,
    means_of,
    plan_words,
    restored,
    with_way_back,
)
from dynod.cli.calibrate_points import PointsFile, read_points
from dynod.cli.calibrate_unfinished import UnfinishedFile
from dynod.cli.port_session import show
from dynod.cli.shelf import Shelf, open_shelf
from dynod.config.problems import unknown
from dynod.config.settings import DeviceConfig
from dynod.config.site import load_site
from dynod.core.calibration_force import ForceSettings, calibrate_force
from dynod.core.calibration_points import calibrate_points
from dynod.core.calibration_uncertainty import creep_effect
from dynod.core.calibration_words import force_statements
from dynod.model.calibration_record import CalibrationReport, CalibrationRun, LoadPoint
from dynod.model.clinical import Kind
from dynod.model.errors import DynodError, UsageError
from dynod.session.guided_force import GuidedForce

VALIDITY_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Fitting:
    """How the curve is made. ``resolution`` None takes the step of the device's own numbers."""

    degree: int | None = None
    through_zero: bool = False
    weighted: bool = False
    resolution: float | None = None


@dataclass(frozen=True, slots=True)
class ForceRequest:
    """Which unit, by what, and what becomes of it.

    ``device`` is of the config, or None where ``profile`` and ``serial_number`` name the unit that
    the points of ``source`` are of. ``again`` says what to do with an unfinished run: True goes on,
    False begins anew, None asks.
    """

    device: str | None
    profile: str | None
    serial_number: str | None
    choice: Choice
    source: Path | None
    again: bool | None
    fitting: Fitting
    issue: Issue


def run_force(request: ForceRequest, config_path: Path, *, as_json: bool) -> None:
    """Calibrate, show what was found, and store the certificate when that is wanted."""
    unit = _unit_of(request, config_path)
    if unit.profile.kind is not Kind.FORCE:
        raise UsageError(f"{unit.device.id} measures angles: `dynod calibrate angle`")
    with open_shelf(config_path) as shelf:
        if request.source is None:
            _guided(request, unit, shelf, as_json=as_json)
        else:
            _from_file(request, request.source, unit, shelf, as_json=as_json)


def _unit_of(request: ForceRequest, config_path: Path) -> CalibrationUnit:
    named = request.profile is not None or request.serial_number is not None
    if request.device is not None:
        if named:
            raise UsageError("--device says which unit it is: leave out --profile and --serial")
        return find_calibration_unit(config_path, request.device)
    if request.source is None:
        raise UsageError("name the device that is calibrated with --device")
    if request.profile is None or request.serial_number is None:
        raise UsageError("say whose points these are: --device, or --profile with --serial")
    site = load_site(config_path, os.environ)
    profile = site.profiles.get(request.profile)
    if profile is None:
        raise UsageError(
            f"--profile {request.profile}: {unknown(request.profile, site.profiles, 'profile')}"
        )
    device = DeviceConfig(id="points", profile=profile.key, serial_number=request.serial_number)
    return CalibrationUnit(site, device, profile, request.serial_number)


# -- from a file ---------------------------------------------------------------------------


def _from_file(
    request: ForceRequest, source: Path, unit: CalibrationUnit, shelf: Shelf, *, as_json: bool
) -> None:
    if request.choice != Choice() or request.again is not None:
        raise UsageError("--from takes the points of a file: leave out the guided run's options")
    file = read_points(source)
    settings = _settings(request.fitting, file.step)
    report = _report_of(file, settings)
    origin = Origin(
        procedure="points from a file",
        reference=f"as stated in {source.name}",
        validity_months=VALIDITY_MONTHS,
        statements=force_statements(report, _behind_fit(file)),
        runs=file.runs or (CalibrationRun(file.points),),
    )
    made = make_certificate(unit, report, origin, request.issue, shelf.certificates())
    finish(made, shelf, request.issue, as_json=as_json)


def _report_of(file: PointsFile, settings: ForceSettings) -> CalibrationReport:
    """Evaluate runs as runs, where the file tells them apart and they have a zero."""
    if _in_runs(file):
        return calibrate_force(file.runs, gravity=None, air=None, settings=settings)
    return calibrate_points(file.points, settings=settings)


def _behind_fit(file: PointsFile) -> tuple[LoadPoint, ...]:
    return _means(file.runs) if _in_runs(file) else file.points


def _in_runs(file: PointsFile) -> bool:
    return bool(file.runs) and any(point.load == 0.0 for point in file.points)


def _means(runs: tuple[CalibrationRun, ...]) -> tuple[LoadPoint, ...]:
    """Return the loads that the residuals of a fit to means of runs belong to, in its order."""
    loads = sorted({round(point.load, 6) for run in runs for point in run.points})
    return tuple(LoadPoint(load, 0.0) for load in loads)


def _settings(fitting: Fitting, step: float, highest_degree: int = 2) -> ForceSettings:
    return ForceSettings(
        resolution=step if fitting.resolution is None else fitting.resolution,
        highest_degree=fitting.degree or highest_degree,
        through_zero=fitting.through_zero,
        weighted=fitting.weighted,
    )


# -- guided --------------------------------------------------------------------------------


def _guided(request: ForceRequest, unit: CalibrationUnit, shelf: Shelf, *, as_json: bool) -> None:
    file = UnfinishedFile(unit.site.config.storage.path, unit.device.id)
    kept = kept_run(file, again=request.again)
    means = means_of(unit, request.choice.after(kept))
    if kept is not None:
        check_same(kept, file, unit, means)
    progress = begun(means, unit) if kept is None else restored(kept, means, unit)
    if not as_json:
        for line in plan_words(means):
            show(line)
    try:
        if progress.guided.step is not None:
            asks = kept is not None and request.again is None
            ForceRun(unit, means, file, progress, aside=as_json).take(asks=asks)
        report = _evaluated(request.fitting, means, progress)
    except DynodError as error:
        raise with_way_back(error, file, unit) from error
    stored = _issue(request.issue, means, progress, report, unit, shelf, as_json=as_json)
    if stored:
        file.remove()
    elif not as_json:
        show(
            f"the readings are kept in {file.path}: --resume comes back to them, "
            "--restart gives them up"
        )


# -- its end -------------------------------------------------------------------------------


def _evaluated(fitting: Fitting, means: Means, progress: Progress) -> CalibrationReport:
    procedure = means.procedure
    step = progress.step or progress.guided.step_by_decimals()
    settings = _settings(fitting, step, procedure.highest_degree)
    creep = progress.guided.creep_percent()
    stated = (*procedure.stated(), *(() if creep is None else (creep_effect(creep),)))
    return calibrate_force(
        progress.guided.runs(),
        gravity=means.gravity,
        air=means.air,
        settings=replace(settings, stated=stated),
    )


def _issue(
    issue: Issue,
    means: Means,
    progress: Progress,
    report: CalibrationReport,
    unit: CalibrationUnit,
    shelf: Shelf,
    *,
    as_json: bool,
) -> bool:
    guided = progress.guided
    runs = guided.runs()
    said = [*force_statements(report, _means(runs)), *_remarks(guided, progress, means)]
    origin = Origin(
        procedure=f"{means.name}: {means.procedure.title}",
        reference=f"{means.set_name}: {means.masses.words}",
        validity_months=means.procedure.validity_months,
        statements=tuple(said),
        runs=runs,
        environment={
            "gravity_m_per_s2": f"{means.gravity.value:.5f}",
            "gravity_source": means.gravity.source,
            "buoyancy_factor": f"{means.air.factor:.6f}",
            "warm_up_minutes": f"{means.procedure.warm_up_minutes:g}",
        },
    )
    if means.masses.example:
        issue = replace(issue, dry_run=True)
    made = make_certificate(unit, report, origin, issue, shelf.certificates())
    return finish(made, shelf, issue, as_json=as_json)


def _remarks(guided: GuidedForce, progress: Progress, means: Means) -> Iterator[str]:
    creep = guided.creep_percent()
    if creep is not None:
        yield f"crept by {creep:+.3f} % in {means.procedure.creep_hold_s:g} s under load"
    if not progress.step:
        step = guided.step_by_decimals()
        yield f"the device's number never moved within a reading: its step is taken to be {step:g}"
    yield from guided.remarks
    if means.masses.example:
        yield "A REHEARSAL with an example set of masses: it is not stored"
