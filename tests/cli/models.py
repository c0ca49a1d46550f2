"""Device models made up for the tests, with short times, and little devices that need no profile.

``quick_line`` starts and stops and has a button, ``quick_poll`` is asked, ``quick_key`` sends at a
press, ``quick_frame`` streams frames with a sum and can be configured.
"""

import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dynod.wire.profile import Profile
from tests.support.pty_device import PtyDevice

_HEAD = """\
name = "{name}"
title = "{title}"
kind = "{kind}"
channels = ["{channel}"]
unit = "{unit}"
stale_s = 2.0
hardware = "never"
sources = ["made up for the tests"]
"""

LINE = (
    _HEAD.format(name="quick_line", title="Quick line", kind="force", channel="force", unit="N")
    + r"""
push_sign = 1
rate_hz = 100.0
forbidden = ["ZERO\r"]
[serial]
baudrate = 9600
[framing]
kind = "pattern_line"
patterns = ['F(?P<force>[+-]?\d+\.\d)']
replies = ['QL.*', 'GO', 'OK']
events = { press = "DOWN", release = "UP" }
[clock]
kind = "nominal"
[dialogue]
kind = "start_stop"
open_wait_s = 0.02
reply_s = 0.3
identify = "WHO\r"
identified_by = '^QL-\d'
start = "GO\r"
started_by = '^GO'
stop = "STOP\r"
stopped_by = '^OK'
[[dialogue.refuse]]
answer = 'POLARITY OFF'
because = "its signs are switched off; switch them on in its menu"
[simulation]
line = "F{force:.1f}\r\n"
press = "DOWN\r\n"
release = "UP\r\n"
[simulation.answers]
"WHO\r" = "QL-1\r\n"
"GO\r" = "GO\r\n"
"STOP\r" = "OK\r\n"
"""
)

POLL = (
    _HEAD.format(name="quick_poll", title="Quick poll", kind="force", channel="force", unit="N")
    + r"""
push_sign = -1
rate_hz = 50.0
forbidden = ["T\r"]
[serial]
baudrate = 19200
[framing]
kind = "pattern_line"
patterns = ['R=(?P<force>[+-]?\d+\.\d\d)']
[clock]
kind = "poll"
[dialogue]
kind = "polled"
poll = "R\r"
open_wait_s = 0.02
reply_s = 0.2
[simulation]
line = "R={force:.2f}\r\n"
"""
)

KEY = (
    _HEAD.format(name="quick_key", title="Quick key", kind="force", channel="force", unit="N")
    + r"""
push_sign = 1
forbidden = ["K\r"]
[serial]
baudrate = 4800
[framing]
kind = "pattern_line"
patterns = ['K(?P<force>[+-]?\d+\.\d)']
[clock]
kind = "arrival"
[dialogue]
kind = "press_to_send"
open_wait_s = 0.02
[simulation]
line = "K{force:.1f}\r\n"
"""
)

FRAME = (
    _HEAD.format(name="quick_frame", title="Quick frame", kind="angle", channel="roll", unit="deg")
    + r"""
rate_hz = 100.0
forbidden = ["hex: FF AA 01 04 00"]
[serial]
baudrate = 115200
[framing]
kind = "fixed_frame"
length = 11
mark = 0x55
sample_id = 0x53
other_ids = [0x51, 0x52]
reply_ids = [0x5F]
fields = { roll = { offset = 2, type = "i16le", scale = 0.0054931640625 } }
[clock]
kind = "nominal"
[dialogue]
kind = "free_running"
first_frame_s = 0.4
[setup]
unlock = "hex: FF AA 69 88 B5"
save = "hex: FF AA 00 00 00"
read = "hex: FF AA 27 03 00"
read_by = '(?s:^U_(?P<rate>..)(?P<baudrate>..))'
rates = { 10 = "hex: FF AA 03 06 00", 100 = "hex: FF AA 03 09 00", 200 = "hex: FF AA 03 0B 00" }
baudrates = { 9600 = "hex: FF AA 04 02 00", 115200 = "hex: FF AA 04 06 00" }
"""
)

TEXTS = {"quick_line": LINE, "quick_poll": POLL, "quick_key": KEY, "quick_frame": FRAME}


def profile(text: str) -> Profile:
    return Profile.model_validate(tomllib.loads(text))


def profiles(*texts: str) -> dict[str, Profile]:
    """Return profiles by name; all of this module's without any text."""
    made = [profile(text) for text in texts or TEXTS.values()]
    return {one.key: one for one in made}


def write_profiles(folder: Path, texts: Mapping[str, str] = TEXTS) -> Path:
    """Put profiles into devices.d; return the config file beside it, which is left unwritten."""
    for name, text in texts.items():
        path = folder / "devices.d" / name / "profile.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    config = folder / "dynod.toml"
    config.touch()
    return config


class Speaker(PtyDevice):
    """A device of no known kind: says the same thing again and again, or answers what it knows.

    ``received`` is all that anybody sent to it.
    """

    def __init__(
        self,
        link: Path,
        *,
        says: bytes = b"",
        every_s: float = 0.02,
        answers: Mapping[bytes, bytes] | None = None,
    ) -> None:
        super().__init__(link, every_s)
        self.received = b""
        self._says = says
        self._answers = answers or {}

    def turn(self) -> None:
        """Say it, and answer what came in."""
        with suppress(BlockingIOError):  # nobody reads
            os.write(self.master, self._says)
        try:
            heard = os.read(self.master, 4096)
        except BlockingIOError:
            return
        before, self.received = self.received, self.received + heard
        for asked, answer in self._answers.items():
            for _ in range(self.received.count(asked) - before.count(asked)):
                os.write(self.master, answer)
