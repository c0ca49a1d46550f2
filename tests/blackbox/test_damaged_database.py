"""A station whose database was damaged measures on, says so, and loses no byte of the old."""

from pathlib import Path

import pytest

from tests.support.gauge import Gauge
from tests.support.mosquitto import Mosquitto
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test

pytestmark = pytest.mark.mosquitto


def test_it_is_set_aside_and_shown(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge"),
        Daemon(
            tmp_path, broker.port, battery=battery(force_test()), session="confirm_change = false"
        ) as daemon,
    ):
        records.streaming("hhd-1")
        stream = records.retained["status"]["stream"]
        daemon.stop()
        path = tmp_path / "dynod.db"
        with path.open("r+b") as file:
            file.write(b"\xa5" * 100)
        damaged = path.read_bytes()
        records.forget()
        daemon.start()
        records.streaming("hhd-1")
        assert records.command("session.start", patient=PATIENT)["ok"]
        state = records.state(phase="ready")
        status = records.online()
        (aside,) = (item for item in tmp_path.glob("dynod.db.damaged-*Z"))
        lying = aside.read_bytes()
        aside.rename(tmp_path / "taken-away")
        records.wait("the end of it", lambda: "warnings" not in records.retained["status"])
        records.wait(
            "a display without it",
            lambda: "damaged" not in str(records.retained["session/state"].get("warnings")),
        )
    assert lying == damaged
    assert status["stream"] != stream
    for told in (status["warnings"][0], state["warnings"][0]):
        assert told.startswith(f"the database was damaged and is set aside as {aside.name}")
    assert daemon.lines("ERROR .*not a database")


@pytest.mark.parametrize("kind", ["emptied", "gone", "log"])
def test_what_was_lost_is_noticed_at_the_start(tmp_path: Path, kind: str) -> None:
    """An empty file and a hole in the log are a sound database to SQLite, which is silent."""
    path, log = tmp_path / "dynod.db", tmp_path / "dynod.db-wal"
    with (
        Mosquitto(tmp_path) as broker,
        RecordSystem(broker.port) as records,
        Gauge(tmp_path / "gauge"),
        Daemon(
            tmp_path, broker.port, battery=battery(force_test()), session="confirm_change = false"
        ) as daemon,
    ):
        records.streaming("hhd-1")
        before = records.online()
        records.wait("work", (tmp_path / "flight").is_dir)
        assert records.command("session.start", patient=PATIENT)["ok"]
        assert records.command("session.end")["ok"]
        daemon.kill()
        if kind == "emptied":
            path.write_bytes(b"")
        elif kind == "gone":
            path.unlink()
        else:
            with log.open("r+b") as file:
                file.seek(100)
                file.write(b"\xa5" * 100)
        records.forget()
        daemon.start()
        after = records.online()
        assert daemon.lines("ERROR .*(empty|is gone|not whole)")
    assert after["stream"] != before["stream"]
    (notice,) = after["warnings"]
    (left,) = tmp_path.glob("dynod.db.*Z")
    assert left.name in notice
    assert left.with_name(left.name + "-wal").stat().st_size > 0


def test_a_file_in_which_dynod_never_worked_stops_it(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        daemon = Daemon(tmp_path, broker.port, battery=battery(force_test()))
        diary = tmp_path / "dynod.db"
        diary.write_bytes(b"my diary, not to be renamed. " * 100)
        done = daemon.command_line("run")
    assert done.returncode == 5
    assert "the file is damaged or not ours" in done.stderr
    assert diary.read_bytes().startswith(b"my diary")
