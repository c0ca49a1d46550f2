"""Stream time on the monotonic clock: late chunks never count, drift is followed."""

import pytest

from dynod.daemon.anchor import WINDOW_S, StreamAnchor


def test_before_the_first_sample_nothing_is_known() -> None:
    anchor = StreamAnchor()
    assert anchor.monotonic(1.0) is None
    assert anchor.stream(1.0) is None


def test_stream_and_monotonic_are_each_other_s_inverse() -> None:
    anchor = StreamAnchor()
    anchor.update(2.0, 1002.0)
    assert anchor.monotonic(3.5) == 1003.5
    assert anchor.stream(1003.5) == 3.5


@pytest.mark.parametrize("late_s", [0.02, 0.5, 4.0])
def test_late_chunks_do_not_move_it(late_s: float) -> None:
    anchor = StreamAnchor()
    for tenth in range(50):
        t_s = tenth / 10
        anchor.update(t_s, 1000.0 + t_s + (0.0 if tenth == 10 else late_s))
    assert anchor.monotonic(5.0) == pytest.approx(1005.0, abs=1e-9)


def test_an_earlier_chunk_corrects_it_at_once() -> None:
    anchor = StreamAnchor()
    anchor.update(1.0, 1001.3)
    anchor.update(2.0, 1002.0)
    assert anchor.monotonic(2.0) == 1002.0


@pytest.mark.parametrize("drift", [0.005, -0.005])
def test_drift_is_followed_within_the_window(drift: float) -> None:
    """Half a per cent, as of a ceramic resonator: the error stays what a window's drift makes."""
    anchor = StreamAnchor()
    for tenth in range(36_000):  # an hour; without following it the error would be 18 s
        elapsed_s = tenth / 10
        anchor.update(elapsed_s * (1.0 - drift), 1000.0 + elapsed_s)
        found = anchor.monotonic(elapsed_s * (1.0 - drift))
        assert found is not None
        assert abs(found - (1000.0 + elapsed_s)) <= abs(drift) * WINDOW_S + 1e-6


def test_a_new_segment_starts_anew() -> None:
    anchor = StreamAnchor()
    anchor.update(500.0, 1000.0)
    anchor.reset()
    assert anchor.monotonic(0.0) is None
    anchor.update(0.0, 1001.0)
    assert anchor.monotonic(1.0) == 1002.0
