"""What a profile may not say."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dynod.wire.decoder import Decoder
from dynod.wire.profile import Profile

DEVICES = Path(__file__).parents[2] / "devices"
TEXTS = {
    name: tomllib.loads((DEVICES / name / "profile.toml").read_text("utf-8"))
    for name in ("chronojump_force_sensor", "witmotion_wt901")
}
FORCE, ANGLE = TEXTS
NOMINAL = {"kind": "nominal"}
STAMP = {"kind": "stamp", "unit_s": 1e-6}


def changed(name: str, path: str, value: object) -> dict[str, Any]:
    data = copy.deepcopy(TEXTS[name])
    *parents, key = path.split("/")
    place = data
    for parent in parents:
        place = place[parent]
    place[key] = value
    return data


@pytest.mark.parametrize(
    ("name", "path", "value", "says"),
    [
        (FORCE, "colour", "red", "Extra inputs"),
        (FORCE, "framing/colour", "red", "Extra inputs"),
        (FORCE, "name", "Upper Case", "pattern"),
        (FORCE, "unit", "furlong", "Input should be"),
        (FORCE, "unit", "deg", "deg is no unit of force"),
        (ANGLE, "unit", "N", "N is no unit of angle"),
        (FORCE, "rate_hz", 0, "greater than 0"),
        (FORCE, "rate_hz", float("inf"), "finite number"),
        (FORCE, "push_sign", 0, "Input should be"),
        (FORCE, "hardware", "perhaps", "Input should be"),
        (FORCE, "sources", [], "at least 1"),
        (FORCE, "framing/kind", "telepathy", "does not match any"),
        (FORCE, "framing/separator", ";;", "pattern"),
        (FORCE, "framing/separator", "5", "pattern"),
        (FORCE, "framing/separator", "§", "pattern"),
        (FORCE, "framing/max_bytes", 16, "greater than or equal to 32"),
        (FORCE, "framing/columns", ["stamp", "torque"], "different columns"),
        (FORCE, "framing/columns", ["stamp", "force", "force"], "two columns have the same name"),
        (FORCE, "framing/columns", ["-", "-"], "different columns"),
        (FORCE, "framing/numbers", "roman", "Input should be"),
        (FORCE, "framing/decimal_mark", ";", "Input should be"),
        (FORCE, "framing/replies", ["("], "is no regular expression"),
        (FORCE, "framing/ignore", [".*"], "should not match an empty answer"),
        (FORCE, "units", {"lbF": "[lbf_av]"}, "need each other"),
        (FORCE, "forbidden", [], "forbidden must name"),
        (FORCE, "forbidden", ["hex: 7"], "bytes in hex"),
        (FORCE, "dialogue/identified_by", None, "identify and identified_by need each other"),
        (FORCE, "dialogue/units", "UNITS", "units and unit_in need each other"),
        (ANGLE, "push_sign", 1, "push_sign is for forces"),
        (ANGLE, "framing/mark", [], "at least 1"),
        (ANGLE, "framing/mark", [85, 85, 85, 85, 85], "at most 4"),
        (FORCE, "framing/events", {"hold": "H"}, "Input should be"),
        (FORCE, "clock", NOMINAL, "a stamp needs the clock stamp"),
        (FORCE, "clock", {"kind": "poll"}, "a stamp needs the clock stamp"),
        (FORCE, "clock/bits", 64, "less than or equal to 32"),
        (FORCE, "clock/unit_s", 0.0, "greater than 0"),
        (FORCE, "dialogue/start", "", "at least 1"),
        (FORCE, "dialogue/start", "début:", "pattern"),
        (FORCE, "dialogue/attempts", 0, "greater than or equal to 1"),
        (ANGLE, "framing/fields/spin", {"offset": 2, "type": "i16le", "scale": 1.0}, "different"),
        (ANGLE, "framing/fields/roll/offset", 1, "field roll does not lie"),
        (ANGLE, "framing/fields/roll/offset", 9, "field roll does not lie"),
        (ANGLE, "framing/fields/roll/type", "i24", "Input should be"),
        (ANGLE, "framing/mark", 256, "less than or equal to 255"),
        (ANGLE, "framing/checksum", "crc16", "Input should be"),
        (ANGLE, "clock", STAMP, "a stamp needs the clock stamp"),
    ],
)
def test_a_wrong_profile_is_refused(name: str, path: str, value: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Profile.model_validate(changed(name, path, value))


def test_a_line_without_stamps_keeps_to_the_nominal_rate() -> None:
    data = changed(FORCE, "clock", NOMINAL)
    data["framing"]["columns"] = ["force"]
    data["framing"]["events"] = {}
    assert Profile.model_validate(data).rate_hz == 82.4


def test_what_no_source_says_is_asked_of_the_site() -> None:
    data = copy.deepcopy(TEXTS[FORCE])
    for key in ("unit", "push_sign", "rate_hz"):
        del data[key]
    del data["serial"]
    questions = Profile.model_validate(data).open_questions
    assert questions == ("baudrate", "unit", "push_sign", "rate_hz")
    assert Profile.model_validate(TEXTS[FORCE]).open_questions == ()


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_every_counter_that_a_profile_may_name_can_be_read(bits: int) -> None:
    data = changed(FORCE, "clock/bits", bits)
    Decoder(Profile.model_validate(data), aligned=True)


def test_buttons_are_told_from_the_events() -> None:
    force, angle = (Profile.model_validate(TEXTS[name]) for name in (FORCE, ANGLE))
    assert (force.has_button, force.reports_release) == (True, True)
    assert (angle.has_button, angle.reports_release) == (False, False)
    press_only = Profile.model_validate(changed(FORCE, "framing/events", {"press": "R"}))
    assert (press_only.has_button, press_only.reports_release) == (True, False)


@pytest.mark.parametrize(
    ("unit", "sign", "newtons"),
    [("N", 1, 1.0), ("N", -1, -1.0), ("kN", 1, 1000.0), ("kgf", -1, -9.80665)],
)
def test_the_nominal_scale_makes_push_positive_newtons(
    unit: str, sign: int, newtons: float
) -> None:
    """The kilogram-force is 9.80665 N by definition (3rd CGPM, 1901)."""
    data = changed(FORCE, "unit", unit)
    data["push_sign"] = sign
    offset, factor = Profile.model_validate(data).nominal_coefficients
    assert offset == 0.0
    assert factor == pytest.approx(newtons)


def test_bare_counts_have_no_scale() -> None:
    profile = Profile.model_validate(changed(FORCE, "unit", "{count}"))
    assert profile.nominal_coefficients == (0.0, 1.0)
