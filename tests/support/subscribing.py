"""``dynod subscribe`` as a process, and a look into its database."""

import json
import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, create_engine, text

from tests.support.fake_station import TIMEOUT_S, Row, wait_until

CONFIG = """\
[broker]
url = "mqtt://127.0.0.1:{port}"

[database]
{database}

[subscriber]
client_id = "record-system"
{subscriber}

[resend]
wait_s = 0.2
status_s = 1
first_s = 0.5
longest_s = 5
{more}
"""


class SubscriberProcess:
    """``dynod subscribe --json`` in a folder."""

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        database: str = 'path = "subscriber.db"',
        subscriber: str = "",
        more: str = "",
        name: str = "subscriber",
        options: tuple[str, ...] = (),
    ) -> None:
        self.config = folder / f"{name}.toml"
        self.out = folder / f"{name}.out"
        self.log = folder / f"{name}.log"
        self._options = options
        self.config.write_text(
            CONFIG.format(port=port, database=database, subscriber=subscriber, more=more)
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def start(self, *options: str, connected: bool = True) -> None:
        before = len(self.events("connected"))
        words = ("subscribe", "--json", "-c", str(self.config), *self._options, *options)
        with self.out.open("ab") as out, self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dynod", *words], stdout=out, stderr=log
            )
        if connected:
            self.wait("connected", before + 1)

    def stop(self) -> int:
        """End it as systemd does; return the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it do nothing; its connections stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def events(self, name: str) -> list[dict[str, Any]]:
        if not self.out.exists():
            return []
        # The last line may be cut short by a SIGKILL, or be on its way.
        lines = [line for line in self.out.read_text().splitlines() if line.endswith("}")]
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def wait(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for ``count`` events of a name."""

        def found() -> list[dict[str, Any]] | None:
            have = self.events(name)
            ended = self._process is None or self._process.poll() is not None
            assert not ended or len(have) >= count, self.log.read_text()
            return have if len(have) >= count else None

        events: list[dict[str, Any]] = wait_until(f"{count} times {name}", found)
        return events

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        if process.poll() is None:
            os.kill(process.pid, how)
        try:
            return process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


class Rows:
    """What stands in a subscriber's database."""

    def __init__(self, url: str | URL) -> None:
        self._engine: Engine = create_engine(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._engine.dispose()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def begin(self) -> AbstractContextManager[Connection]:
        """A transaction in which the test writes by itself."""
        return self._engine.begin()

    def one(self, sql: str) -> Any:
        ((value,),) = self.query(sql)
        return value


def count_once(rows: Rows, sent: list[Row]) -> None:
    """Count: every message once, every result once with its highest revision, bytes as sent."""
    newest: dict[str, int] = {}
    for row in sent:
        key = row.result_id.hex
        newest[key] = max(newest.get(key, 0), row.revision)
    found = rows.query("SELECT result_id, revision FROM result")
    assert len(found) == len(newest)
    assert {str(key).replace("-", ""): revision for key, revision in found} == newest
    messages = rows.query("SELECT result_id, revision, payload FROM message")
    assert len(messages) == len(sent)
    assert {(str(key).replace("-", ""), revision): text for key, revision, text in messages} == {
        (row.result_id.hex, row.revision): row.payload.decode() for row in sent
    }
    assert rows.one("SELECT count(*) FROM set_aside") == 0
