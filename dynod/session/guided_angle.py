"""The guided calibration of an inclinometer: which pose comes next, and what a reading is worth.

First the reversal: the device lies on its table, is turned round by 180° and lies there again,
which tells how far the table is off level. Then the poses, in several rounds. Angles of a plan are
those of results (`mount_sign` included); a certificate's are those of the device's own number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dynod.core.calibration_angle import reversal
from dynod.model.calibration_record import AnglePose, Reversal
from dynod.model.errors import UsageError

FAR_DEG = 10.0
"""Further than this from the pose, by the nominal scale, is another pose. A default of ours."""

CROSS_FAR_DEG = 5.0
_CROSS_SEEN_DEG = 60.0  # steeper than this, the angle across says little
_SLIGHT_DEG = 3.0


@dataclass(frozen=True, slots=True)
class PlannedPose:
    """A known angle in deg, as results count it; uncertainties as those of `AnglePose`."""

    label: str
    angle_deg: float
    cross_deg: float = 0.0
    own_deg: float = 0.0
    common_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class AnglePlan:
    """What a guided run goes through: pairs of the reversal, then all poses, ``rounds`` times."""

    title: str
    poses: tuple[PlannedPose, ...]
    reversals: int = 1
    rounds: int = 2


@dataclass(frozen=True, slots=True)
class PoseStep:
    """One placing of the device. ``pose`` is None in a reversal, whose second half is ``turned``.

    ``round`` counts from 1.
    """

    pose: PlannedPose | None
    turned: bool
    round: int

    @property
    def angle_deg(self) -> float:
        """The angle that is expected in deg; that of a reversal is none."""
        return 0.0 if self.pose is None else self.pose.angle_deg


@dataclass(frozen=True, slots=True)
class PoseReading:
    """What was read at one step: the device's own number, and the angle across in deg, if known.

    ``angle_deg`` is the true angle where the technician typed one instead of the plan's.
    """

    number: float
    cross_deg: float | None = None
    angle_deg: float | None = None


def steps_of(plan: AnglePlan) -> tuple[PoseStep, ...]:
    """Return the steps of a plan, in order; one reading belongs to each."""
    pairs = (
        PoseStep(None, turned, number)
        for number in range(1, plan.reversals + 1)
        for turned in (False, True)
    )
    poses = (
        PoseStep(pose, turned=False, round=number)
        for number in range(1, plan.rounds + 1)
        for pose in plan.poses
    )
    return (*pairs, *poses)


def words_of(plan: AnglePlan, step: PoseStep) -> str:
    """Return what the technician is to do."""
    if step.pose is None and not step.turned:
        return "lay it on the table, level, and draw round it"
    if step.pose is None:
        return "turn it round by 180° on the table, into the same outline"
    back = plan.reversals and step.round == 1 and step.pose is plan.poses[0]
    first = "turn it back, and keep it facing so in all poses: " if back else ""
    across = f", tilted across by {step.pose.cross_deg:g}°" if step.pose.cross_deg else ""
    in_round = f" (round {step.round} of {plan.rounds})" if plan.rounds > 1 else ""
    return f"{first}{step.pose.label}: {step.pose.angle_deg:.6g}°{across}{in_round}"


def doubt_of(step: PoseStep, shown_deg: float | None, cross_deg: float | None) -> str | None:
    """Return why a reading is hardly that of its pose; None when it may be.

    ``shown_deg`` is the result by the nominal scale, None without one. The pose may have been
    taken from a typed angle: the caller then puts that into the step.
    """
    expected = step.angle_deg
    if shown_deg is not None and abs(shown_deg - expected) > FAR_DEG:
        said = f"it shows {shown_deg:.1f}° where {expected:.6g}° is expected"
        if abs(shown_deg + expected) <= FAR_DEG:
            return f"{said}: tilt it the other way"
        return f"{said}: is this the pose?"
    planned = 0.0 if step.pose is None else step.pose.cross_deg
    seen = cross_deg is not None and abs(expected) <= _CROSS_SEEN_DEG
    if seen and cross_deg is not None and abs(abs(cross_deg) - abs(planned)) > CROSS_FAR_DEG:
        return f"it is tilted across by {cross_deg:.1f}° where {planned:g}° is expected"
    return None


def result_of(
    plan: AnglePlan, readings: Mapping[int, PoseReading], *, mount_sign: int, nominal_scale: float
) -> tuple[tuple[AnglePose, ...], Reversal | None]:
    """Return the poses as the device saw them, and what the reversal told.

    ``readings`` are by the number of their step. The table's tilt, from the reversal, is added to
    the angle of every pose: they all stand on it. ``nominal_scale`` turns the device's own number
    into deg; it need not be exact, as that tilt is small. Raises UsageError for a missing reading,
    and for a table too far off level.
    """
    steps = steps_of(plan)
    missing = [number for number in range(len(steps)) if number not in readings]
    if missing:
        raise UsageError(f"{len(missing)} of {len(steps)} readings are missing")
    pairs = _pairs(steps, readings, nominal_scale)
    told = reversal(pairs) if pairs else None
    tilt = 0.0 if told is None else told.tilt_deg
    if abs(tilt) > _SLIGHT_DEG:
        raise UsageError(
            f"the table is {tilt:.1f}° off level: level it, or turn the device by 180° exactly"
        )
    poses = (
        _pose(step.pose, readings[number], tilt, mount_sign)
        for number, step in enumerate(steps)
        if step.pose is not None
    )
    return tuple(poses), told


def _pairs(
    steps: Sequence[PoseStep], readings: Mapping[int, PoseReading], nominal_scale: float
) -> list[tuple[float, float]]:
    numbers = [
        nominal_scale * readings[place].number
        for place, step in enumerate(steps)
        if step.pose is None
    ]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _pose(
    planned: PlannedPose, reading: PoseReading, tilt_deg: float, mount_sign: int
) -> AnglePose:
    angle = planned.angle_deg if reading.angle_deg is None else reading.angle_deg
    cross = planned.cross_deg
    if cross and reading.cross_deg is not None and abs(angle) <= _CROSS_SEEN_DEG:
        # by whole degrees, so that the same pose of two rounds counts as repeated
        cross = float(round(reading.cross_deg))
    return AnglePose(
        angle_deg=mount_sign * angle + tilt_deg,
        reading=reading.number,
        cross_deg=cross,
        own_deg=planned.own_deg,
        common_deg=planned.common_deg,
    )
