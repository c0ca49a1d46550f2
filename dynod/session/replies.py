"""Refusals of the workflow, with the codes of docs/contract.md, section 4."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Why an input changed nothing."""

    INVALID_VALUE = "invalid_value"
    SESSION_RUNNING = "session_running"
    NO_SESSION = "no_session"
    WRONG_PHASE = "wrong_phase"
    NOT_FOUND = "not_found"
    AMBIGUOUS_DEVICE = "ambiguous_device"
    DEVICE_UNAVAILABLE = "device_unavailable"
    STORAGE = "storage"


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a failure of the program
    """An input that is refused; nothing changed. The message quotes no input value."""

    def __init__(self, code: ErrorCode, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
