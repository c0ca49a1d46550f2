"""What is sent to a device or awaited from it, as a profile writes it down.

Text stands as it is; bytes that are no text are written in hex behind ``hex:``. What is awaited is
a regular expression over the bytes of an answer.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

_HEX = "hex:"


def _is_phrase(text: str) -> str:
    try:
        sent = phrase_bytes(text)
    except ValueError:
        raise ValueError('should be text, or bytes in hex such as "hex: 77 05 0A"') from None
    if not sent:
        raise ValueError("should not be empty")
    return text


def _is_pattern(text: str) -> str:
    try:
        compiled = compile_pattern(f"(?:{text})")  # as it will stand among others
    except (re.error, UnicodeEncodeError) as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if compiled.fullmatch(b""):
        raise ValueError("should not match an empty answer")
    return text


# Printable ASCII with CR and LF, so that it can be sent and shown.
Phrase = Annotated[
    str,
    Field(min_length=1, max_length=256, pattern=r"^[ -~\r\n]+$"),
    AfterValidator(_is_phrase),
]
Pattern = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_is_pattern)]


def phrase_bytes(text: str) -> bytes:
    """Return the bytes of a phrase; raises ValueError for what is no hex behind ``hex:``."""
    if text.startswith(_HEX):
        return bytes.fromhex(text.removeprefix(_HEX))
    return text.encode("ascii")


def phrase_shown(text: str) -> str:
    """Return a phrase for people: without its line end, or as hex."""
    return text.removeprefix(_HEX).strip() or ascii(text)[1:-1]


def compile_pattern(text: str) -> re.Pattern[bytes]:
    """Return an expression over bytes; characters beyond ASCII stand for the byte of their code."""
    return re.compile(text.encode("latin-1"))


def printable(text: bytes) -> str:
    """Return bytes of a device as text that is safe for a log or a terminal, at most 60 long."""
    return ascii(text[:60].decode("ascii", errors="backslashreplace"))[1:-1]
