"""The guided run of an inclinometer: pose by pose, each read when it lies still."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dynod.cli.calibrate_device import LiveDevice, StoppedError
from dynod.session.guided_angle import (
    AnglePlan,
    PoseReading,
    PoseStep,
    doubt_of,
    steps_of,
    words_of,
)
from dynod.session.steady_reading import SteadyRules

_KEYS = "Enter reads, r repeats the last, q interrupts, or type the true angle"


@dataclass(slots=True)
class TakenPoses:
    """What was read so far, by the number of the step, and the smallest step of the number."""

    readings: dict[int, PoseReading] = field(default_factory=dict)
    step: float = 0.0


class PoseTaker:
    """Goes through a plan at a live device; ``keep`` is called after each reading.

    ``scale`` is deg per device number by the profile; None where it has no scale.
    """

    def __init__(
        self,
        live: LiveDevice,
        plan: AnglePlan,
        rules: SteadyRules,
        scale: float | None,
        taken: TakenPoses,
        keep: Callable[[], None],
    ) -> None:
        self._live = live
        self._plan = plan
        self._rules = rules
        self._scale = scale
        self._taken = taken
        self._keep = keep
        self._sign = live.unit.device.mount_sign
        self._cross = cross_channel(live)

    async def take_all(self) -> None:
        """Take every reading that is missing. Raises StoppedError when the user interrupts."""
        live, steps = self._live, steps_of(self._plan)
        live.say(f"{live.unit.device.id}, axis {live.unit.axis}: {self._plan.title}")
        live.say(f"   {_KEYS}")
        number = next((n for n in range(len(steps)) if n not in self._taken.readings), len(steps))
        while number < len(steps):
            prompt = f"{number + 1} of {len(steps)}. {words_of(self._plan, steps[number])}"
            answer = await self._asked(prompt)
            if answer == "r":
                number = max(number - 1, 0)
                continue
            reading = await self._read(steps[number], answer)
            if reading is not None:
                self._taken.readings[number] = reading
                self._keep()
                number += 1
                while number in self._taken.readings:
                    number += 1

    async def _asked(self, prompt: str) -> str | float:
        """Return ``r``, ``t``, nothing, or the angle that was typed."""
        while True:
            answer = (await self._live.typed(prompt)).lower()
            if answer == "q":
                raise StoppedError("interrupted")
            if answer in {"", "r", "t"}:
                return answer
            try:
                angle = float(answer.replace(",", ".").rstrip("°"))
            except ValueError:
                angle = float("nan")
            if -180.0 <= angle <= 180.0:
                return angle
            self._live.say(f"   {answer!r} is no angle; {_KEYS}")

    async def _read(self, step: PoseStep, answer: str | float) -> PoseReading | None:
        """Return a reading; None when the user goes for another pose after a doubt."""
        typed = answer if isinstance(answer, float) and step.pose is not None else None
        expected = step
        if typed is not None and step.pose is not None:
            expected = replace(step, pose=replace(step.pose, angle_deg=typed))
        steady, cross = await self._live.steady(self._rules, self._shown, also=self._cross)
        self._taken.step = finer(self._taken.step, self._live.step)
        doubt = doubt_of(expected, self._shown_deg(steady.mean), cross)
        if doubt is not None:
            self._live.say(f"   {doubt}")
            if await self._asked("   Enter goes back to this pose, t takes it as it is.") != "t":
                return None
        self._live.say(f"   {self._shown(steady.mean)}{self._off(expected, steady.mean)}")
        return PoseReading(steady.mean, cross, typed)

    def _shown_deg(self, number: float) -> float | None:
        return None if self._scale is None else self._sign * self._scale * number

    def _shown(self, number: float) -> str:
        shown_deg = self._shown_deg(number)
        return f"{number:.6g}" if shown_deg is None else f"{shown_deg:.3f}°"

    def _off(self, step: PoseStep, number: float) -> str:
        shown_deg = self._shown_deg(number)
        if step.pose is None or shown_deg is None:
            return ""
        return f", {shown_deg - step.angle_deg:+.3f}° by its own scale"


def cross_channel(live: LiveDevice) -> str | None:
    """Return the channel of the angle across the axis; a heading is none."""
    others = (name for name in live.unit.profile.channels if name != live.unit.axis)
    return next((name for name in others if name not in {"yaw", "heading"}), None)


def finer(known: float, seen: float) -> float:
    """Return the smaller of two steps, of which 0 is none."""
    steps = [step for step in (known, seen) if step > 0.0]
    return min(steps, default=0.0)
