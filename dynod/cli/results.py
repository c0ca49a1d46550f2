"""``dynod results``."""

import os
from pathlib import Path
from typing import Any

from rich.table import Table

from dynod.cli.link import query
from dynod.cli.output import console, print_json, say
from dynod.cli.plot import plot
from dynod.config.site import load_site
from dynod.daemon.queries import result_show, results_list

_UNITS = {"peak_force_n": "N", "angle_deg": "deg"}


def run_list(config_path: Path, limit: int, *, as_json: bool) -> None:
    """List the newest trials."""
    rows = query(
        config_path,
        {"what": "results", "limit": limit},
        lambda store: results_list(store, limit),
    )
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("nothing was measured yet")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "recorded", "movement", "side", "trial", "value", "verdict"):
        table.add_column(heading, no_wrap=heading != "verdict")
    for row in rows:
        table.add_row(
            row["result_id"][:8],
            row["recorded_at"][5:16].replace("T", " "),
            row["movement"].removeprefix("hip_"),
            row["side"],
            f"{'try ' if row['familiarisation'] else ''}{row['trial_number']}",
            value_text(row),
            verdict(row),
        )
    console.print(table)


def run_show(config_path: Path, result_id: str, svg: Path | None, *, as_json: bool) -> None:
    """Show one trial, and draw it where that is asked for."""
    row = query(
        config_path,
        {"what": "result", "result_id": result_id},
        lambda store: result_show(store, result_id),
    )
    if svg is not None:
        from dynod.cli.trial_plot import of_row, write_trial_svg

        write_trial_svg(svg, of_row(row), load_site(config_path, os.environ).analysis)
    if as_json:
        print_json(row)
        return
    say(f"{row['movement']}, {row['side']}, trial {row['trial_number']}, {row['recorded_at']}")
    say(f"verdict      {verdict(row)}")
    for name, value in row["metrics"].items():
        say(f"{name:<22} {'not computable' if value is None else f'{value:.4g}'}")
    for name, note in row.get("metric_notes", {}).items():
        say(f"{name:<22} [yellow]{note.replace('_', ' ')}[/]")
    tare = "none" if row["tare_n"] is None else f"{row['tare_n']:.2f}"
    say(f"zero         {tare}; calibration {row['calibration']['status']}")
    if row.get("curve"):
        unit = _UNITS[row["quantity"]]
        say(plot(row["curve"]["t_s"], row["curve"]["value"], unit=unit))


def value_text(row: dict[str, Any]) -> str:
    """Return a trial's value with its unit."""
    if row["value"] is None:
        return "-"
    return f"{row['value']:.1f} {_UNITS[row['quantity']]}"


def verdict(row: dict[str, Any]) -> str:
    """Return a trial's verdict with its flags."""
    word = "[green]valid[/]" if row["valid"] else "[red]invalid[/]"
    if row["status"] == "entered-in-error":
        word = "[red]taken back[/]"
    return f"{word} {', '.join(row['flags'])}"
