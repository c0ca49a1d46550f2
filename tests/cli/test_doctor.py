"""``dynod doctor`` at real troubles: each is told in a line, and every other line is there too."""

import json
import os
import shutil
import socket
import sqlite3
import ssl
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dynod.cli.doctor import machine, ports, service
from dynod.cli.output import console
from dynod.config.validity import not_after
from dynod.model.errors import ConfigError
from dynod.store.backup import make_backup
from dynod.store.change import Change
from dynod.store.store import Store
from tests.cli.program import Program
from tests.publish.certificates import Authority
from tests.store.samples import NOW, at, draft, session, trial
from tests.support.gauge import Gauge
from tests.support.mosquitto import LOOPBACK, Mosquitto, free_port
from tests.support.station import Daemon, battery, force_test


class Patient:
    """A station in a folder, whose config a test spoils."""

    def __init__(self, folder: Path, dynod: Program) -> None:
        self.folder, self._dynod = folder, dynod
        self.config = folder / "dynod.toml"
        self.database = folder / "dynod.db"
        self.write()

    def write(self, broker: str = 'url = "mqtt://127.0.0.1:1"', more: str = "") -> None:
        self.config.write_text(
            f'[station]\nsite = "clinic"\nname = "room"\n[broker]\n{broker}\n'
            f'[storage]\npath = "dynod.db"\n{more}\n'
            '[[device]]\nid = "hhd-1"\nprofile = "chronojump_force_sensor"\nport = "gauge"\n'
            '[control]\nsocket = "control.sock"\n'
        )

    def findings(self) -> dict[str, list[tuple[str, str]]]:
        """Return state and text of every line, by what was looked at."""
        done = self._dynod("doctor", "--json", "-c", self.config)
        told = json.loads(done.out)
        assert done.code == (1 if told["problems"] else 0)
        found: dict[str, list[tuple[str, str]]] = {}
        for row in told["findings"]:
            found.setdefault(row["item"], []).append((row["state"], row["text"]))
        return found

    def only(self, item: str) -> tuple[str, str]:
        (found,) = self.findings()[item]
        return found


@pytest.fixture
def patient(tmp_path: Path, dynod: Program) -> Patient:
    return Patient(tmp_path, dynod)


def test_a_config_with_a_mistake_hides_nothing_that_needs_none(patient: Patient) -> None:
    patient.config.write_text(patient.config.read_text().replace("site =", "sight ="))
    found = patient.findings()
    assert any("sight" in text and state == "problem" for state, text in found["config"])
    assert {"program", "clock", "power", "heat", "service"} <= set(found)


def test_a_secret_that_others_can_read_is_told_with_the_remedy(patient: Patient) -> None:
    secret = patient.folder / "password"
    secret.write_text("s3cret\n")
    secret.chmod(0o644)
    patient.write(f'url = "mqtt://127.0.0.1:1"\nusername = "a"\npassword_file = "{secret}"')
    (line,) = (text for state, text in patient.findings()["config"] if state == "problem")
    assert f"run: chmod 600 {secret}" in line


def test_no_port_no_daemon_no_broker(patient: Patient) -> None:
    found = patient.findings()
    assert found["hhd-1"][0][0] == "problem"
    assert "no such port; plug the device in" in found["hhd-1"][0][1]
    assert found["daemon"] == [
        ("problem", f"none answers at {patient.folder}/control.sock; sudo systemctl start dynod")
    ]
    assert found["broker"] == [
        (
            "problem",
            "127.0.0.1:1: connection refused; check that the broker runs and listens on this port",
        )
    ]


def test_a_port_that_another_program_has_open(patient: Patient) -> None:
    """The test itself is the other program."""
    with Gauge(patient.folder / "gauge", idle=False):
        pseudo, alone, *_ = patient.findings()["hhd-1"]
        assert pseudo[0] == "note"
        assert "is a pseudo-terminal, of a simulator perhaps" in pseudo[1]
        assert alone == ("ok", f"{patient.folder}/gauge is there, and nobody else has it open")
        opened = os.open(patient.folder / "gauge", os.O_RDWR | os.O_NOCTTY)
        try:
            assert ports.openers(os.path.realpath(patient.folder / "gauge")) == [
                (os.getpid(), (Path("/proc/self/comm")).read_text().strip())
            ]
        finally:
            os.close(opened)


def test_who_else_has_a_port_is_named(tmp_path: Path) -> None:
    """A process folder as proc(5) has them, of a program that is not ours.

    The port is the null device, which has a name of its own in there, as in a container.
    """
    port, node = os.devnull, tmp_path / "dev" / "gauge"
    node.parent.mkdir()
    node.symlink_to(port)
    process = tmp_path / "4711"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("minicom\n")
    (process / "fd" / "3").symlink_to(node)
    assert ports.openers(port, tmp_path) == [(4711, "minicom")]
    assert ports.openers("/dev/zero", tmp_path) == []
    (process / "comm").write_text("ModemManager\n")
    (finding,) = ports.modem_manager(tmp_path)
    assert finding.state == "note"
    assert "install the package's rule" in finding.text


def test_a_pseudo_terminal_of_a_container_is_not_the_one_of_that_number(tmp_path: Path) -> None:
    """A second instance of devpts, as each container mounts one (pts(4))."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    pts, process = tmp_path / "dev" / "pts", tmp_path / "4711"
    for folder in (pts, process / "fd"):
        folder.mkdir(parents=True)
    (process / "comm").write_text("other\n")
    subprocess.run(["mount", "-t", "devpts", "-o", "newinstance", "devpts", str(pts)], check=True)
    try:
        theirs = os.open(pts / "ptmx", os.O_RDWR | os.O_NOCTTY)
        (number,) = (item.name for item in pts.iterdir() if item.name != "ptmx")
        (process / "fd" / "3").symlink_to(pts / number)
        held = []
        try:
            while not Path(f"/dev/pts/{number}").exists():
                held.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
            assert ports.openers(f"/dev/pts/{number}", tmp_path) == []
            assert ports.openers(str(pts / number), tmp_path) == [(4711, "other")]
        finally:
            for descriptor in (theirs, *held):
                os.close(descriptor)
    finally:
        subprocess.run(["umount", str(pts)], check=True)


@pytest.mark.mosquitto
@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("right", None),
        ("wrong", "does not let us in; check [broker] username, password_file"),
    ],
)
def test_a_password_at_a_real_broker(patient: Patient, password: str, told: str | None) -> None:
    passwords = patient.folder / "passwords"
    # mosquitto takes plain text and hashes it by its own program.
    _hash(passwords, "clinic/room", "right")
    secret = patient.folder / "password"
    secret.write_text(password + "\n")
    secret.chmod(0o600)
    lines = ("allow_anonymous false", f"password_file {passwords}")
    with Mosquitto(patient.folder, lines) as broker:
        patient.write(
            f'url = "mqtt://127.0.0.1:{broker.port}"\nusername = "clinic/room"\n'
            f'password_file = "{secret}"'
        )
        state, text = patient.only("broker")
    assert password not in text
    if told is None:
        assert (state, text) == ("ok", f"127.0.0.1:{broker.port} answers and lets clinic/room in")
    else:
        assert state == "problem"
        assert told in text


def _hash(path: Path, name: str, password: str) -> None:
    path.write_text(f"{name}:{password}\n")
    program = shutil.which("mosquitto_passwd")
    assert program is not None
    subprocess.run([program, "-U", str(path)], check=True, capture_output=True)


@pytest.mark.mosquitto
def test_certificates_that_end_soon_and_one_that_has_ended(patient: Patient) -> None:
    """The test's authority signs for two days, which is soon; the other ended yesterday."""
    authority = Authority(patient.folder, "clinic-ca")
    good = authority.sign("server", f"IP:{LOOPBACK}")
    bad = authority.expired("old-server", f"IP:{LOOPBACK}")
    for signed, expected in ((good, "ok"), (bad, "problem")):
        port = free_port()
        lines = (
            f"listener {port} {LOOPBACK}",
            f"certfile {signed.certificate}",
            f"keyfile {signed.key}",
        )
        with Mosquitto(patient.folder, lines):
            patient.write(f'url = "mqtts://127.0.0.1:{port}"\nca_file = "{authority.certificate}"')
            found = patient.findings()
        assert found["broker"][0][0] == expected
        if expected == "ok":
            assert found["broker's certificate"][0][0] == "problem"
            assert "renew it" in found["broker's certificate"][0][1]
        else:
            assert "expired" in found["broker"][0][1]
        assert "renew it" in found["ca_file"][0][1]


def test_the_end_of_a_certificate_is_what_openssl_says(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "clinic-ca")
    for made in (authority.sign("one", "DNS:one"), authority.expired("old", "DNS:old")):
        decoded = ssl._ssl._test_decode_cert(str(made.certificate))  # type: ignore[attr-defined]
        seconds = ssl.cert_time_to_seconds(decoded["notAfter"])
        assert not_after(made.certificate) == datetime.fromtimestamp(seconds, UTC)
    (tmp_path / "none.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match="holds no certificate in PEM form"):
        not_after(tmp_path / "none.pem")


def record(path: Path, *, created: datetime = NOW) -> None:
    with Store.open(path, now=NOW) as store:
        of = session(ended_at=at(600))
        result = trial(of)
        messages = (draft(result.result_id),)
        store.commit(Change(at=created, sessions=(of,), trials=(result,), outbox=messages))


def test_a_sound_database_its_outbox_and_its_copy(patient: Patient) -> None:
    record(patient.database, created=datetime.now(UTC))
    make_backup(patient.database, patient.folder / "backups", datetime.now(UTC), keep=7)
    found = patient.findings()
    assert found["database"][0][0] == "ok"
    assert found["outbox"] == [("ok", "1 wait, 0 are with the broker, 0 were received")]
    assert found["backup"][0] == (
        "ok",
        f"1 in {patient.folder}/backups, the newest 0 hours old",
    )


def test_results_that_wait_for_long_and_a_copy_that_is_old(patient: Patient) -> None:
    record(patient.database, created=datetime.now(UTC) - timedelta(hours=30))
    copy = make_backup(patient.database, patient.folder / "backups", NOW, keep=7)
    old_s = datetime.now(UTC).timestamp() - 72 * 3600
    os.utime(copy, (old_s, old_s))
    found = patient.findings()
    assert found["outbox"][0][0] == "problem"
    assert "the oldest waits for 30 hours: look at the broker's line" in found["outbox"][0][1]
    assert found["backup"][0][0] == "problem"
    assert "the newest 72 hours old" in found["backup"][0][1]


@pytest.mark.parametrize("kind", ["header", "page", "open", "newer", "aside"])
def test_what_can_be_wrong_with_a_database(patient: Patient, kind: str) -> None:
    record(patient.database)
    expected = "restore a backup"
    if kind == "header":
        with patient.database.open("r+b") as file:
            file.write(b"\xa5" * 64)
    elif kind == "page":
        with patient.database.open("r+b") as file:
            file.truncate(patient.database.stat().st_size // 2)
    elif kind == "open":
        patient.database.chmod(0o666)
        expected = f"run: chmod 600 {patient.database}"
    elif kind == "newer":
        with closing(sqlite3.connect(patient.database)) as other, other:
            other.execute("UPDATE alembic_version SET version_num = '9999'")
        expected = "is of a newer dynod (schema 9999); install that one"
    else:
        patient.database.rename(patient.folder / "dynod.db.damaged-20260301T000000Z")
        expected = "then move the file away"
    found = patient.findings()["database"]
    assert any(state == "problem" and expected in text for state, text in found), found


@pytest.mark.mosquitto
def test_beside_a_running_daemon(patient: Patient) -> None:
    """It says what its devices are, keeps its connection, and its own hold on the port is none."""
    with (
        Mosquitto(patient.folder) as broker,
        Gauge(patient.folder / "gauge"),
        Daemon(patient.folder, broker.port, battery=battery(force_test())) as daemon,
    ):
        daemon.wait_log("hhd-1: streaming")
        found = patient.findings()
        assert found["daemon"][0][0] == "ok"
        assert ("ok", "streaming") in found["hhd-1"]
        assert ("ok", f"{patient.folder}/gauge is there, and nobody else has it open") in found[
            "hhd-1"
        ]
        assert any("give it a serial_number and calibrate it" in text for _, text in found["hhd-1"])
        assert found["broker"][0][0] == "ok"
        assert not daemon.lines("connection lost|somebody connected with our client id")


def test_a_daemon_of_another_version(tmp_path: Path) -> None:
    running = service.Running({"software": "dynod 0.0.1", "warnings": ["the disk is full"]}, {})
    first, second = service.daemon(running, tmp_path)
    assert "dynod 0.0.1 runs" in first.text
    assert "sudo systemctl restart dynod" in first.text
    assert (second.state, second.text) == ("problem", "the disk is full")


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    """The files of a Raspberry Pi's kernel (its driver raspberrypi-hwmon names itself rpi_volt)."""
    sensor = tmp_path / "sys/class/hwmon/hwmon1"
    sensor.mkdir(parents=True)
    (sensor / "name").write_text("rpi_volt\n")
    (sensor / "in0_lcrit_alarm").write_text("0\n")
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("48312\n")
    return tmp_path


def test_power_and_heat_of_a_pi(pi: Path) -> None:
    assert [finding.state for finding in machine.power(pi)] == ["ok"]
    assert [finding.text for finding in machine.heat(pi)] == ["48 °C"]
    (pi / "sys/class/hwmon/hwmon1/in0_lcrit_alarm").write_text("1\n")
    (pi / "sys/class/thermal/thermal_zone0/temp").write_text("82000\n")
    (power,) = machine.power(pi)
    assert power.state == "problem"
    assert "use the Pi's own power supply and cable" in power.text
    (heat,) = machine.heat(pi)
    assert heat.state == "problem"


def test_a_voltage_that_was_too_low_since_the_start(
    pi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit 16 of what vcgencmd says (Raspberry Pi documentation)."""
    program = pi / "vcgencmd"
    program.write_text("#!/bin/sh\necho throttled=0x50000\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{pi}:{os.environ['PATH']}")
    found = list(machine.power(pi))
    assert [finding.state for finding in found] == ["ok", "problem"]
    assert found[1].text.startswith("the voltage was too low since the start")


def test_a_socket_that_nobody_serves_is_no_daemon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "control.sock"))
    assert service.running(tmp_path / "control.sock") is None


def test_it_reads_at_eighty_columns(
    patient: Patient, dynod: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 80)
    done = dynod("doctor", "-c", patient.config)
    assert done.code == 1
    assert all(len(line.rstrip()) <= 80 for line in done.out.splitlines())
    assert done.out.rstrip().splitlines()[-1].endswith("problems")
    assert done.out.startswith("✓  program")


def test_a_device_without_a_certificate_is_told_without_a_daemon_as_well(patient: Patient) -> None:
    found = patient.findings()["hhd-1"]
    (line,) = (text for state, text in found if text.startswith("calibration: "))
    assert line == (
        "calibration: no certificate: trials do not count; give it a serial_number and calibrate it"
    )


def test_files_that_others_can_change_are_told_with_the_remedy(patient: Patient) -> None:
    patient.folder.chmod(0o700)
    patient.config.chmod(0o640)
    assert patient.only("rights")[0] == "ok"
    patient.config.chmod(0o666)
    state, text = patient.only("rights")
    assert state == "problem"
    assert text.endswith(f"run: chmod go-w {patient.config}")


def test_a_database_that_is_not_ours(patient: Patient) -> None:
    with closing(sqlite3.connect(patient.database)) as other, other:
        other.execute("CREATE TABLE other (id INTEGER)")
    found = patient.findings()["database"]
    assert any("restore a backup" in text for state, text in found if state == "problem"), found


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "may"),
    [
        (0o660, 0, 100, True),  # the udev rule: the group has it
        (0o660, 0, 20, False),  # another group has it, as on a Pi without the rule
        (0o600, 0, 100, False),
        (0o666, 0, 20, True),
        (0o060, 7, 100, False),  # an owner has the owner's rights alone (path_resolution(7))
    ],
)
def test_who_may_use_a_port(mode: int, uid: int, gid: int, may: bool) -> None:
    node = os.stat_result((0o020000 | mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))
    assert ports.may_use(node, 7, {100}) is may
