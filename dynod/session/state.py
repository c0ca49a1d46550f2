"""The state of the workflow, and what the record of a session makes of it after a restart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from dynod.model.clinical import Slot
from dynod.model.deficit import Deficit
from dynod.model.session import Phase, Session
from dynod.model.trial import ResultStatus, StartedBy, Trial
from dynod.session.slots import Stage, next_slot, stage_of


@dataclass(frozen=True, slots=True)
class Running:
    """The trial that is being recorded or analysed."""

    result_id: UUID
    slot: Slot
    device_id: str
    started_at: datetime
    clock_synced: bool
    started_by: StartedBy
    pain_nrs: int | None = None
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class State:
    """Everything the workflow knows.

    ``trials`` hold no raw samples, in the order of recording; ``deficits`` the latest published
    one per test index. ``recorded`` is the test and side of the last recorded trial, ``selected``
    the one that the therapist asked for. ``last_input_s`` is monotonic.
    """

    phase: Phase = Phase.IDLE
    session: Session | None = None
    trials: tuple[Trial, ...] = ()
    deficits: Mapping[int, Deficit] = field(default_factory=dict)
    running: Running | None = None
    recorded: Stage | None = None
    selected: Stage | None = None
    last_trial_id: UUID | None = None
    rest_until: datetime | None = None
    problem: str | None = None
    last_input_s: float = float("-inf")

    @property
    def next(self) -> Slot | None:
        """The slot being filled, or the next open one; None when idle or complete."""
        if self.running is not None:
            return self.running.slot
        if self.session is None:
            return None
        return next_slot(self.session, self.trials, self.selected)

    @property
    def last_trial(self) -> Trial | None:
        """The trial whose verdict is on display."""
        return self.trial(self.last_trial_id) if self.last_trial_id else None

    def trial(self, result_id: UUID) -> Trial | None:
        """Return a trial of this session by its id."""
        return next((trial for trial in self.trials if trial.result_id == result_id), None)

    def with_trial(self, changed: Trial) -> "State":
        """Return the state with one trial replaced, its raw samples dropped."""
        light = replace(changed, recording=None)
        trials = tuple(
            light if trial.result_id == light.result_id else trial for trial in self.trials
        )
        return replace(self, trials=trials)


def settled(state: State, *, confirm_change: bool) -> State:
    """Return the state at the next open slot, in the phase that the change of slot asks for."""
    slot = replace(state, running=None).next
    if slot is None:
        return replace(state, phase=Phase.COMPLETE, running=None, selected=None)
    stage = stage_of(slot)
    selected = state.selected if stage == state.selected else None
    changed = stage != state.recorded
    phase = Phase.CONFIRM if confirm_change and changed else Phase.READY
    return replace(state, phase=phase, running=None, selected=selected)


def resumed(
    session: Session,
    trials: Sequence[Trial],
    deficits: Sequence[Deficit],
    *,
    confirm_change: bool,
    now_s: float,
) -> State:
    """Return the state after a restart: same session, first open slot, phase confirm."""
    last = trials[-1] if trials else None
    shown = last is not None and last.status is not ResultStatus.ENTERED_IN_ERROR
    by_test = {session.battery.tests.index(deficit.test): deficit for deficit in deficits}
    state = State(
        session=session,
        trials=tuple(replace(trial, recording=None) for trial in trials),
        deficits=by_test,
        last_trial_id=last.result_id if last is not None and shown else None,
        last_input_s=now_s,
    )
    return settled(state, confirm_change=confirm_change)
