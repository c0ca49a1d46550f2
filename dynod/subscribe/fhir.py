"""Posting a Bundle to a FHIR server, and what its answer means."""

import json
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from dynod.config.secret_files import read_secret
from dynod.config.subscriber import FhirConfig
from dynod.model.errors import ConfigError

MEDIA_TYPE = "application/fhir+json"
LONGEST_ANSWER_BYTES = 64 * 1024
LONGEST_TEXT = 1000

# Not about this Bundle: a token that ran out, a server that is busy.
_PASSING = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


class Verdict(StrEnum):
    """What an answer means for the Bundle."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """It will never be taken as it is."""
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Answer:
    """How the server answered. ``cause`` may be logged; ``text`` may name the patient."""

    verdict: Verdict
    cause: str
    text: str | None = field(default=None, repr=False)


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would take token and patient elsewhere, and make a GET of the POST."""

    def redirect_request(self, *_details: Any, **_more: Any) -> None:
        """Follow none."""


class FhirServer:
    """A FHIR base address; ``post`` blocks, so it belongs into a thread."""

    def __init__(self, config: FhirConfig) -> None:
        """Raise ConfigError when the certificates cannot be used."""
        self._config = config
        try:
            context = ssl.create_default_context(cafile=config.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"[fhir] ca_file: cannot use {config.ca_file}; it must be readable and hold"
                " certificates in PEM form"
            ) from error
        self._opener = build_opener(HTTPSHandler(context=context), _NoRedirects())

    def post(self, payload: str) -> Answer:
        """Post a transaction Bundle and return what came of it."""
        headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE, "User-Agent": "dynod"}
        if self._config.token_file is not None:
            try:  # each time, so that a new token needs no restart
                headers["Authorization"] = f"Bearer {read_secret(self._config.token_file)}"
            except ConfigError as error:
                return Answer(Verdict.RETRY, str(error))
        request = Request(  # noqa: S310 - the config allows http and https alone
            self._config.url, payload.encode(), headers, method="POST"
        )
        try:
            with self._opener.open(request, timeout=self._config.timeout_s) as response:
                response.read(LONGEST_ANSWER_BYTES)
                return Answer(Verdict.DELIVERED, f"HTTP {response.status}")
        except HTTPError as error:
            with error:
                return _judge(error.code, _body(error))
        except (OSError, HTTPException) as error:
            return Answer(Verdict.RETRY, _reason(error))


def _judge(status: int, body: bytes) -> Answer:
    refused = 400 <= status < 500 and status not in _PASSING
    verdict = Verdict.REFUSED if refused else Verdict.RETRY
    return Answer(verdict, f"HTTP {status}", outcome_text(body))


def _body(error: HTTPError) -> bytes:
    try:
        return error.read(LONGEST_ANSWER_BYTES)
    except (OSError, HTTPException):
        return b""


def _reason(error: Exception) -> str:
    """Return what went wrong on the way, in the system's own words."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {inner.verify_message}"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return type(inner).__name__


def outcome_text(body: bytes) -> str | None:
    """Return what an OperationOutcome says, at most `LONGEST_TEXT` characters; else None."""
    try:
        outcome = json.loads(body)
    except ValueError:
        return None
    issues = outcome.get("issue") if isinstance(outcome, dict) else None
    if not isinstance(issues, list):
        return None
    said = [_issue(issue) for issue in issues if isinstance(issue, dict)]
    return "; ".join(said)[:LONGEST_TEXT] or None


def _issue(issue: dict[str, Any]) -> str:
    details = issue.get("details")
    words = [
        issue.get("severity"),
        issue.get("code"),
        details.get("text") if isinstance(details, dict) else None,
        issue.get("diagnostics"),
    ]
    return ": ".join(word for word in words if isinstance(word, str))
