"""Calibration of an inclinometer: known angles, reversal, and the fit over many poses.

As with a force, what is uncertain is a result in use: a hold less its zero at neutral. The offset
drops out of that, and so does the level of the table; both matter only to absolute angles.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from dynod.core.calibration_fit import as_rows, as_tuple, leverage
from dynod.core.calibration_uncertainty import (
    budgets_at,
    enclosed,
    limit_term,
    stated_term,
    student_term,
)
from dynod.model.calibration_record import (
    AnglePose,
    CalibrationReport,
    Distribution,
    PolynomialFit,
    ReferenceAngle,
    Reversal,
    StatedEffect,
    UncertaintyTerm,
)
from dynod.model.clinical import Kind
from dynod.model.errors import UsageError
from dynod.model.samples import FloatArray

FEWEST_POSES = 6
_SQRT2 = math.sqrt(2.0)


@dataclass(frozen=True, slots=True)
class AngleSettings:
    """How an inclinometer's calibration is evaluated.

    ``resolution`` is the smallest step of the device's number. ``cross_limit_deg``: how far the
    axis that is not measured may tilt between zero and hold; a default of ours. The report has a
    budget for each angle of the poses, and for those of ``also_at``.
    """

    resolution: float
    cross_limit_deg: float = 5.0
    stated: tuple[StatedEffect, ...] = ()
    also_at: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Angle:
    """What the terms at an angle are made of; all in deg, standard deviations.

    ``reading``: of one reading. ``mean``: of the means of the poses about the line, of whose square
    the part ``beyond`` is neither scatter of readings nor the poses' own uncertainty but lack of
    fit; ``repeats`` is how many readings a mean holds. ``references`` are |angle| and what of its
    standard uncertainty is common, in rising order.
    """

    fit: PolynomialFit
    reading: float
    reading_df: int
    mean: float
    mean_df: int
    beyond: float
    repeats: float
    cross: float | None
    references: tuple[tuple[float, float], ...]


def sine_bar(
    height: float, length: float, *, height_uncertainty: float, length_uncertainty: float
) -> ReferenceAngle:
    """Return asin(h/L) in deg with its standard uncertainty, of lengths in one unit.

    u² = (u_h/(L·cos θ))² + (tan θ·u_L/L)², the GUM's 5.1.2 of that formula; uncertainties are
    standard ones. The height is the pose's own, the length of the bar common to all. Raises
    UsageError unless |h| < L.
    """
    if not abs(height) < length:
        raise UsageError(f"a sine bar of {length:g} cannot stand on a height of {height:g}")
    angle = math.asin(height / length)
    return ReferenceAngle(
        angle_deg=math.degrees(angle),
        own_deg=math.degrees(height_uncertainty / (length * math.cos(angle))),
        common_deg=math.degrees(abs(math.tan(angle)) * length_uncertainty / length),
    )


def reversal(pairs: Sequence[tuple[float, float]]) -> Reversal:
    """Return the offset of an inclinometer from readings in one pose and turned by 180°.

    Turned round, the tilt of the surface changes its sign and the offset does not: offset
    (θ₀ + θ₁₈₀)/2, tilt (θ₀ − θ₁₈₀)/2, each the mean of the pairs, in deg. Raises UsageError
    without a pair or for a reading that is not finite.
    """
    readings = np.array(pairs, dtype=np.float64)
    if not readings.size or not np.all(np.isfinite(readings)):
        raise UsageError("a reversal test needs two readings, of a pose and of its opposite")
    offsets = readings.mean(axis=1)
    tilt = float((0.5 * (readings[:, 0] - readings[:, 1])).mean())
    count = len(offsets)
    spread = float(offsets.std(ddof=1)) / math.sqrt(count) if count > 1 else None
    return Reversal(float(offsets.mean()), tilt, spread)


def calibrate_angle(poses: Sequence[AnglePose], settings: AngleSettings) -> CalibrationReport:
    """Return the calibration of an inclinometer over at least six different poses.

    Least squares of angle = c0 + c1·x + κ·cross: offset, scale and cross-axis. κ is found where
    poses differ in their cross tilt; a certificate cannot apply it, so that it goes into the
    uncertainty. Raises UsageError with one line for poses that no line can be had from.
    """
    if not settings.resolution >= 0.0:
        raise UsageError("the resolution of the device is a number of its own, 0 or more")
    _check(poses)
    angle = _evaluated(poses)
    angles = sorted({pose.angle_deg for pose in poses})

    def terms(at: float) -> tuple[UncertaintyTerm, ...]:
        return _terms(angle, settings, at)

    whole, part = enclosed(_grid(angles), terms)
    return CalibrationReport(
        kind=Kind.ANGLE,
        fit=angle.fit,
        range_low=angles[0],
        range_high=angles[-1],
        budgets=budgets_at((*angles, *settings.also_at), terms),
        uncertainty=whole,
        unshared=part,
        cross_axis=angle.cross,
        notes=_notes(angle, poses),
    )


def _check(poses: Sequence[AnglePose]) -> None:
    different = len({(pose.angle_deg, pose.cross_deg) for pose in poses})
    if different < FEWEST_POSES:
        raise UsageError(f"{different} different poses are too few: needs {FEWEST_POSES}")
    numbers = np.array([astuple(pose) for pose in poses])
    if not np.all(np.isfinite(numbers)) or np.any(numbers[:, 3:] < 0.0):
        raise UsageError("an angle, a reading or an uncertainty is not a finite number")
    if np.ptp(numbers[:, 0]) == 0.0 or np.ptp(numbers[:, 1]) == 0.0:
        raise UsageError("all angles, or all readings, are the same: is the device connected?")


def _evaluated(poses: Sequence[AnglePose]) -> _Angle:
    fit, cross = _fitted(poses)
    residuals = np.array(fit.residuals)
    _, members, sizes = np.unique(
        np.array([(pose.angle_deg, pose.cross_deg) for pose in poses]),
        axis=0,
        return_inverse=True,
        return_counts=True,
    )
    members = members.ravel()
    count, groups = len(residuals), len(sizes)
    parameters = count - fit.degrees_of_freedom
    means = np.bincount(members, weights=residuals) / sizes
    within = residuals - means[members]
    repeats, repeated = count / groups, count - groups
    mean_square = float(sizes @ means**2) / (groups - parameters)
    reading = math.sqrt(float(within @ within) / repeated) if repeated else fit.standard_error
    own = float(np.mean([pose.own_deg**2 for pose in poses]))
    chance = reading**2 + repeats * own
    beyond = max(0.0, 1.0 - chance / mean_square) if mean_square > 0.0 else 0.0
    return _Angle(
        fit=fit,
        reading=reading,
        reading_df=repeated or fit.degrees_of_freedom,
        mean=math.sqrt(mean_square / repeats),
        mean_df=groups - parameters,
        beyond=beyond if repeated else 0.0,
        repeats=repeats,
        cross=cross,
        references=_references(poses),
    )


def _fitted(poses: Sequence[AnglePose]) -> tuple[PolynomialFit, float | None]:
    """Return the line and κ, solved together; None where the poses do not tell κ."""
    x = np.array([pose.reading for pose in poses])
    load = np.array([pose.angle_deg for pose in poses])
    tilt = np.array([pose.cross_deg for pose in poses])
    centre = float(x.mean())
    scale = float(np.abs(x - centre).max())
    columns = [np.ones(len(x)), (x - centre) / scale]
    reach = float(np.abs(tilt - tilt.mean()).max())
    if reach > 0.0:
        columns.append((tilt - tilt.mean()) / reach)
    design = np.column_stack(columns)
    if np.linalg.cond(design) > 1e6:
        raise UsageError("the cross tilt moves with the angle in all poses: vary it by itself")
    solved, *_ = np.linalg.lstsq(design, load, rcond=None)
    residuals = load - design @ solved
    freedom = len(x) - design.shape[1]
    variance = float(residuals @ residuals) / freedom
    covariance = variance * np.linalg.inv(design.T @ design)
    if reach > 0.0:
        # the certificate reads c0 without cross tilt
        shift = float(tilt.mean()) / reach
        solved[0] -= shift * solved[2]
        move = np.eye(3)
        move[0, 2] = -shift
        covariance = move @ covariance @ move.T
    change = np.array([[1.0, -centre / scale], [0.0, 1.0 / scale]])
    line = PolynomialFit(
        coefficients=as_tuple(change @ solved[:2]),
        covariance=as_rows(change @ covariance[:2, :2] @ change.T),
        centre=centre,
        scale=scale,
        scaled=as_tuple(solved[:2]),
        scaled_covariance=as_rows(covariance[:2, :2]),
        residuals=as_tuple(residuals),
        standard_error=math.sqrt(variance),
        degrees_of_freedom=freedom,
        through_zero=False,
        low=float(x.min()),
        high=float(x.max()),
    )
    return line, float(solved[2]) / reach if reach > 0.0 else None


def _references(poses: Sequence[AnglePose]) -> tuple[tuple[float, float], ...]:
    found: dict[float, float] = {}
    for pose in poses:
        at = abs(pose.angle_deg)
        found[at] = max(found.get(at, 0.0), pose.common_deg)
    return tuple(sorted(found.items()))


def _grid(angles: Sequence[float]) -> FloatArray:
    """Return the angles, the middles between them, and zero where it lies among them."""
    at = np.array(angles)
    places = np.union1d(at, 0.5 * (at[1:] + at[:-1]))
    return np.union1d(places, 0.0) if at[0] < 0.0 < at[-1] else places


def _terms(angle: _Angle, settings: AngleSettings, at: float) -> tuple[UncertaintyTerm, ...]:
    c0, c1 = angle.fit.coefficients
    spread = leverage(angle.fit, (at - c0) / c1, -c0 / c1)
    reference = float(np.interp(abs(at), *np.array(angle.references).T))
    terms = [
        UncertaintyTerm(
            "reference angle",
            reference,
            Distribution.NORMAL,
            1.0,
            1.0,
            math.inf,
            shared=True,
            source="what the uncertainties of the poses have in common",
        ),
        student_term(
            "repeatability",
            angle.reading,
            _SQRT2,
            angle.reading_df,
            source="scatter of one reading; counts for hold and zero",
        ),
        student_term(
            "interpolation",
            angle.mean,
            math.sqrt(2.0 * angle.beyond + angle.repeats * spread),
            angle.mean_df,
            shared=True,
            source="residual standard deviation of the poses about the line",
        ),
        limit_term(
            "resolution",
            0.5 * settings.resolution * abs(c1),
            sensitivity=_SQRT2,
            source="half a step of the device; counts for hold and zero",
        ),
    ]
    if angle.cross is not None:
        limit = abs(angle.cross) * settings.cross_limit_deg
        source = f"cross tilt of up to {settings.cross_limit_deg:g}° between zero and hold"
        terms.append(limit_term("cross-axis", limit, source=source))
    terms.extend(stated_term(effect, at) for effect in settings.stated)
    return tuple(terms)


def _notes(angle: _Angle, poses: Sequence[AnglePose]) -> tuple[str, ...]:
    said = (
        (angle.repeats == 1.0, "no pose was repeated: scatter and lack of fit are not told apart"),
        (angle.cross is None, "no cross tilt in any pose: the cross-axis error is not known"),
        (
            all(pose.own_deg == pose.common_deg == 0.0 for pose in poses),
            "the angles of the poses were taken as exact",
        ),
    )
    return tuple(line for holds, line in said if holds)
