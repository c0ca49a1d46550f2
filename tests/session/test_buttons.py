"""Presses by stream time; every figure (0.3 s, 0.8 s) is from docs/contract.md, section 2."""

import pytest

from dynod.model.samples import DeviceEvent, EventKind
from dynod.session.buttons import Button, ButtonAct, Gesture


def play(button: Button, script: str, segment: int = 0) -> list[ButtonAct]:
    """Feed ``R<seconds>`` presses and ``r<seconds>`` releases, return the acts."""
    acts = []
    for word in script.split():
        kind = EventKind.PRESS if word[0] == "R" else EventKind.RELEASE
        act = button.feed(DeviceEvent(kind, float(word[1:]), segment))
        if act is not None:
            acts.append(act)
    return acts


def test_a_press_acts_at_its_release() -> None:
    assert play(Button(reports_release=True), "R1.0 r1.1") == [ButtonAct(Gesture.PRESS, 1.1)]


def test_a_press_acts_at_once_where_no_release_is_reported() -> None:
    assert play(Button(reports_release=False), "R1.0 R2.0") == [
        ButtonAct(Gesture.PRESS, 1.0),
        ButtonAct(Gesture.PRESS, 2.0),
    ]


@pytest.mark.parametrize(
    ("release_s", "gesture"), [(1.79, Gesture.PRESS), (1.8, Gesture.LONG_PRESS)]
)
def test_a_hold_of_eight_tenths_is_long(release_s: float, gesture: Gesture) -> None:
    assert play(Button(reports_release=True), f"R1.0 r{release_s}") == [
        ButtonAct(gesture, release_s)
    ]


def test_a_bounce_is_ignored_together_with_its_release() -> None:
    acts = play(Button(reports_release=True), "R1.0 r1.1 R1.2 r2.5 R3.0 r3.1")
    assert [act.t_s for act in acts] == [1.1, 3.1]


def test_the_window_counts_from_when_the_last_press_acted() -> None:
    acts = play(Button(reports_release=True), "R1.0 r1.5 R1.75 r1.76 R1.81 r1.9")
    assert [act.t_s for act in acts] == [1.5, 1.9]


def test_a_press_s_own_release_is_never_a_bounce() -> None:
    acts = play(Button(reports_release=True), "R1.0 r1.002")
    assert [act.t_s for act in acts] == [1.002]


def test_a_release_without_a_press_is_nothing() -> None:
    assert play(Button(reports_release=True), "r1.0 r2.0") == []


def test_a_new_segment_clears_debounce_and_a_half_finished_press() -> None:
    button = Button(reports_release=True)
    assert play(button, "R1.0 r1.1 R5.0") == [ButtonAct(Gesture.PRESS, 1.1)]
    assert play(button, "r0.1 R0.2 r0.3", segment=1) == [ButtonAct(Gesture.PRESS, 0.3)]
