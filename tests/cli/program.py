"""The program, called as ``dynod WORDS`` inside the test's own process."""

from collections.abc import Callable
from typing import NamedTuple


class Done(NamedTuple):
    code: int
    out: str
    err: str


Program = Callable[..., Done]


def is_one_line(text: str) -> bool:
    return text.startswith("dynod: ") and text.count("\n") == 1
