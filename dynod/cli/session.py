"""``dynod session``."""

from pathlib import Path

from rich.table import Table

from dynod.cli.link import command, query
from dynod.cli.output import console, print_json, say
from dynod.daemon.queries import MOST_ROWS, sessions_list
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


def run_assign(
    config_path: Path, session_id: str, details: dict[str, object], *, as_json: bool
) -> None:
    """Say whose session it is, through the running daemon."""
    patient: dict[str, object] = {**(_patient(details["patient"]) or {})}
    patient |= {key: details[key] for key in ("sex", "birth_year") if details[key] is not None}
    whole = _whole_id(config_path, session_id)
    reply = command(config_path, "session.assign", session_id=whole, patient=patient)
    if as_json:
        print_json(reply)
    else:
        say("the session has its patient; its results are on their way")


def run_list(config_path: Path, limit: int, *, as_json: bool) -> None:
    """List the newest sessions."""
    rows = query(
        config_path,
        {"what": "sessions", "limit": limit},
        lambda store: sessions_list(store, limit),
    )
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("no session was begun yet")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("session", "code", "battery", "started", "ended", "trials", "patient"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(
            row["session_id"][:8],
            row["session_code"],
            row["battery"],
            _moment(row["started_at"]),
            "[green]runs[/]" if row["ended_at"] is None else _moment(row["ended_at"]),
            str(row["trials"]),
            "yes" if row["assigned"] else "[yellow]none yet[/]",
        )
    console.print(table)


def _whole_id(config_path: Path, named: str) -> str:
    """Return the id of the one session whose id begins so, or whose code it is."""
    rows = query(
        config_path,
        {"what": "sessions", "limit": MOST_ROWS},
        lambda store: sessions_list(store, MOST_ROWS),
    )
    ids = {
        str(row["session_id"])
        for row in rows
        if named and (row["session_id"].startswith(named.lower()) or row["session_code"] == named)
    }
    if len(ids) != 1:
        found = "several sessions are" if ids else "no session is"
        raise UsageError(f"{found} called so; `dynod session list --json` shows whole ids")
    return ids.pop()


def _moment(text: str) -> str:
    return text[5:16].replace("T", " ")


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
