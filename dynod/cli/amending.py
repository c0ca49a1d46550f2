"""``dynod results void`` and ``dynod results resend``: through the running daemon."""

from pathlib import Path
from typing import Any

from dynod.cli.link import command
from dynod.cli.output import print_json, say


def run_void(config_path: Path, result_id: str, reason: str, by: str, *, as_json: bool) -> None:
    """Take a result back as entered in error."""
    reply = command(config_path, "result.void", result_id=result_id, reason=reason, by=by)
    if as_json:
        print_json(reply)
    else:
        say("the result was taken back; what rests on it follows")


def run_resend(
    config_path: Path, first: int, last: int, stream: str | None, *, as_json: bool
) -> None:
    """Have results go out again; without ``stream`` those of the station's own database."""
    if stream is None:
        stream = command(config_path, "status.get")["status"]["stream"]
    reply = command(
        config_path, "results.resend", stream=stream, from_sequence=first, to_sequence=last
    )
    if as_json:
        print_json(reply)
        return
    say(f"on their way once more: {reply['count']}")
    for item in reply["purged"]:
        say(f"[yellow]removed from this station: {_numbers(item)}[/]")


def _numbers(item: dict[str, Any]) -> str:
    first, last = item["from_sequence"], item["to_sequence"]
    return f"number {first}" if first == last else f"numbers {first} to {last}"
