"""``dynod run`` at a broker with TLS and the shipped rights; its key is a credential of systemd."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publish.certificates import Authority
from tests.support.gauge import Gauge
from tests.support.mosquitto import LOOPBACK, Mosquitto, free_port
from tests.support.station import PATIENT, Daemon, RecordSystem, battery, force_test
from tests.support.subscribing import SubscriberProcess

pytestmark = pytest.mark.mosquitto

RIGHTS = Path(__file__).parents[2] / "docs" / "mosquitto" / "dynod.acl"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "clinic-ca")


@pytest.fixture
def tls_port() -> int:
    return free_port()


@pytest.fixture
def broker(tmp_path: Path, authority: Authority, tls_port: int) -> Iterator[Mosquitto]:
    """Start a broker with a port for stations, by certificate, and one for the test, which may all.

    Without a name a client may do everything: that is the record system of the test.
    """
    server = authority.sign("server", f"IP:{LOOPBACK}")
    rights = tmp_path / "rights"
    rights.write_text("topic readwrite #\n" + RIGHTS.read_text())
    lines = (
        f"acl_file {rights}",
        "allow_anonymous true",
        f"listener {tls_port} {LOOPBACK}",
        f"cafile {authority.certificate}",
        f"certfile {server.certificate}",
        f"keyfile {server.key}",
        "require_certificate true",
        "use_identity_as_username true",
    )
    with Mosquitto(tmp_path, lines) as broker:
        yield broker


def station(folder: Path, tls_port: int, authority: Authority) -> Daemon:
    daemon = Daemon(
        folder,
        tls_port,
        battery=battery(force_test()),
        session="confirm_change = false",
        broker_lines=(
            f'ca_file = "{authority.certificate}"\n'
            'client_certificate = "/etc/dynod/secrets/client.pem"\n'
            'client_key_file = "/etc/dynod/secrets/client.key"'
        ),
    )
    daemon.config.write_text(daemon.config.read_text().replace("mqtt://", "mqtts://"))
    return daemon


def subscriber(folder: Path, tls_port: int, authority: Authority) -> SubscriberProcess:
    signed = authority.sign("record-system", "DNS:records")
    process = SubscriberProcess(folder, tls_port)
    files = (
        f'ca_file = "{authority.certificate}"\n'
        f'client_certificate = "{signed.certificate}"\n'
        f'client_key_file = "{signed.key}"\n'
    )
    text = process.config.read_text().replace("mqtt://", "mqtts://")
    process.config.write_text(text.replace("[database]", f"{files}\n[database]"))
    return process


def lend(folder: Path, authority: Authority, common_name: str) -> None:
    """Put a station's certificate and key where systemd would, with the modes that it gives."""
    signed = authority.sign(
        f"station-{common_name.replace('/', '-')}", "DNS:room", common_name=common_name
    )
    folder.mkdir(exist_ok=True)
    for source, name in ((signed.certificate, "client.pem"), (signed.key, "client.key")):
        target = folder / f"secrets_{name}"
        target.unlink(missing_ok=True)
        target.write_bytes(source.read_bytes())
        target.chmod(0o440)


def test_a_station_under_its_own_name_and_under_another(
    tmp_path: Path,
    authority: Authority,
    broker: Mosquitto,
    tls_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    credentials = tmp_path / "credentials"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    with RecordSystem(broker.port) as records, Gauge(tmp_path / "gauge") as gauge:
        # The certificate of another room: the broker lets it in and takes none of its messages.
        lend(credentials, authority, "clinic/another-room")
        with station(tmp_path, tls_port, authority) as daemon:
            daemon.wait_log("check the access list and limits that the broker has for this user")
            assert records.retained == {}
        lend(credentials, authority, "clinic/room")
        with daemon:
            records.streaming("hhd-1")
            assert records.command("session.start", patient=PATIENT)["ok"]
            records.state(phase="ready")
            gauge.trial(150.0)
            assert records.result("trial")[0]["quality"]["valid"]
            # The reference subscriber, under the record system's rights, takes it over.
            with subscriber(tmp_path, tls_port, authority) as taking:
                taking.wait("stored")
                records.wait(
                    "the receipt", lambda: records.retained["status"]["outbox"]["received"] == 1
                )
    assert "BEGIN" not in daemon.log.read_text()
