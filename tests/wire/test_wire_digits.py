"""The column reader against the meaning of each line, spelled out by Python itself."""

import re
import tomllib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.model.samples import Chunk, Decoded
from dynod.wire.capture import joined_blocks
from dynod.wire.decoder import Decoder
from dynod.wire.digits import read_lines
from dynod.wire.profile import Profile

FOLDER = Path(__file__).parents[2] / "devices" / "chronojump_force_sensor"
PROFILE = Profile.model_validate(tomllib.loads((FOLDER / "profile.toml").read_text("utf-8")))
SEPARATOR = ord(";")
WELL_FORMED = re.compile(rb"[0-9]{1,10};-?[0-9]{1,7}\.[0-9]{1,4}\r?")


def digits(longest: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=1, max_size=longest)


def lines(decimals: int) -> st.SearchStrategy[list[str]]:
    line = st.builds(
        lambda stamp, sign, whole, part, end: f"{stamp};{sign}{whole}.{part}{end}\n",
        digits(10),
        st.sampled_from(["", "-"]),
        digits(7),
        st.text("0123456789", min_size=decimals, max_size=decimals),
        st.sampled_from(["", "\r"]),
    )
    return st.lists(line, min_size=1, max_size=40)


def numbers(line: str) -> tuple[int, float]:
    stamp, _, value = line.strip().partition(";")
    return int(stamp), float(value)


@settings(deadline=None)
@given(st.integers(1, 4).flatmap(lines))
def test_columns_read_what_python_reads(text: list[str]) -> None:
    columns = read_lines("".join(text).encode(), SEPARATOR)
    assert columns is not None
    found = zip(columns.stamps.tolist(), columns.values.tolist(), strict=True)
    assert [repr(pair) for pair in found] == [repr(numbers(line)) for line in text]


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 4).flatmap(lines), st.integers(0), st.binary(max_size=3), st.integers(0, 2))
def test_columns_refuse_whatever_is_not_exactly_that_form(
    text: list[str], place: int, inserted: bytes, removed: int
) -> None:
    data = "".join(text).encode()
    place %= len(data)
    damaged = data[:place] + inserted + data[place + removed :] + b"\n"
    columns = read_lines(damaged, SEPARATOR)
    if columns is not None:
        found = damaged.split(b"\n")[:-1]
        assert all(WELL_FORMED.fullmatch(line) for line in found)
        assert columns.values.tolist() == [numbers(line.decode())[1] for line in found]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30_000), st.integers(-99_999, 99_999)), min_size=1),
    st.integers(0, 2**32 - 1),
)
def test_columns_and_single_lines_decode_alike(steps: list[tuple[int, int]], start: int) -> None:
    text, stamp = [], start
    for step, value in steps * 3:
        stamp = (stamp + step) % 2**32
        text.append(b"%d;%.2f\r\n" % (stamp, value / 100))
    data = b"".join(text)
    tiny = [data[k : k + 7] for k in range(0, len(data), 7)]
    (whole,), (single,) = (joined_blocks(decode(pieces)) for pieces in ([data], tiny))
    assert whole.t_s.tolist() == single.t_s.tolist()
    assert whole.values.tolist() == single.values.tolist()
    assert whole.values[:, 0].tolist() == [value / 100 for _, value in steps * 3]


def decode(pieces: list[bytes]) -> list[Decoded]:
    decoder = Decoder(PROFILE, aligned=True)
    return [decoder.feed(Chunk(piece, 0.0)) for piece in pieces]
