"""Single values from the environment."""

from pathlib import Path

import pytest

from dynod.model.device import Trigger
from tests.config.files import DYNAMOMETER, STATION, WHOLE, problems_of, site_of


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = site_of(
        tmp_path,
        WHOLE,
        DYNOD_BROKER__URL="mqtts://other.example",
        DYNOD_SESSION__THRESHOLD_PERCENT="12.5",
        DYNOD_SESSION__PAIN_LIMIT_NRS="4",
        DYNOD_SESSION__CONFIRM_CHANGE="false",
        DYNOD_SESSION__TRIGGER="onset",
        DYNOD_STORAGE__PATH="here.db",
        DYNOD_STATION__NAME="7",
    ).config
    assert config.broker.host == "other.example"
    assert config.session.threshold_percent == 12.5
    assert config.session.pain_limit_nrs == 4
    assert config.session.confirm_change is False
    assert config.session.trigger is Trigger.ONSET
    assert config.storage.path == tmp_path / "here.db"
    assert config.station.name == "7"  # a number where text is wanted stays text


def test_the_environment_may_bring_what_the_file_lacks(tmp_path: Path) -> None:
    site = site_of(tmp_path, STATION + DYNAMOMETER, DYNOD_BROKER__URL="mqtt://localhost")
    assert site.config.broker.port == 1883


def test_variables_of_others_are_left_alone(tmp_path: Path) -> None:
    site_of(tmp_path, WHOLE, DYNOD_CONFIG="/x", DYNODD_BROKER__URL="x", PATH__X="y")


@pytest.mark.parametrize(
    ("variable", "text", "line"),
    [
        ("DYNOD_BROKER__URI", "x", 'broker.uri: unknown key; did you mean "url"?'),
        ("DYNOD_BROKR__URL", "x", 'brokr: unknown table; did you mean "broker"?'),
        (
            "DYNOD_DEVICE__PORT",
            "/dev/ttyUSB7",
            (
                "device: unknown table; known here: analysis, broker, calibration, control,"
                " fhir, hl7, session, station, storage"
            ),
        ),
        ("DYNOD_SESSION__IDLE_MINUTES", "soon", "session.idle_minutes: should be a number"),
        ("DYNOD_SESSION__IDLE_MINUTES", "NaN", "session.idle_minutes: should be a finite number"),
        ("DYNOD_SESSION__CONFIRM_CHANGE", "1", "session.confirm_change: should be true or false"),
        (
            "DYNOD_BROKER__URL",
            "mqtts://me:SECRET@host",
            "broker.url: takes no user or password: use username and password_file",
        ),
    ],
)
def test_a_wrong_variable_is_named_and_not_quoted(
    tmp_path: Path, variable: str, text: str, line: str
) -> None:
    assert problems_of(tmp_path, WHOLE, **{variable: text}) == [
        f"environment variable {variable}: {line}"
    ]


def test_a_table_that_is_none_stays_a_mistake_of_the_file(tmp_path: Path) -> None:
    text = "broker = 1" + STATION + DYNAMOMETER
    assert problems_of(tmp_path, text, DYNOD_BROKER__URL="mqtt://localhost") == [
        "dynod.toml: broker: should be a table"
    ]
