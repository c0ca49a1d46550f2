"""The rule that keeps a question of one device from harming another."""

import pytest

from dynod.cli.questions import bytes_of, danger_of, lines_of, make_questions
from dynod.config.profiles import load_profiles
from dynod.daemon.ports import LineSettings
from dynod.wire.profile import FreeRunning, Polled, Profile
from tests.cli.models import LINE, POLL, profile


def model(name: str, *forbidden: str, **dialogue: object) -> Profile:
    """Return a profile that forbids, and asks as ``dialogue`` says."""
    made = profile(LINE).model_copy(update={"name": name, "forbidden": forbidden, "title": name})
    return made.model_copy(update={"dialogue": made.dialogue.model_copy(update=dialogue)})


ASKED = model("asked", "OWN\r")


@pytest.mark.parametrize(
    ("sent", "forbidden", "harms"),
    [
        (b"LIST\r", "Z\r", False),
        (b"Z\r", "Z\r", True),
        (b"GETZ\r", "Z\r", True),  # a part of it
        (b"getz\r", "Z\r", True),  # in another case
        (b"Z\r\n", "Z\r", True),  # with another line end
        (b"Z\n", "Z\r", True),
        (b"Z", "Z\r", False),  # the command is not complete
        (b"get-x&y", "x", True),
        (b"9", "2", False),
        (b"\x77\x06\x00\x00\x05\x01\x0c", "hex: 77 06 00 00 05", True),
        (b"\x77\x05\x00\x00\x04\x09", "hex: 77 06 00 00 05", False),
        (b"\xff\xaa\x41", "hex: FF AA 61", False),  # bytes have no case
    ],
)
def test_bytes_harm_whom_they_could_zero(sent: bytes, forbidden: str, harms: bool) -> None:
    danger = danger_of(ASKED, sent, [ASKED, model("other", forbidden)])
    assert (danger is not None) == harms
    if danger is not None:
        assert (danger.profile.name, danger.phrase) == ("other", forbidden)


def test_what_was_sent_before_may_complete_a_command() -> None:
    other = model("other", "Z\r")
    assert danger_of(ASKED, b"\r", [other], before=b"9") is None
    danger = danger_of(ASKED, b"\r", [other], before=b"someZ")
    assert danger is not None
    # What is wholly in the past has happened already.
    assert danger_of(ASKED, b"A\r", [other], before=b"Z\r") is None


def test_a_device_that_the_user_names_is_asked_all_the_same() -> None:
    other = model("other", "L")
    assert danger_of(ASKED, b"LIST\r", [other]) is not None
    assert danger_of(ASKED, b"LIST\r", [other], named={"asked"}) is None


def test_but_not_when_the_other_is_named_too() -> None:
    other = model("other", "L")
    assert danger_of(ASKED, b"LIST\r", [other], named={"asked", "other"}) is not None


@pytest.mark.parametrize("named", [(), ("asked",)])
def test_what_its_own_profile_forbids_is_never_sent(named: tuple[str, ...]) -> None:
    assert danger_of(ASKED, b"OWN\r", [ASKED], named) is not None


def test_its_own_sources_know_its_own_case() -> None:
    """`s` stops and `S` starts some devices: of its own commands a profile says exactly which."""
    assert danger_of(ASKED, b"own\r", [ASKED]) is None


def test_only_names_and_polls_are_asked() -> None:
    """No start, stop, setting, unit, hush or setup, of any profile that dynod has."""
    known = list(load_profiles(None).values())
    questions, _ = make_questions(known, known, {one.key for one in known}, ())
    for question in questions:
        talk = question.profiles[0].dialogue
        assert not isinstance(talk, FreeRunning)
        poll = talk.poll if isinstance(talk, Polled) else None
        wanted = [poll] if talk.identify is None else [talk.greet, talk.identify]
        phrases = [phrase for phrase in wanted if phrase is not None]
        assert question.parts == tuple(bytes_of(question.profiles[0], text) for text in phrases)


def test_no_question_holds_a_word_that_any_other_device_may_not_hear() -> None:
    known = list(load_profiles(None).values())
    questions, left_out = make_questions(known, known, (), ())
    for question in questions:
        names = {one.name for one in question.profiles}
        sent = b"".join(question.parts).lower()
        words = [word for one in known if one.name not in names for word in one.forbidden]
        assert not any(word.lower().encode() in sent for word in words)
    asked = {one.key for question in questions for one in question.profiles}
    assert asked.isdisjoint(item.profile.key for item in left_out)


def test_what_is_left_out_says_for_whose_sake() -> None:
    asked, other = model("asked", "A", identify="WHO\r"), model("other", "who", identify="ID\r")
    questions, left_out = make_questions([asked, other], [asked, other], (), ())
    assert [q.parts for q in questions] == [(b"ID\r",)]
    (item,) = left_out
    assert (item.profile.name, item.danger.profile.name) == ("asked", "other")


def test_a_greeting_that_could_harm_is_left_out_alone() -> None:
    asked = model("asked", "A", greet="Z\r", greeted_by="^Z", identify="WHO\r")
    other = model("other", "Z\r", identify=None)
    questions, left_out = make_questions([asked], [asked, other], (), ())
    assert [q.parts for q in questions] == [(b"WHO\r",)]
    assert left_out == []


def test_devices_with_the_same_question_are_asked_once() -> None:
    first, second = model("first", "A"), model("second", "B")
    (question,) = make_questions([first, second], [first, second], (), ())[0]
    assert [p.name for p in question.profiles] == ["first", "second"]


def test_the_same_bytes_of_a_named_device_stand_for_the_other_as_well() -> None:
    first, second, third = model("first", "A"), model("second", "B"), model("third", "WHO")
    known = [first, second, third]
    (question,), left_out = make_questions([first, second], known, {"first"}, ())
    assert [p.name for p in question.profiles] == ["first", "second"]
    assert left_out == []


def test_whole_lines_come_before_what_has_no_end() -> None:
    """A device that collects a line reads an unfinished question and the next one as one."""
    known = list(load_profiles(None).values())
    questions, _ = make_questions(known, known, (), ())
    for line in {question.line for question in questions}:
        last = [question.parts[-1] for question in questions if question.line == line]
        ends = [sent.endswith((b"\r", b"\n")) for sent in last]
        assert ends == sorted(ends, reverse=True)


def test_a_baud_rate_that_no_source_gives_is_looked_for_among_the_others() -> None:
    nine, nineteen = profile(LINE), profile(POLL)
    unknown = nine.model_copy(
        update={"name": "x", "serial": nine.serial.model_copy(update={"baudrate": None})}
    )
    rates = [line.baudrate for line in lines_of(unknown, [nine, nineteen, unknown], ())]
    assert rates == [9600, 19200]
    assert lines_of(unknown, [nine], (2400,)) == [LineSettings(2400)]
    assert [line.baudrate for line in lines_of(nine, [nine], (2400,))] == [9600, 2400]
