"""What is sent when, and how failures are named. Times are those of the Chronojump profile."""

import tomllib
from pathlib import Path

import pytest

from dynod.wire.dialogue import DialoguePhase, StartStopDialogue, make_dialogue
from dynod.wire.phrases import printable
from dynod.wire.profile import Profile, StartStop

DEVICES = Path(__file__).parents[2] / "devices"
OPEN_WAIT_S, REPLY_S, SPACING_S, ATTEMPTS = 3.0, 3.0, 1.2, 8
VERSION, STARTED, ENDED = b"Force_Sensor-0.6", b"Starting capture...", b"Capture ended:"
REFUSED = b"Not a valid command"


def profile(name: str) -> Profile:
    return Profile.model_validate(
        tomllib.loads((DEVICES / name / "profile.toml").read_text(encoding="utf-8"))
    )


def opened() -> StartStopDialogue:
    dialogue = make_dialogue(profile("chronojump_force_sensor"))
    assert isinstance(dialogue, StartStopDialogue)
    dialogue.start(0.0)
    return dialogue


def asked() -> StartStopDialogue:
    dialogue = opened()
    assert dialogue.tick(OPEN_WAIT_S).send == b"get_version:"
    return dialogue


def streaming() -> StartStopDialogue:
    dialogue = asked()
    dialogue.receive([VERSION], 4.0, data_seen=False)
    dialogue.tick(4.2)
    assert dialogue.receive([STARTED], 5.2, data_seen=False).phase is DialoguePhase.STREAMING
    return dialogue


def test_the_times_of_this_file_are_those_of_the_profile() -> None:
    settings = profile("chronojump_force_sensor").dialogue
    assert isinstance(settings, StartStop)
    found = (settings.open_wait_s, settings.reply_s, settings.spacing_s, settings.attempts)
    assert found == (OPEN_WAIT_S, REPLY_S, SPACING_S, ATTEMPTS)


def test_waits_for_the_reset_then_asks_who_it_is() -> None:
    dialogue = make_dialogue(profile("chronojump_force_sensor"))
    step = dialogue.start(0.0)
    assert (step.phase, step.send, step.wake_s) == (DialoguePhase.WAITING, b"", OPEN_WAIT_S)
    assert dialogue.tick(2.99).send == b""
    step = dialogue.tick(3.0)
    assert (step.phase, step.send) == (DialoguePhase.IDENTIFYING, b"get_version:")


def test_starts_a_device_that_it_knows_but_not_sooner_than_the_firmware_can_hear() -> None:
    dialogue = asked()
    step = dialogue.receive([VERSION], 3.1, data_seen=False)
    assert (step.phase, step.send, step.wake_s) == (DialoguePhase.STARTING, b"", 3.0 + SPACING_S)
    assert dialogue.identified == "Force_Sensor-0.6"
    assert dialogue.tick(4.19).send == b""
    assert dialogue.tick(4.2).send == b"start_capture:"
    step = dialogue.receive([STARTED], 5.2, data_seen=False)
    assert (step.phase, step.wake_s) == (DialoguePhase.STREAMING, None)


def test_data_is_as_good_as_the_answer_to_start() -> None:
    dialogue = asked()
    dialogue.receive([VERSION], 4.0, data_seen=False)
    dialogue.tick(4.2)
    assert dialogue.receive([], 5.2, data_seen=True).phase is DialoguePhase.STREAMING


def test_stops_a_board_that_streams_already_before_asking() -> None:
    dialogue = opened()
    dialogue.receive([], 2.9, data_seen=True)
    step = dialogue.tick(3.0)
    assert (step.phase, step.send) == (DialoguePhase.STOPPING, b"end_capture:")
    step = dialogue.receive([ENDED], 4.0, data_seen=True)
    assert (step.phase, step.send) == (DialoguePhase.IDENTIFYING, b"")
    assert dialogue.tick(4.2).send == b"get_version:"


def test_an_unknown_answer_fails_naming_it_harmlessly() -> None:
    step = asked().receive([b"Evil\x1b[2J\x07\xff"], 4.0, data_seen=False)
    assert step.phase is DialoguePhase.FAILED
    assert step.problem is not None
    assert step.problem.isprintable()
    assert r"answers as 'Evil\x1b[2J\x07" in step.problem
    assert "Chronojump force sensor" in step.problem


@pytest.mark.parametrize("late", [ENDED, STARTED])
def test_a_late_answer_to_an_earlier_command_is_no_identity(late: bytes) -> None:
    assert asked().receive([late], 3.5, data_seen=False).phase is DialoguePhase.IDENTIFYING


def test_no_answer_fails_naming_the_command() -> None:
    dialogue = asked()
    now_s, sends = OPEN_WAIT_S, 1
    while (step := dialogue.tick(now_s := now_s + REPLY_S)).phase is DialoguePhase.IDENTIFYING:
        assert step.send == b"get_version:"
        sends += 1
    assert sends == ATTEMPTS
    assert step.phase is DialoguePhase.FAILED
    assert step.problem is not None
    assert "no answer to get_version: after 8 attempts" in step.problem


def test_no_answer_to_start_names_start() -> None:
    dialogue = asked()
    dialogue.receive([VERSION], 4.0, data_seen=False)
    step = dialogue.tick(4.2)
    for attempt in range(ATTEMPTS):
        step = dialogue.tick(4.2 + REPLY_S * (attempt + 1))
    assert step.problem is not None
    assert "no answer to start_capture:" in step.problem


def test_a_refused_command_is_sent_again_when_the_firmware_can_hear() -> None:
    dialogue = asked()
    assert dialogue.receive([REFUSED], 3.5, data_seen=False).wake_s == 3.0 + SPACING_S
    assert dialogue.tick(4.19).send == b""
    assert dialogue.tick(4.2).send == b"get_version:"


def test_stop_is_sent_again_until_it_is_heard() -> None:
    dialogue = streaming()
    assert dialogue.stop(10.0).send == b"end_capture:"
    dialogue.receive([REFUSED], 11.0, data_seen=True)
    assert dialogue.tick(11.2).send == b"end_capture:"
    assert dialogue.tick(14.2).send == b"end_capture:"
    assert dialogue.receive([ENDED], 15.0, data_seen=True).phase is DialoguePhase.STOPPED


def test_stop_ends_even_when_the_device_never_answers() -> None:
    dialogue = streaming()
    now_s, sends = 10.0, 1
    dialogue.stop(now_s)
    while (step := dialogue.tick(now_s := now_s + REPLY_S)).phase is DialoguePhase.STOPPING:
        sends += 1
    assert (step.phase, sends) == (DialoguePhase.STOPPED, ATTEMPTS)


@pytest.mark.parametrize("now_s", [1.0, 3.5])
def test_a_device_that_does_not_stream_is_left_alone(now_s: float) -> None:
    dialogue = opened() if now_s < OPEN_WAIT_S else asked()
    step = dialogue.stop(now_s)
    assert (step.phase, step.send) == (DialoguePhase.STOPPED, b"")


def test_stop_right_after_start_keeps_the_distance() -> None:
    dialogue = asked()
    dialogue.receive([VERSION], 4.0, data_seen=False)
    dialogue.tick(4.2)
    assert dialogue.stop(4.3).send == b""
    assert dialogue.tick(4.2 + SPACING_S).send == b"end_capture:"


def test_a_free_running_device_is_known_by_its_first_sample() -> None:
    dialogue = make_dialogue(profile("witmotion_wt901"))
    assert dialogue.start(0.0).wake_s == 3.0
    assert dialogue.receive([], 1.0, data_seen=False).phase is DialoguePhase.IDENTIFYING
    step = dialogue.receive([], 1.1, data_seen=True)
    assert (step.phase, step.send) == (DialoguePhase.STREAMING, b"")
    assert dialogue.identified == "WitMotion WT901 and HWT905"
    assert dialogue.tick(100.0).phase is DialoguePhase.STREAMING
    assert dialogue.stop(101.0).phase is DialoguePhase.STOPPED


def test_a_free_running_device_that_is_silent_fails() -> None:
    dialogue = make_dialogue(profile("witmotion_wt901"))
    dialogue.start(0.0)
    assert dialogue.tick(2.9).problem is None
    step = dialogue.tick(3.0)
    assert step.phase is DialoguePhase.FAILED
    assert step.problem is not None
    assert "no valid frame of a WitMotion WT901 and HWT905 within 3 s" in step.problem


def test_printable_is_short_and_harmless() -> None:
    text = printable(b"\x1b]0;title\x07" + b"a" * 100 + b"\n")
    assert text.isprintable()
    assert text.startswith(r"\x1b]0;title\x07aaa")
    assert len(text) < 100
