"""Records survive JSON, and what is no record is refused without being quoted."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynod.model.calibration import Calibration, Certificate
from dynod.model.calibration_record import Verification
from dynod.model.clinical import Slot
from dynod.model.deficit import Deficit
from dynod.model.device import DeviceIdentity
from dynod.model.errors import StorageError
from dynod.model.session import Identifier, Patient, Session, SessionSummary
from dynod.model.trial import Analysis, TareOrigin
from dynod.store.codec import from_json, time_of, time_text, to_json
from tests.store.samples import any_record, session

STORED = (
    Session,
    SessionSummary,
    Deficit,
    Certificate,
    Verification,
    Slot,
    DeviceIdentity,
    Calibration,
    Analysis,
)


@given(st.sampled_from(STORED).flatmap(any_record))
def test_any_record_survives(record: object) -> None:
    text = to_json(record)
    assert from_json(type(record), text) == record
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_time_is_utc_text_of_one_width() -> None:
    # 09:00 in a zone two hours ahead is 07:00 UTC.
    moment = datetime(2026, 3, 2, 9, 0, tzinfo=timezone(timedelta(hours=2)))
    assert time_text(moment) == "2026-03-02T07:00:00.000000+00:00"
    assert time_of(time_text(moment)) == moment


@given(any_record(datetime), any_record(datetime))
def test_times_sort_as_their_texts(first: datetime, second: datetime) -> None:
    assert (first < second) == (time_text(first) < time_text(second))


def test_a_naive_time_is_a_defect() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        time_text(datetime(2026, 3, 2, 9, 0))  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize("number", [float("nan"), np.float64("nan")])
def test_what_json_cannot_say_is_a_defect(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json((number,))


@pytest.mark.parametrize("number", [math.inf, -math.inf, np.float64("inf")])
def test_an_infinite_number_is_kept_as_text(number: float) -> None:
    text = to_json((number,))
    assert text in {'["inf"]', '["-inf"]'}
    assert from_json(tuple[float], text) == (number,)
    with pytest.raises(StorageError, match="0: float expected"):
        from_json(tuple[float], '["nan"]')


def test_what_no_record_is_made_of_is_a_defect() -> None:
    with pytest.raises(TypeError, match="ndarray is no part of a record"):
        to_json((np.zeros(3),))
    with pytest.raises(TypeError, match="no part of a record"):
        from_json(bytes, '"x"')


@dataclass(frozen=True)
class Grown:
    first: int
    added_later: str = "by default"


def test_an_old_record_gets_the_defaults_of_new_fields() -> None:
    assert from_json(Grown, '{"first": 1}') == Grown(1, "by default")


def test_an_analysis_from_before_there_were_notes_has_none() -> None:
    done = Analysis({}, (), True, 1.5, TareOrigin.PREROLL, 82.36, {"fit_rfd_n_per_s": "poor_fit"})
    text = to_json(done)
    assert from_json(Analysis, text).notes == {"fit_rfd_n_per_s": "poor_fit"}
    old = text.replace(',"notes":{"fit_rfd_n_per_s":"poor_fit"}', "")
    assert "notes" not in old
    assert from_json(Analysis, old).notes == {}


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (Grown, "{", "stored Grown is no JSON at offset 1"),
        (Grown, "[]", "stored Grown cannot be read: table expected"),
        (Grown, "{}", "stored Grown cannot be read: field 'first' is missing"),
        (Grown, '{"first": true}', "stored Grown cannot be read: first: int expected"),
        (Grown, '{"first": 1.5}', "stored Grown cannot be read: first: int expected"),
        (
            Grown,
            '{"first": 1, "more": 2}',
            "stored Grown cannot be read: unknown field 'more'; a newer dynod may have written it",
        ),
        (tuple[int, ...], "1", "stored tuple cannot be read: list expected"),
        (tuple[float, float], "[1.0]", "stored tuple cannot be read: 2 items expected"),
        (tuple[int, ...], '[1, "x"]', "stored tuple cannot be read: 1: int expected"),
    ],
)
def test_what_cannot_be_read_is_named(kind: Any, text: str, message: str) -> None:
    with pytest.raises(StorageError) as caught:
        from_json(kind, text)
    assert str(caught.value) == message


def test_a_message_never_quotes_what_is_stored() -> None:
    patient = Patient(Identifier("urn:example:mrn", "SECRET-4711"))
    text = to_json(session(patient=patient))
    for broken in (
        text.replace('"left"', '"SECRET-4711"'),
        text.replace('"AC34"', "4711"),
        text.replace(time_text(datetime(2026, 3, 2, 9, tzinfo=UTC)), "SECRET-4711"),
    ):
        assert broken != text
        with pytest.raises(StorageError) as caught:
            from_json(Session, broken)
        assert "4711" not in str(caught.value)
