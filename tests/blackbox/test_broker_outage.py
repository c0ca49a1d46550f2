"""A broker that fails in every way, with an outbox full of results: all arrive, in order, in time.

The queue is filled before the start; a proxy stands before a real mosquitto and misbehaves. In the
suite a thousand results; `make soak` takes ten thousand (``DYNOD_SOAK_S``), and with
DYNOD_WRITE_PAGE=1 writes the figures into docs/reliability.md.
"""

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.publish.certificates import Authority, Signed
from tests.support import fault_table
from tests.support.broker_proxy import BrokerProxy, Mood, Passed
from tests.support.mosquitto import LOOPBACK, MISSING, Mosquitto, find_program, free_port
from tests.support.queued import Collector, ImpatientDaemon, fill_outbox, wait_until

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(900)]

SOAK = bool(os.environ.get("DYNOD_SOAK_S"))
QUEUED = 10_000 if SOAK else 1_000
PORTION = 20  # how many are under way at once
LONGEST_S = 600.0 if SOAK else 60.0
# What a megabyte more or less of a Python process may be without anything being kept.
GROWTH_MB = 12.0
PLENTY = ("max_queued_messages 0",)  # this broker forgets nothing for a slow subscriber
STATION, SYSTEM, RIGHT, WRONG = "room", "record-system", "right-horse", "wrong-horse"


@dataclass
class Memory:
    """Resident memory of a daemon at named moments."""

    daemon: ImpatientDaemon
    mb: dict[str, float] = field(default_factory=dict)

    def note(self, moment: str) -> None:
        self.mb[moment] = self.daemon.memory_mb()


def test_every_fault_of_a_broker_delays_results_and_nothing_else(tmp_path: Path) -> None:
    empty_mb = idle_memory_mb(tmp_path / "empty")
    fill_outbox(tmp_path / "dynod.db", QUEUED)
    with (
        Mosquitto(tmp_path, PLENTY) as broker,
        BrokerProxy(broker.port) as proxy,
        Collector(broker.port) as records,
    ):
        proxy.turn(Mood.REFUSES)
        daemon = ImpatientDaemon(tmp_path, proxy.port, broker_lines='receipts = "required"')
        with daemon:
            memory = Memory(daemon)
            daemon.wait_log("connection refused")
            memory.note("refused")
            proxy.turn(Mood.SILENT)
            daemon.wait_log("no answer; check the network")
            proxy.turn(Mood.NO_PUBACK)
            daemon.wait_log("does not acknowledge what is published")
            wait_until("three connections in vain", lambda: len(attempts(proxy)) >= 3)
            memory.note("nothing acknowledged")
            begun_s = time.monotonic()
            proxy.cut_after = QUEUED // 20 + 7
            proxy.turn(Mood.WELL)
            proxy.cut()
            records.wait_for(QUEUED // 4, LONGEST_S)
            restart(broker, proxy, records)
            records.wait_for(QUEUED // 2, LONGEST_S)
            proxy.cut_after = None
            restart(broker, proxy, records)
            records.wait_for(QUEUED, LONGEST_S)
            records.wait_received(QUEUED)
            took_s = time.monotonic() - begun_s
            memory.note("all received")
            peak_mb = daemon.memory_mb("VmHWM")
            restart_and_find_nothing_due(daemon, records, proxy)
    assert records.known == list(range(1, QUEUED + 1))
    connections = [passed.results for passed in attempts(proxy)]
    for results in connections:
        # Each result once on a connection: nothing was kept of an earlier one and sent with it.
        assert results == sorted(set(results))
    sent = sum(map(len, connections))
    # At the start and at each restart of the broker: a fault that lasts is told once.
    assert len(daemon.lines(r"WARNING.*connection refused")) <= 3
    assert peak_mb - empty_mb < GROWTH_MB, (empty_mb, peak_mb, memory.mb)
    report(
        "broker faults",
        f"- {QUEUED} results queued, without TLS: {len(connections)} connections that carried "
        f"results, {sent} sent, {len(records.arrived)} arrived, {len(records.known)} of them "
        "different, first arrivals in order; the outbox empty, and every receipt noted, "
        f"{took_s:.0f} s after the broker was well again for the first time, two restarts without "
        "persistence included.",
        f"- Memory of the daemon (resident): {empty_mb:.0f} MB with an empty outbox, "
        + ", ".join(f"{mb:.0f} MB {moment}" for moment, mb in memory.mb.items())
        + f"; the highest {peak_mb:.0f} MB.",
    )


def test_a_wrong_password_an_expired_certificate_and_a_broken_tls_stream(tmp_path: Path) -> None:
    fill_outbox(tmp_path / "dynod.db", QUEUED)
    authority = Authority(tmp_path, "clinic")
    certificate, key = tmp_path / "broker.pem", tmp_path / "broker.key"
    names = f"IP:{LOOPBACK}"
    install(authority.expired("old", names), certificate, key)
    passwords = tmp_path / "passwords"
    set_passwords(passwords, {STATION: WRONG, SYSTEM: RIGHT})
    tls = (f"cafile {authority.certificate}", f"certfile {certificate}", f"keyfile {key}")
    inside = free_port()
    guarded = (
        *PLENTY,
        f"password_file {passwords}",
        "allow_anonymous false",
        f"listener {inside} {LOOPBACK}",
    )
    secret = tmp_path / "broker.password"
    secret.write_text(RIGHT)
    secret.chmod(0o600)
    lines = (
        f'username = "{STATION}"\npassword_file = "broker.password"\n'
        f'ca_file = "{authority.certificate.name}"\nreceipts = "required"'
    )
    with (
        Mosquitto(tmp_path, guarded, tls) as broker,
        BrokerProxy(broker.port, plain=False) as proxy,
        Collector(inside, user=(SYSTEM, RIGHT)) as records,
    ):
        daemon = ImpatientDaemon(tmp_path, proxy.port, broker_lines=lines)
        daemon.config.write_text(daemon.config.read_text().replace("mqtt://", "mqtts://"))
        with daemon:
            daemon.wait_log("certificate has expired")
            install(authority.sign("new", names), certificate, key)
            restart(broker, proxy, records)
            daemon.wait_log("check [broker] username")
            assert records.known == []
            set_passwords(passwords, {STATION: RIGHT, SYSTEM: RIGHT})
            begun_s = time.monotonic()
            proxy.cut_after = 200 * QUEUED
            restart(broker, proxy, records)
            records.wait_for(QUEUED // 2, LONGEST_S)
            proxy.cut_after = None
            records.wait_for(QUEUED, LONGEST_S)
            records.wait_received(QUEUED)
            took_s = time.monotonic() - begun_s
    assert records.known == list(range(1, QUEUED + 1))
    assert len(daemon.lines(r"WARNING.*certificate has expired")) == 1
    assert WRONG not in daemon.log.read_text()
    assert RIGHT not in daemon.log.read_text()
    report(
        "broker faults with TLS",
        f"- {QUEUED} results queued, with TLS: an expired certificate renewed, a wrong password "
        f"corrected, the stream broken off in the middle of a record {proxy.cuts} times: "
        f"{len(records.arrived)} arrived, {len(records.known)} of them different, first arrivals "
        f"in order, all received {took_s:.0f} s after the password was right.",
    )


def attempts(proxy: BrokerProxy) -> list[Passed]:
    return [passed for passed in list(proxy.passed) if passed.results]


def idle_memory_mb(folder: Path) -> float:
    """What a daemon with nothing to send takes, whose broker refuses."""
    folder.mkdir()
    with ImpatientDaemon(folder, free_port()) as daemon:
        daemon.wait_log("connection refused")
        return daemon.memory_mb()


def restart(broker: Mosquitto, proxy: BrokerProxy, records: Collector) -> None:
    """Kill the broker and start it anew; it remembers nothing. The record system is back first."""
    proxy.turn(Mood.REFUSES)
    broker.kill()
    wait_until("the record system noticed", lambda: not records.subscribed.is_set())
    broker.start()
    assert records.subscribed.wait(20.0)
    proxy.turn(Mood.WELL)


def restart_and_find_nothing_due(
    daemon: ImpatientDaemon, records: Collector, proxy: BrokerProxy
) -> None:
    """Stop and start the daemon: what was received is not sent again."""
    before = len(attempts(proxy))
    daemon.stop()
    records.status.clear()
    daemon.start()
    records.wait_received(QUEUED)
    assert len(attempts(proxy)) == before


def install(signed: Signed, certificate: Path, key: Path) -> None:
    certificate.write_bytes(signed.certificate.read_bytes())
    key.write_bytes(signed.key.read_bytes())


def set_passwords(path: Path, users: dict[str, str]) -> None:
    program = find_program("mosquitto_passwd", MISSING)
    path.unlink(missing_ok=True)
    path.touch()
    for user, password in users.items():
        subprocess.run([program, "-b", str(path), user, password], check=True)


def report(part: str, *lines: str) -> None:
    if SOAK and fault_table.WRITE:
        fault_table.put_into_page(part, lines)
