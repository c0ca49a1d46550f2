"""The display: which sound a message makes, and what is to be read on it."""

import io
import wave
from typing import Any

import pytest
from rich.console import Console

from dynod.cli.bigtext import big
from dynod.cli.sounds import tune
from dynod.cli.watch import Screen
from dynod.model.clinical import Movement
from dynod.model.session import Phase

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


def slot(movement: str = "hip_abduction", side: str = "left", **other: Any) -> dict[str, Any]:
    return {
        "movement": movement,
        "position": "supine",
        "contraction": "make",
        "kind": "force",
        "side": side,
        "trial_number": 2,
        "familiarisation": False,
        **other,
    }


def verdict(number: int, *flags: str, valid: bool | None = None) -> dict[str, Any]:
    return {
        "result_id": f"result-{number}",
        "valid": not flags if valid is None else valid,
        "flags": list(flags),
        "quantity": "peak_force_n",
        "value": 93.2,
    }


def state(phase: str = "ready", **other: Any) -> dict[str, Any]:
    return {
        "phase": phase,
        "session_id": "session",
        "session_code": "AC34",
        "assigned": True,
        "next": slot(),
        "last_trial": None,
        **other,
    }


def sounds(*states: dict[str, Any]) -> list[str | None]:
    screen = Screen()
    return [screen.take("session/state", item) for item in states]


def test_a_beginning_recording_sounds_once() -> None:
    assert sounds(state(), state("recording"), state("recording")) == [None, "begin", None]


@pytest.mark.parametrize(("flags", "sound"), [((), "accepted"), (("too_short",), "refused")])
def test_a_new_verdict_sounds_once(flags: tuple[str, ...], sound: str) -> None:
    after = state(last_trial=verdict(1, *flags))
    assert sounds(state("analysing"), after, after) == [None, sound, None]


def test_every_verdict_has_its_own_sound() -> None:
    heard = sounds(
        state("analysing"),
        state(last_trial=verdict(1)),
        state("recording", last_trial=verdict(1)),
        state("analysing", last_trial=verdict(1)),
        state(last_trial=verdict(2, "gap")),
        state(),  # taken back
        state(last_trial=verdict(3)),
    )
    assert heard == [None, "accepted", "begin", None, "refused", None, "accepted"]


def test_a_problem_sounds_when_it_comes_up() -> None:
    first, other = state(problem="storage: full"), state(problem="not possible in phase analysing")
    assert sounds(state(), first, first, other, state()) == [
        None,
        "refused",
        None,
        "refused",
        None,
    ]


def test_what_was_so_when_the_display_was_started_makes_no_sound() -> None:
    for first in (state("recording"), state(last_trial=verdict(1)), state(problem="full")):
        assert sounds(first) == [None]


def test_other_messages_make_no_sound() -> None:
    screen = Screen()
    assert screen.take("status", {"state": "online"}) is None
    assert screen.take("devices/hhd-1/status", {"state": "absent"}) is None
    assert screen.take("live/hhd-1", {"force_n": 5.0}) is None


@pytest.mark.parametrize("name", ["begin", "accepted", "refused"])
def test_each_sound_is_a_short_wave_file(name: str) -> None:
    with wave.open(io.BytesIO(tune(name))) as file:
        seconds = file.getnframes() / file.getframerate()
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
    assert 0.1 <= seconds <= 0.6


# -- the picture ------------------------------------------------------------------------------


class Display:
    """A terminal of a given size that shows a screen's picture."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
        self.now_s = 100.0
        self.screen = Screen(lambda: self.now_s)
        self._size = size
        self._monkeypatch = monkeypatch

    def lines(self, *messages: tuple[str, dict[str, Any]]) -> list[str]:
        columns, rows = self._size
        console = Console(
            record=True, width=columns, height=rows, file=io.StringIO(), legacy_windows=False
        )
        self._monkeypatch.setattr("dynod.cli.watch.console", console)
        for topic, payload in messages:
            self.screen.take(topic, payload)
        console.print(self.screen.picture())
        lines = console.export_text().splitlines()
        assert len(lines) <= rows
        assert max(len(line) for line in lines) <= columns
        return lines

    def state(self, phase: str = "ready", **other: Any) -> list[str]:
        return self.lines(("session/state", state(phase, **other)))


def joined(lines: list[str]) -> str:
    """What stands in the panel, as if its lines had not been broken."""
    return " ".join(line.strip(" │") for line in lines)


def shows_big(lines: list[str], word: str) -> bool:
    """Whether the five rows of a word stand below each other."""
    rows = [row.strip() for row in big(word).splitlines()]
    return any(
        all(row in line for row, line in zip(rows, lines[top : top + 5], strict=True))
        for top in range(len(lines) - 4)
    )


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> Display:
    return Display(monkeypatch, size)


@SIZES
@pytest.mark.parametrize("phase", [phase.value for phase in Phase])
@pytest.mark.parametrize("movement", [movement.value for movement in Movement])
def test_every_phase_and_movement_can_be_shown(display: Display, phase: str, movement: str) -> None:
    idle = phase in {"idle", "complete"}
    lines = display.state(phase, next=None if idle else slot(movement))
    assert shows_big(lines, "AC34")
    if not idle:
        assert shows_big(lines, "left")


@SIZES
@pytest.mark.parametrize("side", ["left", "right"])
def test_side_code_and_number_are_large(display: Display, side: str) -> None:
    lines = display.state(next=slot(side=side))
    assert shows_big(lines, side)
    assert shows_big(lines, "AC34")
    assert shows_big(lines, "2")
    assert any("trial 2: press, then pull" in line for line in lines)
    other = "right" if side == "left" else "left"
    assert not shows_big(lines, other)


@SIZES
def test_a_trial_to_repeat_says_why(display: Display) -> None:
    """Only what rejects is a reason; ``uncalibrated`` warns (docs/contract.md, section 2)."""
    lines = display.state(last_trial=verdict(1, "uncalibrated", "too_short", "no_baseline"))
    assert any("93 N: too short, no baseline" in line for line in lines)
    assert not any("uncalibrated" in line for line in lines)


@SIZES
@pytest.mark.parametrize("movement", ["hip_abduction", "hip_external_rotation"])
def test_verdict_problem_and_fault_are_all_on_the_screen(display: Display, movement: str) -> None:
    lines = display.lines(
        ("devices/hhd-1/status", {"state": "absent", "fault": "no such port"}),
        (
            "session/state",
            state(next=slot(movement), last_trial=verdict(1, "gap"), problem="storage: full"),
        ),
        ("live/hhd-1", {"force_n": 12.0}),
    )
    for text in ("93 N: gap", "! storage: full", "! hhd-1: no such port", "12 N"):
        assert any(text in line for line in lines), text


WARNINGS = (
    "hhd-1: its certificate expires on 2026-12-03, in 8 days; calibrate it",
    "tilt-1: its last check was failed on 2026-11-20: trials do not count until a check is passed",
)


@SIZES
@pytest.mark.parametrize("movement", ["hip_abduction", "hip_external_rotation"])
def test_warnings_are_on_the_screen_and_hide_no_verdict(display: Display, movement: str) -> None:
    lines = display.lines(
        ("devices/hhd-1/status", {"state": "absent", "fault": "no such port"}),
        (
            "session/state",
            state(
                next=slot(movement),
                last_trial=verdict(1, "verification_failed"),
                problem="storage: full",
                warnings=list(WARNINGS),
            ),
        ),
        ("live/hhd-1", {"force_n": 12.0}),
    )
    shown = joined(lines)
    for text in (
        "93 N: verification failed",
        "! storage: full",
        "! hhd-1: no such port",
        *WARNINGS,
    ):
        assert text in shown


@SIZES
def test_of_many_warnings_the_first_are_shown_and_the_others_counted(
    display: Display, size: tuple[int, int]
) -> None:
    many = [f"hhd-{number}: no certificate: trials do not count" for number in range(1, 7)]
    lines = display.state(last_trial=verdict(1, "no_calibration"), warnings=many)
    shown = joined(lines)
    assert "93 N: no calibration" in shown
    assert many[0] in shown
    assert f"and {3 if size[1] >= 40 else 5} more: dynod calibrate list" in shown


@SIZES
def test_a_valid_trial_says_ok(display: Display, size: tuple[int, int]) -> None:
    lines = display.state(last_trial=verdict(1, "uncalibrated", valid=True))
    assert shows_big(lines, "93 N ok") if size[1] >= 40 else any("93 N OK" in x for x in lines)


@SIZES
def test_the_bar_follows_the_live_force(display: Display) -> None:
    display.state("recording")

    def bar(force_n: float) -> int:
        lines = display.lines(("live/hhd-1", {"force_n": force_n}))
        (line,) = [line for line in lines if f"{force_n:.0f} N" in line]
        return line.count("█")

    none, half, full, more = bar(-3.0), bar(200.0), bar(400.0), bar(900.0)
    assert none == 0
    assert abs(2 * half - full) <= 1  # the scale ends at 400 N
    assert full == more > 20


def shows(display: Display, text: str) -> bool:
    return any(text in line for line in display.lines())


@SIZES
def test_a_live_value_lasts_two_seconds(display: Display) -> None:
    """As long as at the broker (docs/contract.md); what is no longer pulled is not shown."""
    display.state("recording")
    display.lines(("live/hhd-1", {"force_n": 77.0}))
    display.now_s += 1.9
    assert shows(display, "77 N")
    display.now_s += 0.2
    assert not shows(display, " N  ")
    display.lines(("live/hhd-1", {"force_n": 78.0}))
    assert shows(display, "78 N")


@SIZES
@pytest.mark.parametrize("lost", ["absent", "stale", "leased"])
def test_the_live_value_of_a_lost_device_goes_with_it(display: Display, lost: str) -> None:
    display.state("recording")
    display.lines(("live/hhd-1", {"force_n": 77.0}))
    display.lines(("devices/hhd-2/status", {"state": lost}))  # another one
    assert shows(display, "77 N")
    display.lines(("devices/hhd-1/status", {"state": lost}))
    assert not shows(display, "77 N")


@SIZES
def test_an_angle_is_not_shown_while_force_is_measured(display: Display) -> None:
    display.state("recording")
    assert not any("77" in line for line in display.lines(("live/tilt-1", {"angle_deg": 77.0})))
    display.state("recording", next=slot(kind="angle"))
    assert any("77 °" in line for line in display.lines(("live/tilt-1", {"angle_deg": 77.0})))


@SIZES
def test_a_session_without_a_patient_is_marked(display: Display) -> None:
    assert any("no patient yet" in line for line in display.state(assigned=False))
    assert not any("no patient yet" in line for line in display.state())


@SIZES
def test_before_the_first_message_and_without_a_session(display: Display) -> None:
    assert any("waiting for the daemon" in line for line in display.lines())
    lines = display.state("idle", next=None, session_code=None, assigned=False)
    assert shows_big(lines, "press")


@SIZES
def test_familiarisation_is_called_trying(display: Display) -> None:
    lines = display.state(next=slot(familiarisation=True))
    assert any("try it out" in line for line in lines)
