"""``dynod outbox``."""

from pathlib import Path

from rich.table import Table

from dynod.cli.link import query
from dynod.cli.output import console, print_json, say
from dynod.daemon.queries import outbox_list


def run_outbox(config_path: Path, limit: int, state: str | None, *, as_json: bool) -> None:
    """Show how many results wait, went out and were received, and the newest of them."""
    found = query(
        config_path,
        {"what": "outbox", "limit": limit, "state": state},
        lambda store: outbox_list(store, limit, state),
    )
    if as_json:
        print_json(found)
        return
    say(f"stream {found['stream']}, last number {found['last_sequence']}")
    say(
        f"{found['pending']} wait for the broker, {found['sent']} are with it,"
        f" {found['received']} were received"
    )
    if not found["messages"]:
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("number", "state", "kind", "result", "revision", "sent"):
        table.add_column(heading, no_wrap=True)
    for row in found["messages"]:
        table.add_row(
            str(row["sequence"]),
            row["state"],
            row["kind"],
            row["result_id"],
            str(row["revision"]),
            f"{row['attempts']} times",
        )
    console.print(table)
