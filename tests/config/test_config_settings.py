"""dynod.toml: what is understood, and one line for every mistake."""

from pathlib import Path

import pytest

from dynod.config.load import load_config
from dynod.config.settings import BrokerConfig
from dynod.model.calibration_record import CheckLimits
from dynod.model.deficit import Summary
from dynod.model.device import Role, Trigger
from dynod.model.errors import ConfigError
from tests.config.files import (
    BROKER,
    DYNAMOMETER,
    INCLINOMETER,
    STATION,
    WHOLE,
    problems_of,
    site_of,
    write,
)

# A typical config (docs/design.md, section 5), on a loopback broker so that no certificate files
# are needed.
EXAMPLE = """
[station]
site = "clinic-7"
name = "room-2"
latitude = 51.5
altitude_m = 25

[broker]
url = "mqtt://localhost:1884"
username = "dynod-room-2"
password_file = "broker.password"
receipts = "required"

[storage]
path = "data/dynod.db"

[[device]]
id = "hhd-1"
profile = "chronojump_force_sensor"
serial_number = "A-17"
baudrate = 57600

[device.buttons]
press = "trial.toggle"
long_press = "none"

[[device]]
id = "tilt-1"
profile = "witmotion_wt901"
port = "/dev/ttyUSB1"
axis = "pitch"
mount_sign = -1

[[device]]
id = "tilt-2"
profile = "witmotion_wt901"
port = "/dev/ttyUSB2"
axis = "roll"
role = "pelvis"

[session]
battery = "hip_rom"
confirm_change = false
trigger = "onset"
summary = "mean_best_two"
threshold_percent = 12
threshold_deg = 8.5
pain_limit_nrs = 4
tester_limit_n = 250
idle_minutes = 20

[control]
socket = "/run/dynod/other.sock"

[calibration]
allow_nominal = true
verify_relative = 0.02
verify_zero_n = 2
verify_angle_deg = 0.3
"""


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    write(tmp_path / "broker.password", "secret\n", 0o600)
    config = site_of(tmp_path, EXAMPLE).config
    assert (config.station.site, config.station.name) == ("clinic-7", "room-2")
    assert (config.station.latitude, config.station.altitude_m) == (51.5, 25.0)
    broker = config.broker
    assert (broker.host, broker.port, broker.tls) == ("localhost", 1884, False)
    assert (broker.username, broker.receipts) == ("dynod-room-2", "required")
    assert broker.password_file == tmp_path / "broker.password"
    assert config.storage.path == tmp_path / "data/dynod.db"
    force, limb, pelvis = config.devices
    assert (force.port, force.serial_number, force.baudrate) == (None, "A-17", 57600)
    assert (limb.port, limb.axis, limb.mount_sign) == (Path("/dev/ttyUSB1"), "pitch", -1)
    assert (limb.role, pelvis.role) == (Role.LIMB, Role.PELVIS)
    session = config.session
    assert (session.battery, session.confirm_change) == ("hip_rom", False)
    assert (session.trigger, session.summary) == (Trigger.ONSET, Summary.MEAN_BEST_TWO)
    assert (session.threshold_percent, session.threshold_deg) == (12.0, 8.5)
    assert (session.pain_limit_nrs, session.tester_limit_n) == (4, 250.0)
    assert session.idle_minutes == 20.0
    assert config.control.socket == Path("/run/dynod/other.sock")
    assert config.calibration.allow_nominal is True
    assert config.calibration.check_limits == CheckLimits(0.02, 2.0, 0.3)


def test_defaults(tmp_path: Path) -> None:
    config = site_of(tmp_path, WHOLE).config
    assert config.storage.path == Path("/var/lib/dynod/dynod.db")
    assert config.control.socket == Path("/run/dynod/control.sock")
    assert config.broker.receipts == "optional"
    assert config.calibration.allow_nominal is False
    assert config.calibration.check_limits == CheckLimits()
    session = config.session
    assert (session.battery, session.summary) == ("hip", Summary.MEAN)
    # docs/contract.md, section 6: 15 %, pain from 5 on, 300 N; section 2: 15 minutes.
    assert (session.threshold_percent, session.pain_limit_nrs) == (15.0, 5)
    assert (session.tester_limit_n, session.idle_minutes) == (300.0, 15.0)
    assert (session.confirm_change, session.trigger, session.threshold_deg) == (None, None, None)


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("mqtts://broker.clinic.example", 8883, True),
        ("mqtts://broker.clinic.example:9000/", 9000, True),
        ("mqtt://127.0.0.53", 1883, False),
        ("mqtt://[::1]:1999", 1999, False),
    ],
)
def test_broker_addresses(url: str, port: int, tls: bool) -> None:
    broker = BrokerConfig(url=url)
    assert (broker.port, broker.tls) == (port, tls)


def test_unencrypted_needs_saying(tmp_path: Path) -> None:
    text = WHOLE.replace("127.0.0.1", "broker.clinic.example")
    assert problems_of(tmp_path, text) == [
        (
            "dynod.toml: broker: mqtt:// would send patient data unencrypted to another machine:"
            " use mqtts://, or set insecure = true"
        )
    ]
    said = text.replace("[[device]]", "insecure = true\n[[device]]", 1)
    assert site_of(tmp_path, said).config.broker.insecure


FORM = "dynod.toml: broker.url: should be mqtts://host or mqtts://host:port"


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("broker.example", FORM),
        ("https://broker.example", FORM),
        ("mqtts://", FORM),
        ("mqtts://broker.example:70000", FORM),
        ("mqtts://broker.example:0", FORM),
        ("mqtts://[::1", FORM),
        (
            "mqtts://me:SECRET@broker.example",
            "dynod.toml: broker.url: takes no user or password: use username and password_file",
        ),
        (
            "mqtts://broker.example/topic",
            "dynod.toml: broker.url: should end after the host or the port",
        ),
    ],
)
def test_broker_addresses_that_are_none(tmp_path: Path, url: str, line: str) -> None:
    assert problems_of(tmp_path, WHOLE.replace("mqtt://127.0.0.1:1883", url)) == [line]


@pytest.mark.parametrize(
    ("added", "what"),
    [
        ('password_file = "p"', "password_file needs username"),
        (
            'client_certificate = "c"',
            "client_certificate and client_key_file need each other",
        ),
        ('ca_file = "c"', "ca_file and client_certificate need an mqtts:// url"),
    ],
)
def test_broker_keys_that_need_each_other(tmp_path: Path, added: str, what: str) -> None:
    text = STATION + BROKER + added + DYNAMOMETER
    assert problems_of(tmp_path, text) == [f"dynod.toml: broker: {what}"]


def test_insecure_is_no_way_to_skip_the_check_of_certificates(tmp_path: Path) -> None:
    text = WHOLE.replace("mqtt://127.0.0.1:1883", "mqtts://broker.example")
    text = text.replace("[[device]]", "insecure = true\n[[device]]", 1)
    assert problems_of(tmp_path, text) == [
        "dynod.toml: broker: insecure only allows mqtt://; with mqtts:// remove it"
    ]


LEVEL = "only lowercase letters, digits, - and _ (at most 64): it becomes part of MQTT topics"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("name =", "nam =", 'station.nam: unknown key; did you mean "name"?'),
        ("[broker]", "[brocker]", 'brocker: unknown key; did you mean "broker"?'),
        ("url =", 'usernam = "x"\nurl =', 'broker.usernam: unknown key; did you mean "username"?'),
        ("port =", "prot =", 'device[1].prot: unknown key; did you mean "port"?'),
        (
            "port =",
            "zzz = 1\nport =",
            (
                "device[1].zzz: unknown key; known here: address, axis, baudrate, buttons, id,"
                " mount_sign, port, profile, push_sign, rate_hz, role, serial_number, unit"
            ),
        ),
        ('"clinic-7"', "7", "station.site: should be text in quotes"),
        ('"clinic-7"', '"Clinic 7"', f"station.site: {LEVEL}"),
        ('"clinic-7"', '"a/b"', f"station.site: {LEVEL}"),
        ('"hhd-1"', '"#"', f"device[1].id: {LEVEL}"),
        ('"/dev/ttyUSB0"', "0", "device[1].port: should be a path in quotes"),
        ("[[device]]", "[device]", "device: should be a list; tables of a list are written"),
        (
            "[station]",
            "latitude = 1\n[station]",
            "latitude: unknown key; known here: analysis, broker, calibration",
        ),
        ("[station]", "storage = 1\n[station]", "storage: should be a table"),
        ("port =", "baudrate = 9600.5\nport =", "device[1].baudrate: should be a whole number"),
        ("port =", "baudrate = true\nport =", "device[1].baudrate: should be a whole number"),
        ("port =", 'role = "back"\nport =', "device[1].role: should be 'limb' or 'pelvis'"),
        ("port =", "mount_sign = 2\nport =", "device[1].mount_sign: should be 1 or -1"),
        ("port =", "mount_sign = true\nport =", "device[1].mount_sign: should be 1 or -1"),
        (
            "port =",
            'buttons.press = "tare"\nport =',
            "device[1].buttons.press: should be 'trial.toggle', 'trial.discard' or 'none'",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, line: str) -> None:
    found = problems_of(tmp_path, WHOLE.replace(old, new, 1))
    assert any(one.startswith(f"dynod.toml: {line}") for one in found), found


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("threshold_percent = nan", "session.threshold_percent: should be a finite number"),
        ("threshold_percent = 0", "session.threshold_percent: should be greater than 0"),
        ('threshold_percent = "15"', "session.threshold_percent: should be a number"),
        ('confirm_change = "yes"', "session.confirm_change: should be true or false"),
        ("pain_limit_nrs = 11", "session.pain_limit_nrs: should be less than or equal to 10"),
        ('summary = "median"', "session.summary: should be 'mean', 'best' or 'mean_best_two'"),
        ('trigger = "foot"', "session.trigger: should be 'button' or 'onset'"),
        ('battery = "hipp"', 'session.battery: unknown battery; did you mean "hip"?'),
        (
            'battery = "hip_rom"',
            'session.battery: "hip_rom" needs a device of kind "angle"',
        ),
    ],
)
def test_settings_out_of_bounds_are_named(tmp_path: Path, setting: str, line: str) -> None:
    assert problems_of(tmp_path, f"{WHOLE}[session]\n{setting}\n") == [f"dynod.toml: {line}"]


def test_all_mistakes_of_a_file_are_shown_at_once(tmp_path: Path) -> None:
    text = WHOLE.replace("site", "sight").replace("port", "prot")
    assert problems_of(tmp_path, text) == [
        "dynod.toml: station.site: missing",
        'dynod.toml: station.sight: unknown key; did you mean "site"?',
        'dynod.toml: device[1].prot: unknown key; did you mean "port"?',
    ]


def test_an_empty_file_says_what_is_needed(tmp_path: Path) -> None:
    assert problems_of(tmp_path, "") == [
        "dynod.toml: station: missing",
        "dynod.toml: broker: missing",
        "dynod.toml: device: missing",
    ]
    text = "device = []" + STATION + BROKER
    assert problems_of(tmp_path, text) == ["dynod.toml: device: too few items"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[station\n", "no valid TOML: Expected ']' at the end of a table declaration (at line 1"),
        ("\n\nsite = clinic", "no valid TOML: Invalid value (at line 3, column 8)"),
    ],
)
def test_broken_toml_is_shown_with_its_line(tmp_path: Path, text: str, line: str) -> None:
    (found,) = problems_of(tmp_path, text)
    assert found.startswith(f"dynod.toml: {line}")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as missing:
        load_config(tmp_path / "none.toml", {})
    advice = "write it, or name another with --config"
    assert str(missing.value) == f"{tmp_path}/none.toml: no such file; {advice}"
    with pytest.raises(ConfigError) as folder:
        load_config(tmp_path, {})
    assert str(folder.value) == f"{tmp_path}: cannot be read: Is a directory"
    latin = tmp_path / "latin.toml"
    latin.write_bytes("# größer".encode("latin-1"))
    with pytest.raises(ConfigError) as encoding:
        load_config(latin, {})
    assert str(encoding.value) == f"{latin}: is not UTF-8 text"


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (INCLINOMETER.replace("tilt-1", "hhd-1"), "two devices have the same id"),
        (INCLINOMETER.replace("USB1", "USB0"), "two devices have the same port"),
        (INCLINOMETER.replace('port = "/dev/ttyUSB1"', ""), "device[2]: needs port or serial"),
    ],
)
def test_devices_are_distinct_and_findable(tmp_path: Path, second: str, what: str) -> None:
    (line,) = problems_of(tmp_path, WHOLE + second)
    assert what in line


def test_a_link_to_a_port_is_that_port(tmp_path: Path) -> None:
    (tmp_path / "by-id").symlink_to("/dev/ttyUSB0")
    second = INCLINOMETER.replace("/dev/ttyUSB1", "by-id")
    assert problems_of(tmp_path, WHOLE + second) == [
        "dynod.toml: device: two devices have the same port"
    ]


def test_the_same_unit_twice(tmp_path: Path) -> None:
    text = STATION + BROKER + (DYNAMOMETER + INCLINOMETER).replace("port =", "serial_number =")
    text = text.replace("/dev/ttyUSB0", "SN 1").replace("/dev/ttyUSB1", "SN 1")
    assert problems_of(tmp_path, text) == [
        "dynod.toml: device: two devices have the same serial_number"
    ]
