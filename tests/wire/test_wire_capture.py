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


def test_an_unknown_origin_is_refused() -> None:
    text = format_expectation(EXPECTATION).replace("simulated", "guessed")
    with pytest.raises(ConfigError, match="origin must be"):
        parse_expectation(text)
