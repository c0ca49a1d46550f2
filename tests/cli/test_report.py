"""The bundle for support: what it holds, that it replays elsewhere, and what is not in it."""

import gzip
import json
import os
import sqlite3
import stat
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dynod.cli.replay import ReplayRequest, run_replay
from dynod.cli.report import run_report
from dynod.config.profiles import load_profiles
from dynod.config.redact import redact, scrub, scrub_paths
from dynod.daemon.flight import FlightRing, flight_folder
from dynod.model.clinical import Movement, Side
from dynod.model.errors import ConfigError, DeviceError, DynodError, UsageError
from dynod.model.samples import Chunk
from dynod.simulate.chronojump import ChronojumpFirmware, ChronojumpOptions
from dynod.simulate.patient import Patient
from dynod.wire.capture import chunks_of, joined_blocks, parse_timing
from dynod.wire.decoder import Decoder
from dynod.wire.profile import Profile

GAUGE = "chronojump_force_sensor"
SITE, ROOM, HOST, USER = "sanatorium-xyz", "annexe-9", "broker.sanatorium.example", "anna-meier"
PATIENT, PASSWORD = "urn:mrn|PAT-4711", "correct-horse"
FOLDER = "zauberberg"  # of all files: a path may name somebody
UPTIME_S = 93_211.5
SECRETS = [
    SITE,
    ROOM,
    HOST,
    USER,
    PATIENT,
    "PAT-4711",
    PASSWORD,
    FOLDER,
    "broker.password",
    "51.4776",
]

CONFIG = f"""
[station]
site = "{SITE}"  # ask Anna-Meier
name = "{ROOM}"
latitude = 51.4776
altitude_m = 4711

[broker]
url = "mqtt://{HOST}:1883"
username = "{USER}"
password_file = "broker.password"
insecure = true

[storage]
path = "data/dynod.db"

[[device]]
id = "hhd-1"
profile = "{GAUGE}"
port = "/dev/serial/by-id/usb-EXAMPLE-if00-port0"
serial_number = "CJ-0042"

[device.buttons]
press = "trial.toggle"

[[device]]
id = "tilt-1"
profile = "site_tilt"
port = "pty/tilt"
axis = "roll"

[session]
battery = "hip"
threshold_percent = 12.5

[calibration]
allow_nominal = true
"""


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DYNOD_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def stream() -> list[Chunk]:
    """What a gauge sends in ten seconds with a pull, as a daemon would read it."""
    patient = Patient(resting=3.0, noise=0.25, seed=1)
    patient.pull(UPTIME_S + 4.0, 150.0, 3.0)
    gauge = ChronojumpFirmware(patient, ChronojumpOptions(drop_probability=0.0))
    gauge.opened(UPTIME_S)
    gauge.receive(b"start_capture:", UPTIME_S + 2.0)
    read: list[Chunk] = []
    for k in range(1, 700):
        at_s = UPTIME_S + 0.016 * k
        if k == 220:  # it hears its switch only while it streams
            gauge.press(at_s)
            gauge.release(at_s + 0.1)
        data = gauge.advance(at_s)
        if data:
            read.append(Chunk(data, at_s))
    return read


@pytest.fixture
def config(tmp_path: Path, stream: list[Chunk]) -> Path:
    """A station with secrets everywhere, two devices, and rings of both."""
    folder = tmp_path / FOLDER
    site_tilt(folder)
    path = folder / "dynod.toml"
    path.write_text(CONFIG, encoding="utf-8")
    (folder / "broker.password").write_text(PASSWORD)
    (folder / "broker.password").chmod(0o600)
    (folder / "data").mkdir()
    with sqlite3.connect(folder / "data" / "dynod.db") as database:
        database.execute("CREATE TABLE session (patient TEXT)")
        database.execute("INSERT INTO session VALUES (?)", [PATIENT])
    database.close()
    rings = flight_folder(folder / "data" / "dynod.db")
    record(rings / "hhd-1", stream[:100], "/dev/serial/by-id/usb-EXAMPLE-if00-port0: hung up")
    record(rings / "hhd-1", stream, None)
    record(rings / "tilt-1", [], f"{folder}/pty/tilt: held by another process of {USER}")
    return path


def site_tilt(folder: Path) -> None:
    """A profile of the site's own, which says too much about the site."""
    shipped = Path(__file__).parents[2] / "devices" / "witmotion_wt901" / "profile.toml"
    text = shipped.read_text(encoding="utf-8").replace("witmotion_wt901", "site_tilt")
    own = folder / "devices.d" / "site_tilt" / "profile.toml"
    own.parent.mkdir(parents=True)
    own.write_text(f"# made by {USER} for {SITE}, {ROOM}\n{text}", encoding="utf-8")


def record(folder: Path, chunks: Iterable[Chunk], fault: str | None) -> None:
    ring = FlightRing(folder, segment_bytes=4096)
    ring.opened(UPTIME_S)
    ring.asked(UPTIME_S + 0.001)
    for chunk in chunks:
        ring.chunk(chunk.data, chunk.arrival_s)
    if fault is not None:
        ring.lost(UPTIME_S + 12.0, fault)
    ring.close()


def unpacked(bundle: Path, folder: Path) -> Path:
    with tarfile.open(bundle) as tar:
        tar.extractall(folder, filter="data")
    return folder


def samples(profile: Profile, chunks: Iterable[Chunk], *, aligned: bool) -> list[list[float]]:
    decoder = Decoder(profile, aligned=aligned)
    blocks = joined_blocks([decoder.feed(chunk) for chunk in chunks])
    pairs = [zip(block.t_s, block.values, strict=True) for block in blocks]
    return [[float(t_s), *row.tolist()] for pair in pairs for t_s, row in pair]


def text_of(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


# -- what it holds ----------------------------------------------------------------------------


def test_the_capture_in_it_replays_elsewhere_to_the_same_samples(
    config: Path, stream: list[Chunk], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    capsys.readouterr()
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    (there / "profiles").rename(there / "devices.d")  # as README.txt says
    commands = [line.split() for line in text_of(there, "README.txt").splitlines()]
    (command,) = [words for words in commands if words[:3] == ["dynod", "devices", "replay"]]
    assert command[4:] == ["--profile", GAUGE, "-c", "dynod.toml"]
    binary = there / command[3]

    timing = parse_timing(binary.with_suffix(".chunks.json").read_text(encoding="utf-8"))
    profile = load_profiles(there)[GAUGE]
    replayed = chunks_of(binary.read_bytes(), timing)
    expected = samples(profile, stream, aligned=False)
    assert len(expected) > 600
    assert samples(profile, replayed, aligned=timing.aligned) == expected
    assert timing.asked == (0.0,)
    assert 2.9 < replayed[0].arrival_s < 3.1  # the reply comes a second after the command
    assert replayed[-1].arrival_s < 12.0  # of a replay at the speed of the wire

    request = ReplayRequest(binary, GAUGE, None, Movement.HIP_ABDUCTION, Side.LEFT, None, False)
    run_replay(request, there / "dynod.toml", as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert (report["samples"], report["events"]) == (len(expected), 2)


def test_its_files(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_report(config, tmp_path / "r.tar.gz", as_json=True)
    printed = json.loads(capsys.readouterr().out)
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    files = sorted(str(path.relative_to(there)) for path in there.rglob("*") if path.is_file())
    assert files == printed["files"]
    assert files == [
        "README.txt",
        "config.json",
        "flight/hhd-1/00000001.bin",
        "flight/hhd-1/00000001.chunks.json",
        "flight/hhd-1/00000002.bin",
        "flight/hhd-1/00000002.chunks.json",
        "flight/hhd-1/captures.json",
        "flight/tilt-1/captures.json",
        f"profiles/{GAUGE}/profile.toml",
        "profiles/site_tilt/profile.toml",
        "versions.json",
    ]
    assert printed["path"] == str(tmp_path / "r.tar.gz")
    assert printed["bytes"] == (tmp_path / "r.tar.gz").stat().st_size
    assert [(item["id"], item["profile"], item["captures"]) for item in printed["devices"]] == [
        ("hhd-1", GAUGE, 2),
        ("tilt-1", "site_tilt", 1),
    ]


def test_it_says_how_each_capture_ended(config: Path, tmp_path: Path) -> None:
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    first, second = json.loads(text_of(there, "flight/hhd-1/captures.json"))
    (end,) = first["faults"]
    assert end["fault"] == "/dev/serial/by-id/usb-EXAMPLE-if00-port0: hung up"
    assert end["at_s"] == pytest.approx(12.0 - 0.001)  # the poll is the beginning
    assert first["begun_s"] == UPTIME_S + 0.001
    assert second["faults"] == []
    (vain,) = json.loads(text_of(there, "flight/tilt-1/captures.json"))
    assert (vain["bytes"], vain["faults"][0]["fault"]) == (
        0,
        "redacted: held by another process of redacted",
    )
    assert "tilt-1: it sent nothing" in text_of(there, "README.txt")


def test_the_versions(config: Path, tmp_path: Path) -> None:
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    versions = json.loads(text_of(there, "versions.json"))
    names = {"dynod", "python", "numpy", "pyserial", "aiomqtt", "sqlalchemy", "pydantic"}
    assert set(versions) == names | {"sqlite", "machine", "os", "kernel"}
    assert all(versions[name] for name in names)
    assert os.uname().nodename not in versions.values()


# -- what is not in it ------------------------------------------------------------------------


def test_no_secret_is_anywhere_in_it(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYNOD_BROKER__USERNAME", "user-of-the-environment")
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    content = gzip.decompress((tmp_path / "r.tar.gz").read_bytes()).lower()
    for secret in [*SECRETS, "user-of-the-environment", str(tmp_path)]:
        assert secret.lower().encode() not in content, secret
    assert b"CJ-0042".lower() in content


def test_the_archive_says_nothing_of_who_made_it_and_when(config: Path, tmp_path: Path) -> None:
    run_report(config, tmp_path / "one.tar.gz", as_json=False)
    run_report(config, tmp_path / "two.tar.gz", as_json=False)
    packed = (tmp_path / "one.tar.gz").read_bytes()
    assert packed == (tmp_path / "two.tar.gz").read_bytes()
    assert packed[3] == 0  # RFC 1952, 2.3.1: no file name, no comment
    assert packed[4:8] == bytes(4)  # no time
    with tarfile.open(tmp_path / "one.tar.gz") as tar:
        for entry in tar.getmembers():
            assert (entry.uid, entry.gid, entry.uname, entry.gname) == (0, 0, "", "")
            assert (entry.mtime, entry.isfile()) == (0, True)


def test_the_config_in_it(config: Path, tmp_path: Path) -> None:
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    assert json.loads(text_of(there, "config.json")) == {
        "station": dict.fromkeys(("site", "name", "latitude", "altitude_m"), "redacted"),
        "broker": {
            "url": "mqtt://redacted",
            "username": "redacted",
            "password_file": "redacted",
            "insecure": True,
        },
        "storage": {"path": "redacted"},
        "device": [
            {
                "id": "hhd-1",
                "profile": GAUGE,
                "port": "/dev/serial/by-id/usb-EXAMPLE-if00-port0",
                "serial_number": "CJ-0042",
                "buttons": {"press": "trial.toggle"},
            },
            {"id": "tilt-1", "profile": "site_tilt", "port": "redacted", "axis": "roll"},
        ],
        "session": {"battery": "hip", "threshold_percent": 12.5},
        "calibration": {"allow_nominal": True},
    }


def test_a_profile_of_the_site_still_works(config: Path, tmp_path: Path) -> None:
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    (there / "profiles").rename(there / "devices.d")
    assert load_profiles(there)["site_tilt"] == load_profiles(config.parent)["site_tilt"]
    text = text_of(there, "devices.d/site_tilt/profile.toml")
    assert text.startswith("# made by redacted for redacted, redacted\n")
    shipped = Path(__file__).parents[2] / "devices" / GAUGE / "profile.toml"
    assert text_of(there, f"devices.d/{GAUGE}/profile.toml") == shipped.read_text(encoding="utf-8")


def test_a_profile_that_cannot_be_cleared_is_left_out(config: Path, tmp_path: Path) -> None:
    """A station called "roll": without that word the profile is another one."""
    text = config.read_text(encoding="utf-8").replace(f'"{ROOM}"', '"roll"')
    config.write_text(text, encoding="utf-8")
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    assert not (there / "profiles" / "site_tilt").exists()
    assert '"site_tilt" is left out' in text_of(there, "README.txt")


# -- configs that are wrong -------------------------------------------------------------------


def test_a_config_that_is_not_valid_is_redacted_all_the_same(config: Path, tmp_path: Path) -> None:
    wrong = CONFIG.replace("[session]", f'[session]\nbatery = "{USER}"').replace(
        "[broker]", f'[broker]\npassword = "{PASSWORD}"'
    )
    wrong += f'\n[ehr]\ntoken = "{PASSWORD}"\nhosts = ["{HOST}", 4711]\nsince = 2026-01-15\n'
    wrong += '[[device]]\nid = "../../etc"\nprofile = "../../etc"\nmount_sign = nan\n'
    config.write_text(wrong, encoding="utf-8")
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    content = gzip.decompress((tmp_path / "r.tar.gz").read_bytes()).lower()
    for secret in SECRETS:
        assert secret.lower().encode() not in content, secret
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    data = json.loads(text_of(there, "config.json"))
    assert data["ehr"] == {
        "token": "redacted",
        "hosts": ["redacted", "redacted"],
        "since": "redacted",
    }
    assert data["session"]["batery"] == data["broker"]["password"] == "redacted"
    assert data["device"][2]["mount_sign"] == "nan"
    assert "not valid: `dynod check`" in text_of(there, "README.txt")
    assert f"--profile {GAUGE}" in text_of(there, "README.txt")


def test_a_config_that_is_no_toml_is_left_out(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ring is then looked for where the database is by default."""
    monkeypatch.setattr("dynod.cli.report.StorageConfig", lambda: EmptyStation(tmp_path))
    config.write_text(f'{CONFIG}\n"{PASSWORD}" = \n', encoding="utf-8")
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    assert not (there / "config.json").exists()
    line = CONFIG.count("\n") + 2
    assert f"left out: it is no valid TOML (at line {line}," in text_of(there, "README.txt")
    assert PASSWORD.encode() not in gzip.decompress((tmp_path / "r.tar.gz").read_bytes())


def test_the_ring_is_found_where_the_environment_puts_the_database(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYNOD_STORAGE__PATH", str(config.parent / "data" / "other.db"))
    config.write_text("no toml at all", encoding="utf-8")
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    assert (there / "flight" / "hhd-1" / "00000002.bin").exists()
    assert "hhd-1: its profile is not in this report" in text_of(there, "README.txt")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "device = 3",
        "device = [3, 'x']",
        "device = [{id = 4}]",
        "storage = 'x'",
        "storage = {path = 3}",
        "[device]\nid = 'x'",
        "\xff",
    ],
)
def test_odd_configs(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynod.cli.report.StorageConfig", lambda: EmptyStation(tmp_path))
    (tmp_path / "dynod.toml").write_bytes(text.encode("latin-1"))
    run_report(tmp_path / "dynod.toml", tmp_path / "r.tar.gz", as_json=False)
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    assert "nothing to replay" in text_of(there, "README.txt")


class EmptyStation:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "nothing" / "dynod.db"


# -- the command ------------------------------------------------------------------------------


def test_it_says_where_it_is_in_one_line(
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    run_report(config, None, as_json=False)
    out = capsys.readouterr().out
    assert out.startswith("dynod-report.tar.gz: ")
    assert "KiB" in out
    assert out.count("\n") == 1
    long = tmp_path / ("long-" * 40)
    long.mkdir()
    run_report(config, long / "[bold]r.tar.gz", as_json=False)
    out = capsys.readouterr().out
    assert out.startswith(f"{long}/[bold]r.tar.gz: ")
    assert out.count("\n") == 1


def test_only_its_owner_can_read_it(config: Path, tmp_path: Path) -> None:
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    assert stat.S_IMODE((tmp_path / "r.tar.gz").stat().st_mode) == 0o600


def test_nothing_is_overwritten(config: Path, tmp_path: Path) -> None:
    (tmp_path / "r.tar.gz").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("r.tar.gz", "link"):
        with pytest.raises(UsageError, match="is there already") as caught:
            run_report(config, tmp_path / name, as_json=False)
        assert is_one_line(caught.value)
    assert (tmp_path / "r.tar.gz").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


def test_a_place_that_is_not_there(config: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"No such file.*--out") as caught:
        run_report(config, tmp_path / "nothing" / "r.tar.gz", as_json=False)
    assert is_one_line(caught.value)


def test_a_config_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file") as caught:
        run_report(tmp_path / "dynod.toml", tmp_path / "r.tar.gz", as_json=False)
    assert is_one_line(caught.value)
    assert not (tmp_path / "r.tar.gz").exists()


def test_a_disk_that_fills_up_leaves_no_half_of_it(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dynod.cli.report.os.fdopen", full)
    with pytest.raises(DeviceError, match="No space left on device"):
        run_report(config, tmp_path / "r.tar.gz", as_json=False)
    assert not (tmp_path / "r.tar.gz").exists()


def test_it_works_while_the_daemon_writes(config: Path, tmp_path: Path) -> None:
    ring = FlightRing(config.parent / "data" / "flight" / "hhd-1")
    ring.opened(1.0)
    ring.chunk(b"12140;27.30\r\n12", 1.0)
    ring.flush()
    run_report(config, tmp_path / "r.tar.gz", as_json=False)
    ring.close()
    there = unpacked(tmp_path / "r.tar.gz", tmp_path / "elsewhere")
    newest = max((there / "flight" / "hhd-1").glob("*.bin"))
    assert newest.read_bytes() == b"12140;27.30\r\n12"


def is_one_line(error: DynodError) -> bool:
    return "\n" not in str(error)


# -- the rules of redaction -------------------------------------------------------------------


def leaves(data: object) -> Iterator[object]:
    if isinstance(data, dict):
        for value in data.values():
            yield from leaves(value)
    elif isinstance(data, list):
        for value in data:
            yield from leaves(value)
    else:
        yield data


@pytest.mark.parametrize(
    "url",
    [
        f"mqtts://{USER}:{PASSWORD}@{HOST}:8883/path",
        f"mqtts://{HOST}",
        f"MQTTS://{HOST}",
        f"{HOST}:8883",
        f"mqtt://[{HOST}",
        "mqtts://1234:9999",
    ],
)
def test_of_an_address_only_the_scheme_stays(url: str) -> None:
    (left,) = leaves(redact({"broker": {"url": url}}).data)
    assert left in {"redacted", "mqtts://redacted", "mqtt://redacted"}


@pytest.mark.parametrize(
    ("port", "stays"),
    [
        ("/dev/ttyUSB0", True),
        ("/dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0", True),
        ("/dev/../home/anna/pty", False),
        ("/home/anna/pty", False),
        ("/dev/tty of anna", False),
    ],
)
def test_the_port_stays_unless_it_is_somewhere_else(port: str, stays: bool) -> None:
    redacted = redact({"device": [{"port": port}]})
    assert list(leaves(redacted.data)) == [port if stays else "redacted"]
    assert (port in redacted.removed) != stays


def test_a_table_in_the_place_of_a_known_value_hides_nothing() -> None:
    data = {"session": {"summary": {"password": "x"}}, "device": {"id": {"password": "y"}}}
    assert set(leaves(redact(data).data)) == {"redacted"}


def test_texts_are_replaced_as_words() -> None:
    assert scrub("room-2_x, ROOM-2, room-21, at", {"room-2", "at"}) == (
        "redacted_x, redacted, room-21, at"
    )
    assert scrub_paths("/home/anna/pty: x; /dev/ttyUSB0: y, 3/4 (/tmp/z)") == (
        "redacted: x; /dev/ttyUSB0: y, 3/4 (redacted"
    )
