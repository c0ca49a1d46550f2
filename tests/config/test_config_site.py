"""The config, profiles, batteries and certificates of a station fit together."""

import shutil
from pathlib import Path

import pytest

from dynod.config.paths import data_folder
from dynod.model.device import Trigger
from tests.config.files import (
    BATTERY,
    BROKER,
    CERTIFICATE,
    DYNAMOMETER,
    INCLINOMETER,
    STATION,
    WHOLE,
    problems_of,
    site_of,
    write,
)


def test_abilities_decide_what_is_left_out(tmp_path: Path) -> None:
    site = site_of(tmp_path, WHOLE + INCLINOMETER)
    force, angle = site.config.devices
    assert site.has_button
    assert site.confirm_change
    assert site.trigger_of(force) is Trigger.BUTTON
    assert site.trigger_of(angle) is Trigger.ONSET
    assert site.actions_of(force) == {"press": "trial.toggle", "long_press": "trial.discard"}
    assert site.actions_of(angle) == {}
    assert (site.axis_of(force), site.axis_of(angle)) == ("force", "roll")
    assert site.profile_of(angle).name == "witmotion_wt901"


@pytest.fixture
def without_button(tmp_path: Path) -> Path:
    """Return the folder of a station whose only profile of a gauge has no button events."""
    shipped = data_folder("devices") / "chronojump_force_sensor" / "profile.toml"
    text = (
        shipped.read_text(encoding="utf-8").replace('press = "R"', "").replace('release = "r"', "")
    )
    write(tmp_path / "devices.d" / "chronojump_force_sensor" / "profile.toml", text)
    return tmp_path


def test_a_station_without_buttons(without_button: Path) -> None:
    site = site_of(without_button, WHOLE)
    (force,) = site.config.devices
    assert not site.confirm_change
    assert site.trigger_of(force) is Trigger.ONSET
    assert site.actions_of(force) == {}
    said = site_of(without_button, WHOLE + '[session]\nconfirm_change = true\ntrigger = "button"\n')
    assert said.confirm_change
    assert said.trigger_of(force) is Trigger.BUTTON


def test_an_action_none_is_no_action(tmp_path: Path) -> None:
    site = site_of(tmp_path, WHOLE + 'buttons.long_press = "none"\n')
    assert site.actions_of(site.config.devices[0]) == {"press": "trial.toggle"}


def test_buttons_that_a_device_does_not_have(without_button: Path) -> None:
    assert problems_of(without_button, WHOLE + 'buttons.press = "trial.toggle"\n') == [
        "dynod.toml: device[1].buttons: chronojump_force_sensor reports no button"
    ]


def test_a_long_press_needs_a_release(without_button: Path) -> None:
    profile = without_button / "devices.d" / "chronojump_force_sensor" / "profile.toml"
    text = profile.read_text(encoding="utf-8")
    write(profile, text.replace("[framing.events]", '[framing.events]\npress = "R"'))
    assert problems_of(without_button, WHOLE + 'buttons.long_press = "trial.discard"\n') == [
        (
            "dynod.toml: device[1].buttons.long_press: chronojump_force_sensor reports no release,"
            " so no press is long"
        )
    ]
    site_of(without_button, WHOLE + 'buttons.press = "trial.toggle"\n')


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "chronojump_force_sensor",
            "chronojump",
            'device[1].profile: unknown profile; did you mean "chronojump_force_sensor"?',
        ),
        ('axis = "roll"', "", "device[2].axis: missing; one of: roll, pitch, yaw"),
        ('"roll"', '"role"', 'device[2].axis: unknown channel; did you mean "roll"?'),
        ("/dev/ttyUSB0", '/dev/ttyUSB0"\nrole = "pelvis', "device[1].role: only an inclinometer"),
    ],
)
def test_what_a_profile_cannot_do_is_named(tmp_path: Path, old: str, new: str, line: str) -> None:
    (first, *_) = problems_of(tmp_path, (WHOLE + INCLINOMETER).replace(old, new))
    assert first.startswith(f"dynod.toml: {line}")


def test_one_pelvis(tmp_path: Path) -> None:
    second = INCLINOMETER + 'role = "pelvis"\n'
    third = second.replace("tilt-1", "tilt-2").replace("USB1", "USB2")
    assert problems_of(tmp_path, WHOLE + second + third) == [
        "dynod.toml: device: two devices have the role pelvis"
    ]


def test_the_pelvis_alone_measures_no_range_of_motion(tmp_path: Path) -> None:
    text = WHOLE + INCLINOMETER + 'role = "pelvis"\n[session]\nbattery = "hip_rom"\n'
    assert problems_of(tmp_path, text) == [
        'dynod.toml: session.battery: "hip_rom" needs a device of kind "angle"'
    ]


def test_a_site_adds_and_overrides(tmp_path: Path) -> None:
    write(tmp_path / "batteries.d" / "ours.toml", BATTERY)
    write(tmp_path / "batteries.d" / "hip.toml", BATTERY.replace("One test", "Our hip"))
    write(tmp_path / "calibration.d" / "c1.toml", CERTIFICATE)
    write(
        tmp_path / "measurement_error.toml",
        '[[error]]\nmovement = "hip_abduction"\nsem_percent = 4.5\nsource = "our own study"\n',
    )
    ours = tmp_path / "devices.d" / "our_gauge"
    shutil.copytree(data_folder("devices") / "chronojump_force_sensor", ours)
    profile = ours / "profile.toml"
    text = profile.read_text(encoding="utf-8")
    write(profile, text.replace('name = "chronojump_force_sensor"', 'name = "our_gauge"'))
    site = site_of(tmp_path, WHOLE)
    assert site.batteries["hip"].title == "Our hip"
    assert site.batteries["ours"].name == "ours"
    assert {"demo", "hip_rom", "hip_full"} <= site.batteries.keys()
    assert {"our_gauge", "chronojump_force_sensor", "witmotion_wt901"} <= site.profiles.keys()
    assert [one.certificate_id for one in site.certificates] == ["C-1"]
    assert site.measurement_errors[0].source == "our own study"
    assert len(site.measurement_errors) > 1


def test_a_certificate_of_an_unknown_profile(tmp_path: Path) -> None:
    write(
        tmp_path / "calibration.d" / "c1.toml",
        CERTIFICATE.replace("chronojump_force_sensor", "chronojump_forse_sensor"),
    )
    assert problems_of(tmp_path, WHOLE) == [
        'calibration.d: C-1: unknown profile; did you mean "chronojump_force_sensor"?'
    ]


def test_no_port_is_touched(tmp_path: Path) -> None:
    text = STATION + BROKER + DYNAMOMETER.replace("/dev/ttyUSB0", "/nonexistent/port")
    assert site_of(tmp_path, text).config.devices[0].port == Path("/nonexistent/port")
