"""Secrets that systemd hands over: systemd.exec(5), "Credentials".

``LoadCredential=secrets:/etc/dynod/secrets`` with a folder makes a credential of each file, named
by the id, ``_`` and the file's name; the folder of the credentials is in the environment. The
files are root's, and an ACL lets in the service alone: ``ls`` shows the mode 0440.
"""

from pathlib import Path

import pytest

from dynod.config.secret_files import at_hand, check_private, read_secret
from dynod.config.site import load_site
from dynod.daemon.plan import make_plan
from dynod.model.errors import ConfigError
from tests.config.files import DYNAMOMETER, STATION, site_of, write

SECRETS = Path("/etc/dynod/secrets")
TLS = (
    STATION
    + """
[broker]
url = "mqtts://broker.example"
username = "clinic-7/room-2"
password_file = "/etc/dynod/secrets/broker.password"
ca_file = "ca.pem"
client_certificate = "/etc/dynod/secrets/client.pem"
client_key_file = "/etc/dynod/secrets/client.key"
"""
    + DYNAMOMETER
)


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "credentials"
    for name in ("broker.password", "client.pem", "client.key"):
        write(folder / f"secrets_{name}", f"SECRET of {name}\n", 0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


def test_they_stand_in_for_the_files_that_only_root_can_read(
    credentials: Path, tmp_path: Path
) -> None:
    write(tmp_path / "ca.pem", "certificate")
    broker = make_plan(site_of(tmp_path, TLS)).broker
    assert broker.password == "SECRET of broker.password"  # noqa: S105 - the test's own
    assert broker.certificate_file == credentials / "secrets_client.pem"
    assert broker.key_file == credentials / "secrets_client.key"
    assert broker.ca_file == tmp_path / "ca.pem"


def test_a_relative_path_of_the_real_config_folder_is_meant_too(credentials: Path) -> None:
    assert at_hand(Path("/etc/dynod") / "secrets/client.key") == credentials / "secrets_client.key"


@pytest.mark.parametrize(
    "path",
    [
        SECRETS / "another.password",  # no such credential
        Path("/etc/dynod/broker.password"),
        Path("/srv/secrets/broker.password"),
        SECRETS / "deeper" / "broker.password",
    ],
    ids=str,
)
@pytest.mark.usefixtures("credentials")
def test_every_other_path_is_meant_as_it_stands(path: Path) -> None:
    assert at_hand(path) == path


def test_without_systemd_the_files_themselves_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    write(tmp_path / "ca.pem", "certificate")
    with pytest.raises(ConfigError) as caught:
        load_site(write(tmp_path / "dynod.toml", TLS), {})
    for key, name in (("password_file", "broker.password"), ("client_key_file", "client.key")):
        assert f"broker.{key}: {SECRETS}/{name}: cannot be read" in str(caught.value)


def test_only_a_credential_may_look_open_to_its_group(credentials: Path, tmp_path: Path) -> None:
    check_private(credentials / "secrets_client.key")
    elsewhere = write(tmp_path / "client.key", "key", 0o440)
    with pytest.raises(ConfigError, match="chmod 600"):
        check_private(elsewhere)


def test_a_credential_is_one_line_like_every_secret(credentials: Path) -> None:
    two = write(credentials / "secrets_two", "a\nb\n", 0o440)
    with pytest.raises(ConfigError, match="on a single line"):
        read_secret(two)
