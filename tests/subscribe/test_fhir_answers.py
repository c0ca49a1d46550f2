"""What a FHIR server's answers mean; OperationOutcome by https://hl7.org/fhir/R4/operationoutcome.html."""

import json
from pathlib import Path

import pytest

from dynod.config.subscriber import FhirConfig
from dynod.model.errors import ConfigError
from dynod.subscribe.fhir import LONGEST_TEXT, FhirServer, Verdict, outcome_text
from tests.support.mosquitto import free_port


@pytest.mark.parametrize(
    ("issues", "text"),
    [
        (
            [{"severity": "error", "code": "processing", "diagnostics": "no such patient"}],
            "error: processing: no such patient",
        ),
        (
            [
                {"severity": "error", "code": "value", "details": {"text": "unit"}},
                {"severity": "warning", "code": "informational"},
            ],
            "error: value: unit; warning: informational",
        ),
        ([{"severity": 5, "details": "odd"}, "odd"], None),
        ([], None),
        ("odd", None),
    ],
)
def test_an_operation_outcome(issues: object, text: str | None) -> None:
    body = json.dumps({"resourceType": "OperationOutcome", "issue": issues}).encode()
    assert outcome_text(body) == text


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff"])
def test_no_operation_outcome(body: bytes) -> None:
    assert outcome_text(body) is None


def test_a_long_outcome_is_cut() -> None:
    issue = {"severity": "error", "code": "x", "diagnostics": "y" * 5000}
    assert len(outcome_text(json.dumps({"issue": [issue]}).encode()) or "") == LONGEST_TEXT


def test_a_server_that_is_not_there_is_tried_again() -> None:
    answer = FhirServer(FhirConfig(url=f"http://127.0.0.1:{free_port()}/fhir")).post("{}")
    assert (answer.verdict, answer.cause) == (Verdict.RETRY, "Connection refused")


def test_a_token_that_others_can_read_is_not_sent(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    token.chmod(0o644)
    url = f"http://127.0.0.1:{free_port()}/fhir"
    answer = FhirServer(FhirConfig(url=url, token_file=token)).post("{}")
    assert answer.verdict is Verdict.RETRY
    assert "chmod 600" in answer.cause


def test_unusable_certificates(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"\[fhir\] ca_file: cannot use"):
        FhirServer(FhirConfig(url="https://127.0.0.1/", ca_file=tmp_path / "ca.pem"))
