"""A certificate file says all that a certificate does, and notices when it was changed."""

import hashlib
import json
import math
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynod.config.certificate_text import certificate_text, content_sha256
from dynod.config.certificates import parse_certificate, read_certificate
from dynod.config.toml_text import toml_text
from dynod.model.calibration import Certificate
from dynod.model.calibration_record import AnglePose
from dynod.model.clinical import Kind
from dynod.model.errors import ConfigError
from tests.config.files import CERTIFICATE, write
from tests.support.whole_certificate import DETAIL, FILE, WHOLE


def again(certificate: Certificate) -> Certificate:
    return parse_certificate(certificate_text(certificate), FILE)


def test_nothing_is_lost_on_the_way_through_a_file() -> None:
    assert again(WHOLE) == WHOLE
    revoked = replace(WHOLE, revoked_reason="dropped")
    assert again(revoked) == revoked
    angle = replace(
        DETAIL, kind=Kind.ANGLE, runs=(), poses=(AnglePose(90.0, 89.75, 0.5, 0.01, 0.02),)
    )
    tilt = replace(WHOLE, detail=replace(angle, cross_axis=-0.25))
    assert again(tilt) == tilt
    assert again(replace(WHOLE, detail=None)) == replace(WHOLE, detail=None)


@given(
    numbers=st.lists(
        st.floats(allow_nan=False, allow_infinity=False, min_value=1e-300), min_size=1, max_size=3
    ),
    words=st.text(st.characters(codec="utf-8"), min_size=1).filter(str.isprintable),
)
def test_numbers_and_words_come_back_bit_for_bit(numbers: list[float], words: str) -> None:
    detail = replace(DETAIL, operator=words, environment={words: words})
    given = replace(WHOLE, coefficients=(0.0, *numbers), issued_by=words[:256], detail=detail)
    got = again(given)
    assert got == given
    assert [n.hex() for n in got.coefficients] == [n.hex() for n in given.coefficients]


def test_the_hash_is_the_documented_one() -> None:
    # The rule of calibration/README.md, applied to the file by hand: sorted JSON without blanks,
    # numbers as floats, times in UTC with microseconds, no sha256 and no revoked_reason.
    bare = replace(WHOLE, detail=None, revoked_reason="dropped", coefficients=(0.5, 1.0))
    data = tomllib.loads(certificate_text(bare))
    told = data.pop("sha256")
    assert data.pop("revoked_reason") == "dropped"
    data["valid_from"] = "2026-03-02T10:30:00.000125+00:00"
    data["valid_until"] = "2027-03-01T23:00:00.000000+00:00"
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    assert '"coefficients":[0.5,1.0]' in text
    assert told == hashlib.sha256(text.encode()).hexdigest() == content_sha256(bare)


def test_how_a_file_is_written_does_not_matter_to_its_hash() -> None:
    text = certificate_text(WHOLE)
    loose = text.replace(" = ", "   =  ").replace("20.0", "20").replace("\n[", "\n\n# x\n[")
    assert loose != text
    assert parse_certificate(loose, FILE) == WHOLE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.01", "1.02"),
        ("110.3", "110.31"),
        ('"SN 1"', '"SN 2"'),
        ("2026-03-02T10:30:00+00:00", "2026-03-02T10:31:00+00:00"),
        ("21.5", "12.5"),
        ("mounting = 2", "mounting = 3"),
        ("meets the limits of class 2", "meets the limits of class 1"),
    ],
)
def test_a_changed_file_is_refused_in_one_line(tmp_path: Path, old: str, new: str) -> None:
    text = certificate_text(WHOLE)
    assert old in text
    path = write(tmp_path / "c.toml", text.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        read_certificate(path)
    assert str(caught.value) == (
        f"{path}: the content does not match its sha256: the file was changed or damaged;"
        " export it again or ask the issuer"
    )


def test_a_revocation_may_be_added_to_a_file() -> None:
    text = certificate_text(WHOLE).replace("sha256 =", 'revoked_reason = "dropped"\nsha256 =')
    assert parse_certificate(text, FILE) == replace(WHOLE, revoked_reason="dropped")


def test_a_truncated_file_is_refused() -> None:
    text = certificate_text(WHOLE)
    for end in range(200, len(text) - 1, 97):
        with pytest.raises(ConfigError, match=r"c\.toml"):
            parse_certificate(text[:end], FILE)


def test_a_certificate_from_paper_needs_no_hash_and_little_detail() -> None:
    text = CERTIFICATE + (
        '[detail]\nkind = "force"\nissued_at = 2026-01-14\n'
        'procedure = "ISO 376"\nreference = "K-1"\n'
    )
    detail = parse_certificate(text, FILE).detail
    assert detail is not None
    assert (detail.operator, detail.software) == ("not stated", "not stated")
    assert detail.issued_at == datetime(2026, 1, 14, tzinfo=UTC)
    assert (detail.runs, dict(detail.environment)) == ((), {})


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("operator =", "operater =", 'detail.operater: unknown key; did you mean "operator"?'),
        (
            "load_uncertainty = 0.002",
            "load_uncertanty = 0.002",
            'detail.runs[1].points[2].load_uncertanty: unknown key; did you mean "load_uncer',
        ),
        (
            'name = "zero"',
            'nam = "zero"',
            'detail.budgets[1].terms[2].nam: unknown key; did you mean "name"?',
        ),
        (
            "reading = 12.25",
            "reading = nan",
            "detail.runs[1].points[1].reading: should be a finite",
        ),
        ('branch = "falling"', 'branch = "sinking"', "detail.runs[1].points[2].branch: should be"),
        ('kind = "force"', 'kind = "angle"', 'detail: runs belong to kind = "force"'),
        (
            'operator = "A.',
            'operator = "\\u001b[2J',
            "detail.operator: should be one line of printable text",
        ),
        ("degrees_of_freedom = inf", "degrees_of_freedom = nan", "degrees_of_freedom: should be"),
    ],
)
def test_mistakes_are_named(old: str, new: str, line: str) -> None:
    text = certificate_text(WHOLE)
    assert old in text
    with pytest.raises(ConfigError) as caught:
        parse_certificate(text.replace(old, new, 1), FILE)
    assert line in str(caught.value)
    assert str(caught.value).startswith("c.toml: ")


def test_what_has_no_toml_form_is_a_defect() -> None:
    with pytest.raises(TypeError, match="bytes has no TOML form"):
        toml_text({"key": b""})
    with pytest.raises(ValueError, match="no number"):
        toml_text({"key": math.nan})
    with pytest.raises(ValueError, match="without a zone"):
        toml_text({"key": datetime(2026, 1, 1)})  # noqa: DTZ001 - what is refused


def test_a_document_of_every_form_reads_back() -> None:
    data = {
        "flag": True,
        "count": -3,
        "small": 5e-324,
        "endless": -math.inf,
        "strange key": 'a\tb\x7f\\ "c"',
        "": [],
        "rows": [{"a": 1.0, "b": ["x", "y"]}, {}],
        "table": {"inner": {"deep": [{"rows": [{"a": 1}]}, {"rows": [{"a": 2}]}]}},
    }
    assert tomllib.loads(toml_text(data)) == data
