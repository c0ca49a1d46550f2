"""One more trial where the battery allows it and a side has not shown its best yet.

The rule: the best two differ by more than a limit (10 % unless the battery says otherwise), or the
last is the highest. Each row of peaks is judged by hand beside it.
"""

from dataclasses import replace

import pytest

from dynod.model.clinical import Side
from dynod.model.flags import Flag
from dynod.session.inputs import DiscardTrial, NextTest, RedoTrial, StartSession
from tests.support.builders import ScriptedStation, battery, force_test, rules


def started(*, extra: int, best_two_percent: float = 10.0) -> ScriptedStation:
    test = replace(force_test(repetitions=3), extra_trials=extra, best_two_percent=best_two_percent)
    station = ScriptedStation(rules(battery(test), confirm_change=False))
    station.give(StartSession())
    return station


def place(station: ScriptedStation) -> tuple[Side, int] | None:
    slot = station.state.next
    return None if slot is None else (slot.side, slot.trial_number)


@pytest.mark.parametrize(
    ("peaks", "asked"),
    [
        ((150.0, 148.0, 149.0), 3),  # 150 and 149 agree; the first is the highest
        ((100.0, 150.0, 120.0), 4),  # 150 and 120 differ by a fifth; then 149 agrees
        ((140.0, 145.0, 150.0), 4),  # the last is the highest; then 149 is not
        ((100.0, 120.0, 150.0), 5),  # highest, then 180 is again; then 179 agrees
        ((100.0, 130.0, 170.0), 6),  # highest each time: three more, and no more than that
    ],
)
def test_a_side_gets_as_many_more_as_it_needs(peaks: tuple[float, ...], asked: int) -> None:
    further = {4: (149.0,), 5: (180.0, 179.0), 6: (200.0, 240.0, 290.0)}.get(asked, ())
    station = started(extra=3)
    for number, peak in enumerate((*peaks, *further), 1):
        assert place(station) == (Side.RIGHT, number)
        station.trial(peak)
    assert place(station) == (Side.LEFT, 1)


def test_without_the_battery_s_leave_there_are_none() -> None:
    station = started(extra=0)
    for peak in (100.0, 130.0, 170.0):
        station.trial(peak)
    assert place(station) == (Side.LEFT, 1)


def test_a_strict_battery_wants_more() -> None:
    """150 and 141 differ by 6 %: within ten, beyond five."""
    for limit, wanted in ((10.0, (Side.LEFT, 1)), (5.0, (Side.RIGHT, 4))):
        station = started(extra=1, best_two_percent=limit)
        for peak in (150.0, 141.0, 140.0):
            station.trial(peak)
        assert place(station) == wanted


def test_the_deficit_waits_for_the_extra_trial_and_counts_it() -> None:
    station = started(extra=1)
    for peak in (150.0, 149.0, 148.0, 120.0, 118.0):
        assert station.trial(peak).change.deficits == ()
    assert station.trial(122.0).change.deficits == ()  # the last is the highest
    (deficit,) = station.trial(120.0).change.deficits
    assert deficit.comparison.left is not None
    assert deficit.comparison.left.trials == 4
    assert deficit.comparison.left.value == pytest.approx((120.0 + 118.0 + 122.0 + 120.0) / 4)


def test_an_invalid_extra_trial_is_done_again_and_an_unwanted_one_can_be_skipped() -> None:
    station = started(extra=1)
    for peak in (100.0, 130.0, 170.0):
        station.trial(peak)
    station.trial(171.0, Flag.GAP)
    assert place(station) == (Side.RIGHT, 4)
    station.give(NextTest())
    assert place(station) == (Side.LEFT, 1)


def test_taking_back_a_trial_asks_anew() -> None:
    station = started(extra=1)
    for peak in (150.0, 149.0, 170.0):
        station.trial(peak)
    assert place(station) == (Side.RIGHT, 4)
    station.give(DiscardTrial())  # the 170: its slot opens again
    assert place(station) == (Side.RIGHT, 3)
    station.trial(148.0)
    assert place(station) == (Side.LEFT, 1)
    station.give(RedoTrial(station.state.trials[0].result_id))
    assert place(station) == (Side.RIGHT, 1)


def test_invalid_trials_and_practice_do_not_count() -> None:
    test = replace(force_test(repetitions=2, familiarisation=1), extra_trials=1)
    station = ScriptedStation(rules(battery(test), confirm_change=False))
    station.give(StartSession())
    station.trial(300.0)  # practice
    station.trial(400.0, Flag.GAP)
    station.trial(150.0)
    station.trial(149.0)
    assert place(station) == (Side.LEFT, 1)
