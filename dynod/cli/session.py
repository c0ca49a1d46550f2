"""``dynod session``."""

from pathlib import Path

from dynod.cli.link import command
from dynod.cli.output import print_json, say
from dynod.model.errors import UsageError


def run_start(
    config_path: Path, details: dict[str, object], lever_arms: list[str], *, as_json: bool
) -> None:
    """Begin a session through the running daemon."""
    fields = {key: value for key, value in details.items() if value is not None}
    fields["patient"] = _patient(details["patient"])
    if lever_arms:
        fields["lever_arms_m"] = _lever_arms(lever_arms)
    reply = command(config_path, "session.start", **fields)
    if as_json:
        print_json(reply)
    else:
        say(f"session [bold]{reply['session_code']}[/] has begun; compare the code on the display")


def run_end(config_path: Path, *, as_json: bool) -> None:
    """End the session through the running daemon."""
    reply = command(config_path, "session.end")
    if as_json:
        print_json(reply)
    else:
        say("the session has ended; its results are on their way")


def _patient(text: object) -> dict[str, str] | None:
    if text is None:
        return None
    system, bar, number = str(text).partition("|")
    if not (system and bar and number):
        raise UsageError("--patient needs SYSTEM|ID, for instance 'urn:clinic:mrn|12345'")
    return {"system": system, "id": number}


def _lever_arms(texts: list[str]) -> dict[str, dict[str, float]]:
    arms: dict[str, dict[str, float]] = {}
    for text in texts:
        place, equals, metres = text.partition("=")
        movement, colon, side = place.partition(":")
        try:
            length = float(metres)
        except ValueError:
            length = -1.0
        if not (equals and colon and length > 0.0):
            raise UsageError(
                "--lever-arm needs MOVEMENT:SIDE=METRES, for instance hip_abduction:left=0.36"
            )
        arms.setdefault(movement, {})[side] = length
    return arms
