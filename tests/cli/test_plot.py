"""A curve in braille dots: two dots across and four down in each character."""

from dynod.cli.plot import plot

WIDTH, HEIGHT = 20, 5
EMPTY = chr(0x2800)


def cells(picture: str) -> list[str]:
    """The rows of the picture without scale and foot."""
    return [line.split("│")[1] for line in picture.splitlines()[:-1]]


def test_it_has_the_size_that_was_asked_for() -> None:
    rows = cells(plot([0.0, 1.0], [0.0, 100.0], unit="N", width=WIDTH, height=HEIGHT))
    assert [len(row) for row in rows] == [WIDTH] * HEIGHT


def test_a_rise_goes_from_the_lower_left_to_the_upper_right() -> None:
    rows = cells(plot([0.0, 1.0], [0.0, 100.0], unit="N", width=WIDTH, height=HEIGHT))
    # Unicode's braille: dot 7 (lower left) is 0x40, dot 4 (upper right) is 0x08.
    assert rows[-1][0] == chr(0x2800 + 0x40)
    assert rows[0][-1] == chr(0x2800 + 0x08)
    assert "".join(rows).count(EMPTY) == WIDTH * HEIGHT - 2


def test_a_peak_in_the_middle_is_at_the_top_in_the_middle() -> None:
    curve = [0.0, 0.0, 80.0, 0.0, 0.0]
    rows = cells(plot([0.0, 1.0, 2.0, 3.0, 4.0], curve, unit="N", width=WIDTH, height=HEIGHT))
    (column,) = [index for index, cell in enumerate(rows[0]) if cell != EMPTY]
    assert column in {WIDTH // 2 - 1, WIDTH // 2}


def test_scales_name_highest_lowest_and_both_times() -> None:
    lines = plot([-1.0, 0.0, 3.5], [-2.0, 151.0, 10.0], unit="N").splitlines()
    assert lines[0].split("│")[0].strip() == "151 N"
    assert lines[-2].split("│")[0].strip() == "-2 N"
    assert lines[-1].split() == ["└-1.0", "s", "+3.5", "s"]


def test_zero_is_always_on_the_scale() -> None:
    lines = plot([0.0, 1.0], [100.0, 101.0], unit="deg").splitlines()
    assert lines[-2].split("│")[0].strip() == "0 deg"


def test_values_that_are_none_are_left_out() -> None:
    with_hole = plot([0.0, 1.0, 2.0], [0.0, None, 5.0], unit="N")
    assert with_hole == plot([0.0, 2.0], [0.0, 5.0], unit="N")


def test_what_is_no_curve_is_none() -> None:
    for values in ([], [1.0], [None, 1.0]):
        assert plot([0.0, 1.0][: len(values)], values, unit="N") == "(no curve)"


def test_flat_curves_and_readings_of_one_moment_are_drawn() -> None:
    for t_s, values in (([0.0, 1.0], [0.0, 0.0]), ([2.0, 2.0], [1.0, 5.0])):
        rows = cells(plot(t_s, values, unit="N", width=WIDTH, height=HEIGHT))
        assert len(rows) == HEIGHT
