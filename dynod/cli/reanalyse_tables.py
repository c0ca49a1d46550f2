"""How ``dynod reanalyse`` shows what changes."""

from collections import Counter
from typing import Any

from rich.markup import escape
from rich.table import Table

from dynod.cli.output import console, say

_UNITS = {"peak_force_n": "N", "angle_deg": "deg"}


def show_session(session: dict[str, Any]) -> None:
    """Print what changes in a session, and what was left out of it."""
    say(f"[bold]session {session['session_id'][:8]}[/], {_minute(session['started_at'])}")
    if session["trials"]:
        console.print(_trials(session["trials"]))
    if session["deficits"]:
        console.print(_deficits(session["deficits"]))
    for note in dict.fromkeys(note for trial in session["trials"] for note in trial["notes"]):
        say(f"[yellow]{escape(note)}[/]")
    reasons = Counter(item["reason"] for item in session["left_out"])
    for reason, count in reasons.items():
        whole = session["left_out"][0]["result_id"] is None
        what = "left out" if whole else f"left out, {_many(count, 'trial')}"
        say(f"[yellow]{what}: {escape(reason)}[/]")


def show_total(total: dict[str, int], *, applied: bool) -> None:
    """Print what a run came to."""
    left_out = f"; left out: {_many(total['left_out'], 'trial')}" if total["left_out"] else ""
    looked_at = _many(total["trials"], "trial")
    if not total["trials_changed"]:
        say(f"nothing changes in {looked_at}{left_out}")
        return
    say(
        f"{'changed' if applied else 'would change'}: {total['trials_changed']} of {looked_at},"
        f" {_many(total['deficits_changed'], 'deficit')},"
        f" in {_many(total['sessions_changed'], 'session')}{left_out}"
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading not in {"certificate", "verdict"})
    return table


def _trials(rows: list[dict[str, Any]]) -> Table:
    table = _table("trial", "of", "value", "certificate", "verdict")
    for row in rows:
        before, after = row["before"], row["after"]
        practice = "try " if row["familiarisation"] else ""
        table.add_row(
            row["result_id"][:8],
            f"{row['movement'].removeprefix('hip_')} {row['side']} {practice}{row['trial_number']}",
            f"{_number(before['value'])} → {_number(after['value'])} {_UNITS[row['quantity']]}",
            _arrow(_calibration(before), _calibration(after)),
            _arrow(_verdict(before), _verdict(after)),
        )
    return table


def _deficits(rows: list[dict[str, Any]]) -> Table:
    table = _table("deficit", "of", "value", "verdict")
    for row in rows:
        before, after = row["before"], row["after"]
        table.add_row(
            row["result_id"][:8],
            row["movement"].removeprefix("hip_"),
            f"{_difference(before)} → {_difference(after)}",
            _arrow(_class(before), _class(after)),
        )
    return table


def _arrow(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"


def _verdict(state: dict[str, Any]) -> str:
    word = "valid" if state["valid"] else "invalid"
    return f"{word} {', '.join(state['flags'])}".strip()


def _calibration(state: dict[str, Any]) -> str:
    name = state["certificate_id"]
    return state["calibration"] if name is None else f"{name} {state['calibration']}"


def _class(state: dict[str, Any] | None) -> str:
    if state is None:
        return "none"
    reason = f" ({state['reason']})" if state["reason"] else ""
    return str(state["classification"]).replace("_", " ") + reason.replace("_", " ")


def _difference(state: dict[str, Any] | None) -> str:
    if state is None:
        return "-"
    if state["deficit_deg"] is not None:
        return f"{_number(state['deficit_deg'])} deg"
    percent = state["deficit_percent"]
    return "-" if percent is None else f"{_number(percent)} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
