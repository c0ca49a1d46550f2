"""The text of captures."""

import pytest

from dynod.model.errors import ConfigError
from dynod.wire.capture import (
    Expectation,
    Timing,
    chunks_of,
    format_expectation,
    format_timing,
    parse_expectation,
    parse_timing,
)

EXPECTATION = Expectation(
    origin="simulated",
    source="a test",
    channels=("force",),
    t_s=(0.5,),
    values=((None,),),
    events=(("press", 0.25),),
    rejects=(("malformed", 7),),
)


def test_what_is_written_can_be_read() -> None:
    timing = Timing(((0.0, 3), (0.016, 2)), aligned=True)
    assert parse_expectation(format_expectation(EXPECTATION)) == EXPECTATION
    assert parse_timing(format_timing(timing)) == timing


def test_the_times_of_polls_are_kept() -> None:
    timing = Timing(((0.5, 3),), aligned=False, asked=(0.25, 0.75))
    assert parse_timing(format_timing(timing)) == timing
    text = '{"aligned": true, "chunks": [[0.5, 3]], "asked": [0, 0.25]}'
    assert parse_timing(text).asked == (0.0, 0.25)


def test_a_device_that_is_not_polled_has_no_such_key() -> None:
    """The text of captures that exist stays as it is."""
    text = '{"aligned": true, "chunks": [[0.0, 3]]}\n'
    assert parse_timing(text).asked == ()
    assert format_timing(parse_timing(text)) == text


def test_bytes_are_cut_as_they_arrived() -> None:
    chunks = chunks_of(b"abcde", Timing(((0.0, 3), (0.016, 2)), aligned=True))
    assert [(chunk.data, chunk.arrival_s) for chunk in chunks] == [(b"abc", 0.0), (b"de", 0.016)]


def test_lengths_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ConfigError, match="do not add up"):
        chunks_of(b"abcde", Timing(((0.0, 3),), aligned=True))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"aligned": true, "chunks": [], "more": 1}'])
def test_other_timing_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_timing(text)


@pytest.mark.parametrize(
    ("chunks", "what"),
    [
        ('"abc"', "chunks must be a list"),
        ("null", "chunks must be a list"),
        ("[3]", "each of chunks"),
        ("[[0.0]]", "each of chunks"),
        ("[[0.0, 3, 4]]", "each of chunks"),
        ('["ab"]', "each of chunks"),
        ('[[0.0, "3"]]', "length of a chunk"),
        ("[[0.0, -3]]", "length of a chunk"),
        ("[[0.0, 3.0]]", "length of a chunk"),
        ("[[0.0, true]]", "length of a chunk"),
        ("[[0.0, null]]", "length of a chunk"),
        ("[[NaN, 3]]", "times in chunks"),
        ("[[Infinity, 3]]", "times in chunks"),
        ('[["0.0", 3]]', "times in chunks"),
        ("[[true, 3]]", "times in chunks"),
        (f"[[1{'0' * 400}, 3]]", "times in chunks"),
        (f"{'[' * 100_000}", "not JSON"),
    ],
    ids=lambda text: text[:20],
)
def test_wrong_values_in_a_timing_are_refused_in_one_line(chunks: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        parse_timing(f'{{"aligned": true, "chunks": {chunks}}}')
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("asked", ["1.0", "null", '"now"', '["1"]', "[NaN]", "[[1.0]]", "[true]"])
def test_wrong_times_of_polls_are_refused(asked: str) -> None:
    with pytest.raises(ConfigError, match="asked"):
        parse_timing(f'{{"aligned": true, "chunks": [], "asked": {asked}}}')


@pytest.mark.parametrize("aligned", ["1", "0", '"no"', "null"])
def test_aligned_is_a_truth_value(aligned: str) -> None:
    with pytest.raises(ConfigError, match="aligned"):
        parse_timing(f'{{"aligned": {aligned}, "chunks": []}}')


def test_an_unknown_origin_is_refused() -> None:
    text = format_expectation(EXPECTATION).replace("simulated", "guessed")
    with pytest.raises(ConfigError, match="origin must be"):
        parse_expectation(text)
