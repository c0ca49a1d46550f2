"""Secrets come from private files; a file that is missing is named before any port is opened."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dynod.config.load import load_config
from dynod.config.secret_files import read_secret
from dynod.model.errors import ConfigError
from tests.config.files import DYNAMOMETER, STATION, WHOLE, problems_of, site_of, write

TLS = (
    STATION
    + """
[broker]
url = "mqtts://broker.example"
username = "dynod"
password_file = "password"
ca_file = "ca.pem"
client_certificate = "client.pem"
client_key_file = "client.key"
"""
    + DYNAMOMETER
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write(tmp_path / "password", "SECRET\n", 0o600)
    write(tmp_path / "client.key", "key", 0o400)
    write(tmp_path / "client.pem", "certificate")
    write(tmp_path / "ca.pem", "certificate")
    return tmp_path


def test_files_are_meant_from_the_folder_of_the_config(files: Path) -> None:
    broker = site_of(files, TLS).config.broker
    assert broker.ca_file == files / "ca.pem"
    assert broker.client_certificate == files / "client.pem"
    assert broker.client_key_file == files / "client.key"
    assert broker.password_file is not None
    assert read_secret(broker.password_file) == "SECRET"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o611, 0o666])
@pytest.mark.parametrize("name", ["password", "client.key"])
def test_a_secret_that_others_can_touch_is_refused(files: Path, name: str, mode: int) -> None:
    (files / name).chmod(mode)
    key = {"password": "password_file", "client.key": "client_key_file"}[name]
    assert problems_of(files, TLS) == [
        f"dynod.toml: broker.{key}: {name}: other users can read this secret; run: chmod 600 {name}"
    ]
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret(files / name)


@contextmanager
def without_a_right(folder: Path) -> Iterator[None]:
    """Be somebody whom a folder is closed to, as /etc/dynod/secrets is to a therapist."""
    if os.geteuid() != 0:
        folder.chmod(0)
        yield
        folder.chmod(0o700)
        return
    folder.chmod(0o700)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def etc() -> Iterator[Path]:
    """A folder that everybody may look into, unlike those that pytest makes."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_secret_of_somebody_else_stops_only_whoever_needs_it(etc: Path) -> None:
    (etc / "secrets").mkdir()
    write(etc / "secrets" / "password", "SECRET\n", 0o600)
    text = STATION + (
        '[broker]\nurl = "mqtts://broker.example"\nusername = "dynod"\n'
        'password_file = "secrets/password"\n'
    )
    config = write(etc / "dynod.toml", text + DYNAMOMETER)
    with without_a_right(etc / "secrets"):
        broker = load_config(config, {}).broker
        with pytest.raises(ConfigError, match="password: cannot be read: Permission denied"):
            broker.settings("dynod-clinic-room")


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    assert problems_of(tmp_path, TLS) == [
        "dynod.toml: broker.password_file: password: cannot be read: No such file or directory",
        "dynod.toml: broker.client_key_file: client.key: cannot be read: No such file or directory",
        "dynod.toml: broker.ca_file: ca.pem: no such file",
        "dynod.toml: broker.client_certificate: client.pem: no such file",
    ]


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"\xff\xfe"])
def test_a_secret_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "secret", "", 0o600)
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"secret: should hold the secret on a single line"):
        read_secret(path)


def test_spaces_belong_to_a_secret_and_the_end_of_its_line_does_not(tmp_path: Path) -> None:
    path = write(tmp_path / "secret", " correct horse \r\n", 0o600)
    assert read_secret(path) == " correct horse "


def test_a_password_in_the_config_is_an_unknown_key(tmp_path: Path) -> None:
    text = WHOLE.replace("url =", 'password = "SECRET"\nurl =')
    assert problems_of(tmp_path, text) == [
        'dynod.toml: broker.password: unknown key; did you mean "password_file"?'
    ]
