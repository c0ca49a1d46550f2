"""``dynod results audit``."""

from pathlib import Path

from rich.table import Table

from dynod.cli.link import query
from dynod.cli.output import console, print_json, say
from dynod.daemon.queries import audit_list


def run_audit(config_path: Path, limit: int, *, as_json: bool) -> None:
    """Show who did what to the records, newest first."""
    rows = query(
        config_path, {"what": "audit", "limit": limit}, lambda store: audit_list(store, limit)
    )
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("nothing was changed, exported or removed yet")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("when", "what", "to", "who", "details"):
        table.add_column(heading, no_wrap=heading != "details")
    for row in rows:
        details = ", ".join(f"{key}: {value}" for key, value in row["detail"].items())
        table.add_row(
            row["at"][:16].replace("T", " "), row["action"], row["subject"], row["who"], details
        )
    console.print(table)
