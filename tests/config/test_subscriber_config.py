"""subscriber.toml: what is understood, and one line for every mistake."""

from pathlib import Path

import pytest

from dynod.config.subscriber import load_subscriber
from dynod.model.errors import ConfigError

SHORTEST = """
[broker]
url = "mqtt://127.0.0.1:1883"

[database]
path = "subscriber.db"
"""

WHOLE = """
[broker]
url = "mqtts://broker.clinic.example"
username = "record"
password_file = "broker.password"

[subscriber]
client_id = "record-1"
group = "record"
stations = ["clinic-7/+", "clinic-8/room-2"]
session_expiry_s = 60
receipts = false

[database]
url = "postgresql://dynod@db.clinic.example:5433/results"
password_file = "database.password"

[resend]
wait_s = 2
first_s = 10
longest_s = 600

[fhir]
url = "https://fhir.clinic.example/r4"
token_file = "fhir.token"
timeout_s = 10
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "subscriber.toml"
    path.write_text(text)
    return path


def mistake(folder: Path, text: str) -> str:
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load_subscriber(path)
    return str(caught.value).replace(str(path), "FILE")


def secrets(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("secret-4711\n")
        (folder / name).chmod(0o600)


def test_the_shortest(tmp_path: Path) -> None:
    config = load_subscriber(written(tmp_path, SHORTEST))
    settings = config.broker_settings()
    assert config.database.path == tmp_path / "subscriber.db"
    assert (settings.host, settings.port, settings.client_id) == (
        "127.0.0.1",
        1883,
        "record-system",
    )
    assert settings.session_expiry_s == 7 * 24 * 3600
    assert config.fhir is None


def test_the_whole(tmp_path: Path) -> None:
    secrets(tmp_path, "broker.password", "database.password", "fhir.token")
    config = load_subscriber(written(tmp_path, WHOLE))
    settings = config.broker_settings("record-2")
    assert (settings.client_id, settings.password, settings.tls) == (
        "record-2",
        "secret-4711",
        True,
    )
    assert settings.session_expiry_s == 60
    assert config.resend.delay_s(3) == 40
    assert config.resend.delay_s(99) == 600
    assert config.fhir is not None
    assert config.fhir.token_file == tmp_path / "fhir.token"
    assert "secret-4711" not in repr(config) + repr(settings)


def test_a_group_keeps_the_share_of_an_absent_member_for_minutes_only(tmp_path: Path) -> None:
    config = load_subscriber(written(tmp_path, SHORTEST + '[subscriber]\ngroup = "record"\n'))
    assert config.broker_settings().session_expiry_s == 300


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("url", "urll", 'FILE: broker.urll: unknown key; did you mean "url"?'),
        ("[database]", "[databse]", 'FILE: databse: unknown key; did you mean "database"?'),
        ('path = "subscriber.db"', "", "FILE: database: needs path (SQLite) or url (PostgreSQL)"),
        ('path = "s', 'url = "mysql://x/y"\n#', "should be postgresql://user@host/database"),
        ('path = "s', 'url = "postgresql://u:secret@h/d"\n#', "takes no password: use password_f"),
        ("127.0.0.1", "10.0.0.9", "FILE: broker: mqtt:// would send patient data unencrypted"),
        ("[database]", 'receipts = "required"\n[database]', "FILE: broker.receipts: unknown key"),
        ("[broker]", '[subscriber]\nstations = ["clinic"]\n[broker]', "should be SITE/STATION"),
        ("[broker]", '[subscriber]\nstations = ["a/#"]\n[broker]', "only lowercase letters"),
        ("[broker]", '[subscriber]\nclient_id = "a/b"\n[broker]', "only lowercase letters"),
        ("[broker]", "[resend]\nfirst_s = 60\nlongest_s = 5\n[broker]", "longest_s should not be"),
        ("[broker]", '[fhir]\nurl = "http://10.0.0.9/r4"\n[broker]', "FILE: fhir: http:// would"),
        ("[broker]", '[fhir]\nurl = "https://u:secret@h/"\n[broker]', "use token_file"),
        ("[broker]", '[fhir]\nurl = "https://h/?x=1"\n[broker]', "without ? or #"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, line: str) -> None:
    said = mistake(tmp_path, SHORTEST.replace(old, new))
    assert line in said
    assert "secret" not in said


def test_secrets_that_others_can_read(tmp_path: Path) -> None:
    secrets(tmp_path, "broker.password", "database.password", "fhir.token")
    (tmp_path / "fhir.token").chmod(0o644)
    (tmp_path / "database.password").unlink()
    lines = mistake(tmp_path, WHOLE).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["database.password_file", "fhir.token_file"]
    assert "chmod 600" in lines[1]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_subscriber(tmp_path / "subscriber.toml")
