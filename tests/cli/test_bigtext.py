"""The large letters: all that a display needs, all of one height, none like another."""

import string

import pytest

from dynod.cli.bigtext import _FONT, big, width
from dynod.model.clinical import Movement, Side
from dynod.session.steps import CODE_ALPHABET

MOVEMENTS = "".join(movement.value.replace("_", " ") for movement in Movement)
SIDES = "".join(side.value for side in Side)
VERDICTS = "-123 N deg ok repeat done press"
NEEDED = sorted(set((MOVEMENTS + SIDES + string.digits + CODE_ALPHABET + VERDICTS).upper()))


@pytest.mark.parametrize("letter", NEEDED)
def test_every_letter_of_a_display_exists(letter: str) -> None:
    assert letter in _FONT


@pytest.mark.parametrize("letter", sorted(_FONT))
def test_every_letter_has_five_rows_of_one_width(letter: str) -> None:
    rows = _FONT[letter].split()
    assert len(rows) == 5
    assert len({len(row) for row in rows}) == 1
    assert set("".join(rows)) <= {"X", "."}


def test_a_letter_looks_like_itself() -> None:
    assert big("l1").replace(" ", ".").splitlines() == [
        "█......█.",
        "█.....██.",
        "█......█.",
        "█......█.",
        "████..███",
    ]


def test_no_two_letters_of_a_session_code_look_alike() -> None:
    shapes = {big(letter) for letter in CODE_ALPHABET}
    assert len(shapes) == len(CODE_ALPHABET)


def test_the_sides_differ_at_a_glance() -> None:
    left, right = big("left").splitlines(), big("right").splitlines()
    assert all(one.strip() != other.strip() for one, other in zip(left, right, strict=True))


def test_what_the_font_lacks_becomes_a_space() -> None:
    assert big("~") == big(" ")
    assert big("A~B") == big("A B")


def test_the_width_is_that_of_the_rows() -> None:
    # Four columns each for A and B, two between them.
    assert width("AB") == 10
    assert {len(row) for row in big("AB").splitlines()} == {10}


def test_no_text_is_five_empty_rows() -> None:
    assert big("") == "\n" * 4
