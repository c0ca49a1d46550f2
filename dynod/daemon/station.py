"""The station: one workflow, its devices, and the order in which things happen at a press.

Every input takes the lock, becomes a step, is committed if it changes records, and only then
counts. While a trial is analysed the lock is free, the phase says ``analysing``, and trial inputs
are refused as they come in.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from dynod.core.analysis import analyse
from dynod.core.settings import AnalysisSettings
from dynod.daemon import chronicle
from dynod.daemon.clock import instant
from dynod.daemon.clock_base import clock_base
from dynod.daemon.devices import StationDevices, StreamMoment
from dynod.daemon.records import Letterhead, prepare_change
from dynod.daemon.writer import Writer
from dynod.model.calibration import Calibration
from dynod.model.clinical import Fixation
from dynod.model.errors import StorageError
from dynod.model.flags import Flag
from dynod.model.session import Phase
from dynod.model.trial import Analysis, Recording
from dynod.session.buttons import ButtonAct
from dynod.session.inputs import (
    EndSession,
    Input,
    Instant,
    RecordingEnded,
    StartTrial,
    Toggle,
    TrialAnalysed,
)
from dynod.session.recorder import Began
from dynod.session.replies import ErrorCode, Refused
from dynod.session.state import State, settled
from dynod.session.steps import BeginRecording, Context, EndRecording, Rules, Step, TakeReading
from dynod.session.workflow import commit_failed, step
from dynod.store.audit import AuditEntry
from dynod.store.change import StoredReply
from dynod.store.outbox import OutboxRow

log = logging.getLogger(__name__)

SHOW_ANALYSING_S = 0.005


@dataclass(slots=True)
class _Take:
    """What was fixed when the running trial began."""

    calibration: Calibration
    extra_flags: list[Flag] = field(default_factory=list)


class Station:
    """Serialises inputs of buttons, commands and recorders into the workflow."""

    def __init__(
        self,
        rules: Rules,
        devices: StationDevices,
        writer: Writer,
        letterhead: Letterhead,
        settings: AnalysisSettings,
        tasks: asyncio.TaskGroup,
        state: State,
    ) -> None:
        self.state = state
        self.refused: Counter[str] = Counter()
        self.changed: list[Callable[[], None]] = []
        self.committed: list[Callable[[Sequence[OutboxRow]], None]] = []
        self.no_room: Callable[[], str | None] = lambda: None
        self.fault: str | None = None
        self.fault_changed: Callable[[], None] = lambda: None
        self._rules = rules
        self._devices = devices
        self._writer = writer
        self._letterhead = letterhead
        self._settings = settings
        self._tasks = tasks
        self._lock = asyncio.Lock()
        self._settled = asyncio.Event()
        self._settled.set()
        self._take: _Take | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="analysis")

    # -- inputs ---------------------------------------------------------------------------

    async def give(
        self,
        given: Input,
        *,
        at: StreamMoment | None = None,
        reply: Callable[[Mapping[str, str]], StoredReply] | None = None,
        audit: AuditEntry | None = None,
    ) -> Mapping[str, str]:
        """Carry out an input; return the fields of its reply once everything is committed.

        ``at`` is the moment in a device's stream that a press or onset marks, ``audit`` what is
        written down with the records that the input changes. Raises Refused, or StorageError when
        the commit failed and nothing changed.
        """
        ending = isinstance(given, EndSession)
        if self.state.phase is Phase.ANALYSING and not ending:
            self._step(given)  # refuses: nobody waits for an analysis but the end of the session
        async with self._lock:
            analysing = self.state.phase is Phase.ANALYSING
            if not (analysing and ending):
                result = self._step(given)
                discards = ending and isinstance(result.effect, EndRecording)
                await self._commit(result, None if discards else reply, audit)
                self._adopt(result, at)
                if not discards:
                    return result.reply
        await self._settled.wait()
        return await self.give(given, at=at, reply=reply)

    async def gesture(self, device_id: str, act: ButtonAct) -> None:
        """Carry out what the config binds to a gesture; a refusal is shown, not raised."""
        given = self._devices.action(device_id, act.gesture)
        if given is None:
            return
        idle = self.state.phase is Phase.IDLE
        if idle and not isinstance(given, Toggle):
            return
        await self._heard(given, StreamMoment(device_id, act.t_s))

    async def began(self, device_id: str, began: Began) -> None:
        """Begin a trial where a detector found one, if the workflow still wants it."""
        given = StartTrial(device_id, began.started_by)
        await self._heard(given, StreamMoment(device_id, began.t_s))
        self._arm()

    async def ended(self, device_id: str, recording: Recording) -> None:
        """Analyse a recording that ended by itself."""
        async with self._lock:
            running = self.state.running
            if running is None or running.device_id != device_id:
                unheard = "%s: a recording ended that no trial waits for"
                log.error(unheard, device_id, extra={"device": device_id})
                return
            if self.state.phase is Phase.RECORDING:
                self._adopt(self._step(RecordingEnded()), None)
            self._begin_analysis(recording)

    async def _heard(self, given: Input, at: StreamMoment) -> None:
        try:
            await self.give(given, at=at)
        except Refused as refusal:
            log.info("%s: refused, %s", at.device_id, refusal.code, extra={"device": at.device_id})
            self.count_refused(refusal.code)
            self._show(replace(self.state, problem=refusal.message))
        except StorageError as error:
            self._show_failed(error)

    # -- steps ----------------------------------------------------------------------------

    def _step(self, given: Input) -> Step:
        reason = self.no_room() if self.state.phase is Phase.IDLE else None
        if reason is not None:  # what runs is finished first
            raise Refused(ErrorCode.STORAGE, reason)
        return step(self.state, given, Context(instant(), self._rules, self._devices.roster()))

    async def _commit(
        self,
        result: Step,
        reply: Callable[[Mapping[str, str]], StoredReply] | None,
        audit: AuditEntry | None = None,
    ) -> None:
        stored = reply(result.reply) if reply is not None else None
        if not result.change and stored is None:
            return
        session = result.state.session or self.state.session
        now = instant()
        done = audit if result.change else None
        ready = prepare_change(
            result.change, session, self._letterhead, now.wall, stored, done, clock=clock_base(now)
        )
        try:
            await self._writer.call(self._writer.store.commit, ready.change)
        except StorageError as error:
            self._take_fault(f"the last change could not be stored: {error}")
            raise
        self._take_fault(None)
        self._devices.stored_at(now.wall)
        self.sealed(ready.sealed)
        chronicle.tell(result.change, done)
        await asyncio.sleep(0)  # what was committed goes out before any display is drawn

    def _take_fault(self, fault: str | None) -> None:
        """Remember whether the last change could be stored."""
        if fault != self.fault:
            self.fault = fault
            self.fault_changed()

    def _adopt(self, result: Step, at: StreamMoment | None) -> None:
        """Let a step count: its state, what recorders must do, what displays show."""
        if result.state.phase is Phase.ANALYSING:
            self._settled.clear()
        self.state = result.state
        if isinstance(result.effect, BeginRecording):
            self._begin_recording(result.effect, at)
        elif isinstance(result.effect, EndRecording):
            self._end_recording(result.effect, at)
        elif isinstance(result.effect, TakeReading):
            self._take_reading(result.effect, at)
        if result.state.phase is Phase.ANALYSING:
            # The analysis is on its way and mostly over before a display could be drawn.
            asyncio.get_running_loop().call_later(SHOW_ANALYSING_S, self._show_if, result.state)
        else:
            self._show(result.state)

    def _show_if(self, state: State) -> None:
        """Show a state that still holds."""
        if self.state is state:
            self._show(state)

    def _show(self, state: State) -> None:
        self.state = state
        self._arm()
        for listener in self.changed:
            listener()

    def _show_failed(self, error: StorageError) -> None:
        """Show that a commit failed: nothing advanced, and why."""
        self._show(commit_failed(self.state, f"storage: {error}", self._rules))

    def _arm(self) -> None:
        """Let detectors listen exactly while a trial of their kind may begin."""
        slot = self.state.next if self.state.phase is Phase.READY else None
        self._devices.arm(slot.test.kind if slot is not None else None)

    # -- recordings -----------------------------------------------------------------------

    def _begin_recording(self, effect: BeginRecording, at: StreamMoment | None) -> None:
        device = self._devices[effect.device_id]
        self._fix_calibration(effect.device_id)
        device.begin(self._devices.stream_time(at, effect.device_id), effect.started_by)
        if not device.streaming:  # lost while the reply was being stored
            self._tasks.create_task(device.stream.broken())

    def _take_reading(self, effect: TakeReading, at: StreamMoment | None) -> None:
        at_s = self._devices.stream_time(at, effect.device_id)
        if at_s is None:
            raise RuntimeError("a reading without its moment")
        self._fix_calibration(effect.device_id)
        self._begin_analysis(self._devices[effect.device_id].stream.recorder.reading(at_s))

    def _fix_calibration(self, device_id: str) -> None:
        """Let the trial that begins now keep the calibration of now."""
        self._take = _Take(self._devices.fix_calibration(device_id, instant()))

    def _end_recording(self, effect: EndRecording, at: StreamMoment | None) -> None:
        device = self._devices[effect.device_id]
        recorder = device.stream.recorder
        flags = (Flag.DISCARDED,) if effect.discarded else ()
        if recorder.recording:
            if device.overdue:  # the last of the trial is missing
                flags = (*flags, Flag.GAP)
            end_s = self._devices.stream_time(at, effect.device_id)
            self._begin_analysis(recorder.end(end_s, *flags))
        elif self._take is not None:  # it ended by itself a moment ago and is on its way here
            self._take.extra_flags.extend(flags)

    def _begin_analysis(self, recording: Recording) -> None:
        """Have the core look at the recording, in its own thread, from now on."""
        running, session, take = self.state.running, self.state.session, self._take
        if running is None or session is None or take is None:
            raise RuntimeError("an analysis without a running trial")
        flags = (*recording.flags, *take.extra_flags)
        recording = self._devices.with_pelvis(replace(recording, flags=flags), running.device_id)
        test, side = running.slot.test, running.slot.side
        analysis = asyncio.get_running_loop().run_in_executor(
            self._pool,
            partial(
                analyse,
                recording,
                test.kind,
                take.calibration,
                body_mass_kg=session.body_mass_kg,
                lever_arm_m=session.lever_arm_m(test.movement, side),
                fallback_tare_n=self._devices.fallback_tare_n(running.device_id),
                hand_held=test.fixation is Fixation.HAND,
                settings=self._settings,
            ),
        )
        self._tasks.create_task(self._finish(recording, analysis, take.calibration))

    async def _finish(
        self, recording: Recording, pending: Awaitable[Analysis], calibration: Calibration
    ) -> None:
        """Commit the analysed trial, advance, publish; on a failed commit the slot stays."""
        analysis = await pending
        running = self.state.running
        if running is None:
            raise RuntimeError("an analysis without a running trial")
        identity = self._devices[running.device_id].identity
        async with self._lock:
            result = self._step(TrialAnalysed(recording, analysis, calibration, identity))
            try:
                await self._commit(result, None)
            except StorageError as error:
                ids = {"device": running.device_id, "trial": running.result_id}
                log.error("trial not saved: %s", error, extra=ids)  # noqa: TRY400 - says it all
                self._show_failed(error)
            else:
                self._adopt(result, None)
            self._take = None
            self._settled.set()

    # -- odds and ends --------------------------------------------------------------------

    def tare(self, device_id: str | None) -> float:
        """Take the fallback tare of a force device, in N; raises Refused."""
        if self.state.phase not in {Phase.IDLE, Phase.READY, Phase.CONFIRM}:
            raise Refused(ErrorCode.WRONG_PHASE, f"not possible in phase {self.state.phase}")
        tare_n = self._devices.take_tare(device_id)
        self.state = replace(self.state, last_input_s=instant().mono_s)
        return tare_n

    def records_with(self, device_id: str) -> bool:
        """Tell whether the running trial is recorded with a device."""
        running = self.state.running
        return running is not None and running.device_id == device_id

    def count_refused(self, reason: str) -> None:
        """Count an input that changed nothing; ``status`` shows the counters."""
        self.refused[reason] += 1
        self.sealed(())

    def sealed(self, rows: Sequence[OutboxRow]) -> None:
        """Tell whoever listens that the outbox or a counter changed; ``rows`` are new in it."""
        for listener in self.committed:
            listener(rows)

    async def end_if_idle(self, now: Instant, idle_s: float) -> None:
        """End the session when nothing was pressed or commanded for ``idle_s``."""
        waiting = {Phase.CONFIRM, Phase.READY, Phase.COMPLETE}
        if self.state.phase in waiting and now.mono_s - self.state.last_input_s >= idle_s:
            log.info("session ends after %g minutes without input", idle_s / 60)
            try:
                await self.give(EndSession())
            except Refused:
                return  # somebody else ended it in the same moment
            except StorageError as error:
                self._show_failed(error)

    async def rest(self) -> None:
        """Let a running analysis be committed; a running recording is given up.

        Its slot stays open, as after a power cut, and the displays say so.
        """
        await self._settled.wait()
        if self.state.running is not None:
            given_up = replace(self.state, running=None)
            self._show(settled(given_up, confirm_change=self._rules.confirm_change))

    def rearm(self) -> None:
        """Arm the detectors for the state that the daemon begins with."""
        self._arm()

    def close(self) -> None:
        """Let the analysis thread end."""
        self._pool.shutdown()
