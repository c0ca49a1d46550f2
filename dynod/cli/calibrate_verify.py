"""``dynod calibrate verify``: the weekly check of a unit with one weight or one known angle."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from dynod.cli import svg
from dynod.cli.calibrate_device import (
    CalibrationUnit,
    LiveDevice,
    StoppedError,
    find_calibration_unit,
    run_live,
)
from dynod.cli.calibrate_history import history_data, last_checks, show_history, trend_of
from dynod.cli.calibrate_reference import KnownLoad
from dynod.cli.drift_chart import drift_chart
from dynod.cli.output import print_json
from dynod.cli.port_session import show
from dynod.cli.shelf import Shelf, open_shelf, user_name
from dynod.core.calibration import judge_calibration
from dynod.core.verification import verify
from dynod.model.calibration import Calibration, CalibrationStatus, Certificate
from dynod.model.calibration_record import Check, Verification
from dynod.model.clinical import Kind
from dynod.model.errors import DeviceError, DynodError, UsageError
from dynod.session.guided_check import doubt_of_load, doubt_of_zero
from dynod.session.steady_reading import SteadyRules

WINDOW_S = 2.0
QUIET = {Kind.FORCE: 0.5, Kind.ANGLE: 0.1}
"""N and deg: a reading that swings by no more (standard deviation) is steady. Ours."""


class CheckFailedError(DynodError):
    """The unit did not pass: what to do is in the message."""


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """Which device, and what shall be done: a check with a known load, or a look at the past.

    ``load`` names the weight or the angle; None only looks at ``history``. ``plot`` is the file of
    the drift chart. A reading must stay quiet for ``window_s``, after half of that to settle.
    """

    device: str
    load: Callable[[CalibrationUnit], KnownLoad] | None
    history: bool
    plot: Path | None
    operator: str | None = None
    note: str | None = None
    window_s: float = WINDOW_S


def run_verify(request: VerifyRequest, config_path: Path, *, as_json: bool) -> None:
    """Check the unit, or show its past checks. Raises CheckFailedError when it did not pass."""
    unit = find_calibration_unit(config_path, request.device)
    with open_shelf(config_path) as shelf:
        if request.history:
            if request.load is not None:
                raise UsageError("--history only looks back: leave out weights, load and angle")
            _look_back(request, unit, shelf, as_json=as_json)
            return
        if request.load is None:
            what = "--angle-deg" if unit.profile.kind is Kind.ANGLE else "--weights or --load-n"
            raise UsageError(f"name what {request.device} is checked with: {what}; or --history")
        _check(request, unit, shelf, request.load(unit), as_json=as_json)


def _check(
    request: VerifyRequest,
    unit: CalibrationUnit,
    shelf: Shelf,
    load: KnownLoad,
    *,
    as_json: bool,
) -> None:
    certificates = shelf.certificates()
    calibration = calibration_of(unit, certificates, datetime.now(UTC))
    _refuse_bare_counts(unit, calibration)
    made = _made(request, unit, load, calibration, as_json=as_json)
    if not load.example:
        shelf.add_verification(made)
    history = shelf.verifications(made.profile, made.serial_number)
    certificate = certificate_of(certificates, calibration)
    if request.plot is not None:
        svg.write(request.plot, drift_chart(history, made.limits, certificate))
    warnings = trend_of(history, certificate).warnings
    if as_json:
        data = {"device": unit.device.id, "stored": not load.example, "warnings": list(warnings)}
        print_json(history_data([made])[0] | data)
    else:
        _tell(made, calibration, warnings, load)
    if not made.result.passed and not load.example:
        raise CheckFailedError(
            f"{unit.device.id}: the check failed; trials with this device do not count until a"
            " check is passed or a new certificate is there"
        )


def _made(
    request: VerifyRequest,
    unit: CalibrationUnit,
    load: KnownLoad,
    calibration: Calibration,
    *,
    as_json: bool,
) -> Verification:
    """Return the check that was made at the device."""
    rules = steady_rules(unit, calibration, request.window_s)
    guided = partial(_guided, load=load, calibration=calibration, rules=rules)
    try:
        zero, reading = run_live(unit, guided, aside=as_json)
    except StoppedError as error:
        raise StoppedError(f"{error}; nothing was stored") from error
    except DeviceError as error:
        raise DeviceError(f"{error}; nothing was stored") from error
    limits = unit.site.config.calibration.check_limits
    check = Check(datetime.now(UTC), unit.profile.kind, load.value, reading, zero)
    return Verification(
        profile=unit.device.profile,
        serial_number=unit.serial_number,
        certificate_id=calibration.certificate_id,
        check=check,
        result=verify(check, limits),
        limits=limits,
        operator=request.operator or user_name(),
        reference=load.words,
        note=request.note,
    )


def _tell(
    made: Verification, calibration: Calibration, warnings: Sequence[str], load: KnownLoad
) -> None:
    if load.example:
        show("A REHEARSAL with an example set of masses: nothing is stored")
    for line in _in_words(made, calibration):
        show(line)
    for warning in warnings:
        show(f"warning: {warning}; calibrate before it fails")


def calibration_of(
    unit: CalibrationUnit, certificates: tuple[Certificate, ...], at: datetime
) -> Calibration:
    """Return what is applied to the unit at a time: its newest certificate, or its own scale."""
    return judge_calibration(
        certificates,
        profile=unit.device.profile,
        serial_number=unit.serial_number,
        nominal_coefficients=unit.profile.nominal_coefficients,
        at=at,
        allow_nominal=unit.site.config.calibration.allow_nominal,
    )


def _refuse_bare_counts(unit: CalibrationUnit, calibration: Calibration) -> None:
    if calibration.certificate_id is None and not unit.profile.has_nominal_scale:
        raise UsageError(
            f"{unit.device.id} has no certificate, and its bare counts cannot be checked without:"
            f" calibrate it with `dynod calibrate {unit.profile.kind.value}`"
        )


def certificate_of(
    certificates: tuple[Certificate, ...], calibration: Calibration
) -> Certificate | None:
    """Return the certificate that a calibration rests on."""
    wanted = calibration.certificate_id
    return next((item for item in certificates if item.certificate_id == wanted), None)


def steady_rules(unit: CalibrationUnit, calibration: Calibration, window_s: float) -> SteadyRules:
    """Return when the unit's own number is steady: `QUIET`, turned into that number.

    Of a gauge that sends single readings each counts as it is.
    """
    quiet = QUIET[unit.profile.kind] / abs(_slope(calibration.coefficients))
    if unit.profile.single_reading:
        return SteadyRules(0.0, 0.0, quiet)
    return SteadyRules(0.5 * window_s, window_s, quiet)


def _slope(coefficients: tuple[float, ...]) -> float:
    """Return N (or deg) per device number where the curve has its zero, found by Newton's steps."""
    at, slope = 0.0, coefficients[1]
    for _ in range(8):
        value = sum(c * at**power for power, c in enumerate(coefficients))
        slope = sum(
            power * c * at ** (power - 1) for power, c in enumerate(coefficients) if power > 0
        )
        if slope == 0.0:
            return coefficients[1] or 1.0
        at -= value / slope
    return slope


# -- the guided part -----------------------------------------------------------------------


async def _guided(
    live: LiveDevice, load: KnownLoad, calibration: Calibration, rules: SteadyRules
) -> tuple[float, float]:
    """Take the zero and then the load; return both results in N or deg."""
    kind = live.unit.profile.kind
    for line in _state_words(live.unit, calibration, load):
        live.say(line)
    first = "lay it level" if kind is Kind.ANGLE else "take everything off it"
    zero = await _read(
        live,
        f"1. {live.unit.device.id}: {first}, as it is held in use.",
        calibration,
        rules,
        lambda value: doubt_of_zero(kind, value, load.value),
    )
    live.say(f"   zero {zero:+.2f} {_unit(kind)}")
    reading = await _read(
        live,
        f"2. {'Tilt it to' if kind is Kind.ANGLE else 'Put on'} {load.words}.",
        calibration,
        rules,
        lambda value: doubt_of_load(kind, value - zero, load.value),
    )
    return zero, reading


async def _read(
    live: LiveDevice,
    prompt: str,
    calibration: Calibration,
    rules: SteadyRules,
    doubt: Callable[[float], str | None],
) -> float:
    """Ask, read and ask again while the reading is in doubt; return the result in N or deg."""
    unit = live.unit
    kind, sign = unit.profile.kind, float(unit.device.mount_sign)

    def result(number: float) -> float:
        return sign * _applied(calibration, number)

    def shown(number: float) -> str:
        return f"{result(number):.2f} {_unit(kind)}"

    await _go(live, f"{prompt} Enter reads it, q ends.")
    while True:
        if unit.profile.single_reading:
            live.say("   send a reading with its key")
        steady, _ = await live.steady(rules, shown)
        value = result(steady.mean)
        reason = doubt(value)
        if reason is None:
            return value
        live.say(f"   {reason}")
        answer = await _go(live, "   Enter reads it again, t takes it as it is, q ends.")
        if answer == "t":
            return value


async def _go(live: LiveDevice, prompt: str) -> str:
    answer = (await live.typed(prompt)).lower()
    if answer == "q":
        raise StoppedError("ended")
    return answer


def _applied(calibration: Calibration, number: float) -> float:
    return sum(c * number**power for power, c in enumerate(calibration.coefficients))


# -- words ---------------------------------------------------------------------------------


def _unit(kind: Kind) -> str:
    return "deg" if kind is Kind.ANGLE else "N"


def _state_words(unit: CalibrationUnit, calibration: Calibration, load: KnownLoad) -> Iterator[str]:
    name = f"{unit.device.id} ({unit.device.profile}, serial number {unit.serial_number})"
    until = "" if calibration.valid_until is None else f"{calibration.valid_until.date()}"
    held = f"certificate {calibration.certificate_id}"
    words = {
        CalibrationStatus.CERTIFIED: f"{held}, valid until {until}",
        CalibrationStatus.EXPIRED: f"{held} expired on {until}: a check cannot replace a new one",
        CalibrationStatus.REVOKED: f"{held} was revoked: a check cannot replace a new one",
        CalibrationStatus.NOMINAL: "no certificate: the nominal scale is checked",
        CalibrationStatus.NONE: "no certificate: the nominal scale is checked; trials do not count",
    }
    yield f"{name}: {words[calibration.status]}"
    low, high = calibration.range_low, calibration.range_high
    kind, value = unit.profile.kind, unit.device.mount_sign * load.value
    if low is not None and high is not None and not low <= value <= high:
        yield (
            f"{load.value:.6g} {_unit(kind)} lies beyond the certificate, which holds from "
            f"{low:.6g} to {high:.6g} {_unit(kind)}: better take a load within"
        )


def _in_words(verification: Verification, calibration: Calibration) -> Iterator[str]:
    check, result = verification.check, verification.result
    unit = _unit(check.kind)
    if result.passed:
        yield (
            f"passed: {check.reading - check.zero:.2f} {unit} at {check.reference:.2f} {unit}, "
            f"off by {result.error:+.2f} (allowed ±{result.limit:.2f}); "
            f"zero {result.zero:+.2f} (allowed ±{result.zero_limit:.2f})"
        )
    for problem in result.problems:
        yield f"failed: it {problem}"
    if calibration.status in {CalibrationStatus.EXPIRED, CalibrationStatus.REVOKED}:
        yield f"its certificate is {calibration.status.value}: trials do not count"


def _look_back(
    request: VerifyRequest, unit: CalibrationUnit, shelf: Shelf, *, as_json: bool
) -> None:
    history = shelf.verifications(unit.device.profile, unit.serial_number)
    certificates = shelf.certificates()
    calibration = calibration_of(unit, certificates, datetime.now(UTC))
    certificate = certificate_of(certificates, calibration)
    if request.plot is not None:
        limits = unit.site.config.calibration.check_limits
        svg.write(request.plot, drift_chart(history, limits, certificate))
    trend = trend_of(history, certificate)
    if as_json:
        print_json(
            {
                "device": unit.device.id,
                "checks": history_data(history),
                "checks_in_trend": len(last_checks(history)),
                "per_week": trend.per_week,
                "zero_per_week": trend.zero_per_week,
                "warnings": list(trend.warnings),
            }
        )
    else:
        show_history(history, trend)
