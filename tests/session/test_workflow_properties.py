"""Random inputs never break the workflow: no exception but Refused, no trial lost, no odd phase."""

from typing import TypeAlias
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.model.clinical import Movement, Side
from dynod.model.deficit import Deficit, Reason
from dynod.model.flags import Flag
from dynod.model.session import Identifier, Patient, Phase
from dynod.model.trial import ResultStatus, Trial
from dynod.session.answers import contributions
from dynod.session.inputs import (
    AnnotateTrial,
    AssignSession,
    ConfirmChange,
    DiscardTrial,
    EndSession,
    Input,
    NextTest,
    RecordingEnded,
    RedoTrial,
    RelabelTrial,
    SelectTest,
    StartSession,
    StartTrial,
    StopTrial,
    VoidResult,
)
from dynod.session.replies import Refused
from dynod.session.roster import StationDevice
from dynod.session.slots import open_slots
from dynod.session.state import resumed
from dynod.session.steps import RecordChange
from dynod.session.workflow import commit_failed
from tests.support.builders import (
    HHD,
    TILT,
    ScriptedStation,
    battery,
    force_test,
    rom_test,
    rules,
)

WORDS = st.sampled_from(
    [
        "press",
        "start_session",
        "end_session",
        "start",
        "stop",
        "discard",
        "redo",
        "confirm",
        "next",
        "select",
        "ends_by_itself",
        "commit_fails",
        "restart",
        "invalid",
    ]
)
# A correction of the trial that was recorded as the so-manyeth; of one that is not there, too.
CORRECTIONS = st.tuples(
    st.sampled_from(["relabel", "void", "annotate", "redo_it", "assign", "void_deficit"]),
    st.integers(0, 9),
)
ANYTHING = st.one_of(WORDS, WORDS, CORRECTIONS)

# Where each phase may lead in one input, from the table; a failed commit stays.
ALLOWED = {
    Phase.IDLE: {Phase.IDLE, Phase.CONFIRM, Phase.READY},
    Phase.CONFIRM: {Phase.CONFIRM, Phase.READY, Phase.COMPLETE, Phase.IDLE},
    Phase.READY: {Phase.READY, Phase.CONFIRM, Phase.RECORDING, Phase.COMPLETE, Phase.IDLE},
    Phase.RECORDING: {Phase.RECORDING, Phase.ANALYSING, Phase.CONFIRM, Phase.READY},
    Phase.ANALYSING: {Phase.ANALYSING, Phase.READY, Phase.CONFIRM, Phase.COMPLETE},
    Phase.COMPLETE: {Phase.COMPLETE, Phase.CONFIRM, Phase.READY, Phase.IDLE},
}


class Player:
    """A station whose store is a list, driven by words."""

    def __init__(self, *, confirm_change: bool, single_reading: bool = False) -> None:
        tests = battery(force_test(), rom_test(Movement.HIP_FLEXION))
        gauge = StationDevice(HHD, streaming=True, has_button=True, single_reading=single_reading)
        self.station = ScriptedStation(
            rules(tests, confirm_change=confirm_change),
            (gauge, StationDevice(TILT, streaming=True)),
        )
        self.single_reading = single_reading
        self.confirm_change = confirm_change
        self.store: dict[UUID, Trial] = {}
        self.deficits: dict[UUID, Deficit] = {}
        self.recorded = 0
        self.copied = 0

    def say(self, word: str) -> None:
        before = self.station.state.phase
        try:
            self._do(word)
        except Refused:
            return
        after = self.station.state.phase
        if (before, after) == (Phase.READY, Phase.ANALYSING):
            assert self.single_reading  # a trial that begins and ends at once
            return
        assert after in ALLOWED[before], (word, before, after)

    def _do(self, word: str) -> None:
        phase = self.station.state.phase
        if word == "restart":
            self._restart()
        elif phase is Phase.ANALYSING:
            self._analysing(word)
        elif word == "ends_by_itself":
            if phase is Phase.RECORDING:
                self.station.give(RecordingEnded())
        elif word not in {"commit_fails", "invalid", "analysed"}:
            self._input(word)

    def _input(self, word: str) -> None:
        some = next(iter(self.store), UUID(int=0))
        inputs: dict[str, Input] = {
            "start_session": StartSession(),
            "end_session": EndSession(),
            "start": StartTrial(),
            "stop": StopTrial(),
            "discard": DiscardTrial(),
            "redo": RedoTrial(some),
            "confirm": ConfirmChange(),
            "next": NextTest(),
            "select": SelectTest(Movement.HIP_FLEXION, Side.LEFT),
        }
        step = self.station.press() if word == "press" else self.station.give(inputs[word])
        self._keep(step.change)

    def correct(self, kind: str, number: int) -> None:
        """Give a correction, which leads to no other phase but by opening or filling a slot."""
        before = self.station.state
        trials, session = before.trials, before.session
        known = number < len(trials)
        target = trials[number] if known else None
        result_id = target.result_id if target else UUID(int=0)
        deficit = before.deficits.get(number % 2)
        patient = Patient(Identifier("urn:mrn", str(number % 3)))
        side = target.slot.side.other if target else Side.LEFT
        inputs: dict[str, Input] = {
            "relabel": RelabelTrial(result_id, side),
            "void": VoidResult(result_id, "why", "who"),
            "annotate": AnnotateTrial(result_id if known else None, number, "a note"),
            "redo_it": RedoTrial(result_id),
            "assign": AssignSession(session.session_id if session else result_id, patient),
            "void_deficit": VoidResult(deficit.result_id if deficit else result_id, "y", "z"),
        }
        try:
            step = self.station.give(inputs[kind])
        except Refused:
            assert self.station.state == before
            return
        assert step.effect is None
        assert step.state.running == before.running or kind == "annotate"
        if before.running is not None:
            assert step.state.phase is before.phase
        self._keep(step.change)

    def _analysing(self, word: str) -> None:
        if word == "commit_fails":
            state = commit_failed(self.station.state, "storage: full", self.station.rules)
            self.station.state = state
            return
        flags = (Flag.GAP,) if word == "invalid" else ()
        self.recorded += 1
        self._keep(self.station.analysed(100.0, *flags).change)

    def _keep(self, change: RecordChange) -> None:
        taken = change.withdrawn
        if taken is not None:  # every copy has one original that was taken back, and no two
            copies = [trial.copied_from for trial in change.trials]
            assert copies == [trial.result_id for trial in taken.trials]
            self.copied += len(copies)
        for trial in (*(taken.trials if taken else ()), *change.trials):
            known = self.store.get(trial.result_id)
            assert trial.revision == (known.revision + 1 if known else 1)
            self.store[trial.result_id] = trial
        for deficit in (*(taken.deficits if taken else ()), *change.deficits):
            stated = self.deficits.get(deficit.result_id)
            assert deficit.revision == (stated.revision + 1 if stated else 1)
            self.deficits[deficit.result_id] = deficit

    def _restart(self) -> None:
        state = self.station.state
        if state.session is None:
            return
        self.station.state = resumed(
            state.session,
            state.trials,
            tuple(state.deficits.values()),
            confirm_change=self.confirm_change,
            now_s=self.station.mono_s,
        )


Word: TypeAlias = str | tuple[str, int]


def play(player: Player, word: Word) -> None:
    if isinstance(word, str):
        player.say(word)
    else:
        player.correct(*word)


@settings(max_examples=300, deadline=None)
@given(st.lists(ANYTHING, max_size=60), st.booleans(), st.booleans())
def test_random_inputs(words: list[Word], confirm_change: bool, single_reading: bool) -> None:
    player = Player(confirm_change=confirm_change, single_reading=single_reading)
    for word in words:
        play(player, word)
        state = player.station.state
        assert len(player.store) == player.recorded + player.copied
        assert (state.session is None) == (state.phase is Phase.IDLE)
        assert (state.next is None) == (state.phase in {Phase.IDLE, Phase.COMPLETE})
        assert (state.running is not None) == (state.phase in {Phase.RECORDING, Phase.ANALYSING})
        for trial in state.trials:
            assert player.store[trial.result_id].revision == trial.revision
        if state.session is not None:
            valid = {t.slot for t in state.trials if t.valid}
            assert valid.isdisjoint(open_slots(state.session, state.trials))


# Trials without end, so that slots fill, and corrections of them.
TRIALS = st.sampled_from(["start", "stop", "analysed"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(TRIALS, TRIALS, WORDS, CORRECTIONS), min_size=20, max_size=80))
def test_every_slot_is_counted_once(words: list[Word]) -> None:
    player = Player(confirm_change=False)
    player.say("start_session")
    for word in words:
        play(player, word)
        state = player.station.state
        held = [trial.slot for trial in state.trials if trial.valid]
        if state.running is not None:
            held.append(state.running.slot)
        assert len(held) == len(set(held))
        for index, deficit in state.deficits.items():
            if deficit.status is ResultStatus.ENTERED_IN_ERROR or is_incomplete(deficit):
                continue
            counted = contributions(state.trials, index)
            assert [(t.result_id, t.revision) for t in counted] == [
                (item.result_id, item.revision) for item in deficit.trials
            ]


def is_incomplete(deficit: Deficit) -> bool:
    return deficit.comparison.reason is Reason.SIDE_INCOMPLETE
