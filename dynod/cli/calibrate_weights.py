"""The guided run of a force gauge: weight by weight, each read when it stands still."""

from collections.abc import Callable

from dynod.cli.calibrate_device import LiveDevice, StoppedError
from dynod.session.force_plan import ForceStep, StepKind
from dynod.session.guided_force import GuidedForce
from dynod.session.steady_reading import Steady

_KEYS = "Enter goes on; r repeats the last reading, n begins the run anew, q interrupts"


class WeightTaker:
    """Goes through a guided run at a live device; ``keep`` is called after each step.

    ``step`` of the device's number, the smallest that was seen, is handed to ``finer``.
    """

    def __init__(
        self,
        live: LiveDevice,
        guided: GuidedForce,
        keep: Callable[[], None],
        finer: Callable[[float], None],
    ) -> None:
        self._live = live
        self._guided = guided
        self._keep = keep
        self._finer = finer

    async def take_all(self) -> None:
        """Do every step that is left. Raises StoppedError when the user interrupts."""
        live = self._live
        live.say(f"{live.unit.device.id}: {self._guided.plan.title}")
        live.say(f"   {_KEYS}")
        while (step := self._guided.step) is not None:
            if step.kind in {StepKind.WARM_UP, StepKind.CREEP}:
                live.say(self._guided.words())
            else:
                answer = await self._asked(self._guided.words())
                if answer:
                    self._go_back(answer)
                    continue
            await self._do(step)

    async def _asked(self, prompt: str, more: str = "") -> str:
        """Return what was typed: nothing, ``r``, ``n``, or a letter of ``more``."""
        while True:
            answer = (await self._live.typed(prompt)).lower()
            if answer == "q":
                raise StoppedError("interrupted")
            if answer in {"", "r", "n", *more}:
                return answer
            self._live.say(f"   {answer!r} means nothing here; {_KEYS}")

    def _go_back(self, answer: str) -> None:
        went = self._guided.repeat() if answer == "r" else self._guided.begin_run_anew()
        if went:
            self._keep()
        else:
            what = "no reading to repeat" if answer == "r" else "no run under way"
            self._live.say(f"   there is {what} yet")

    # -- one step ----------------------------------------------------------------------------

    async def _do(self, step: ForceStep) -> None:
        if step.kind is StepKind.WARM_UP:
            await self._wait(self._guided.plan.warm_up_s, "warming up", "the warm-up")
        if not step.reads:
            self._guided.go_on()
            self._keep()
            return
        hold_s = self._guided.hold_s
        if hold_s > 0.0:
            await self._wait(hold_s, "holding", f"holding the load of step {self._guided.at + 1}")
        while True:
            reading = await self._read()
            doubt = self._guided.doubt(reading)
            answer = "" if doubt is None else await self._doubted(doubt)
            if answer in {"r", "n"}:
                self._go_back(answer)
                return
            if doubt is None or answer == "t":
                break
        self._guided.record(reading, despite=doubt)
        self._keep()  # before it is shown: what was shown is never lost
        self._live.say(self._result(step, reading))

    async def _wait(self, seconds: float, doing: str, what: str) -> None:
        """Let time pass; Enter cuts it short, which the certificate will say."""
        self._live.say(f"   {doing}; Enter cuts it short")
        left_s = await self._live.pause(seconds, doing, self._shown)
        if left_s > 0.0:
            self._guided.remarks.append(f"{what} was cut short after {seconds - left_s:.0f} s")

    async def _read(self) -> Steady:
        if self._guided.single_reading:
            self._live.say("   send a reading with the key of the device")
        reading, _ = await self._live.steady(self._guided.rules, self._shown)
        self._finer(self._live.step)
        return reading

    async def _doubted(self, doubt: str) -> str:
        self._live.say(f"   {doubt}")
        return await self._asked("   Put it right: Enter reads again, t takes it as it is.", "t")

    def _shown(self, number: float) -> str:
        force_n = self._guided.in_newtons(number)
        return f"{number:.7g}" if force_n is None else f"{number:.7g} = {force_n:.2f} N"

    def _result(self, step: ForceStep, reading: Steady) -> str:
        number = f"   {reading.mean:.7g} ± {reading.sd:.2g}"
        if step.load is None:
            return f"{number} without load"
        force_n, residual_n = self._guided.in_newtons(reading.mean), self._guided.residual_n()
        if force_n is None or residual_n is None:
            return number
        return f"{number} = {force_n:.2f} N; off a straight line so far by {residual_n:+.2f} N"
