"""``dynod demo``: the real daemon, simulated devices, an embedded broker, a scripted session."""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dynod.cli.output import console, print_json, say
from dynod.cli.plot import plot
from dynod.daemon.control_client import ControlClient
from dynod.model.errors import DynodError
from dynod.simulate.stage import SCRIPT, Stage
from dynod.simulate.therapist import Therapist

DEVICES = 2
TRIALS = 15  # fourteen slots of the battery `demo`, and one of them twice
LONGEST_S = 150.0

_INTRODUCTION = """\
[bold]dynod demo[/]: a therapist tests both hips of a patient whose left side is weaker.

  simulated dynamometer ─┐
                         ├─ serial ─▶ [bold]dynod run[/] ─▶ MQTT broker ─▶ record system
  simulated inclinometer ┘

Devices, patient and therapist are simulated; everything else is the real thing.
The therapist presses the dynamometer's switch; once the patient stops too early.
"""
_WORDS = {
    "within_error": "within error",
    "exceeds_error": "[yellow]> error[/]",
    "exceeds_error_and_threshold": "[red]> error, > {limit}[/]",
}


class DemoError(DynodError):
    """The demo did not come to its end."""

    exit_code = 4


def run_demo(*, as_json: bool) -> None:
    """Run the demo; prints what happens, or one JSON object of all published results."""
    with tempfile.TemporaryDirectory(prefix="dynod-demo-") as name:
        folder = Path(name)
        if not as_json:
            say(_INTRODUCTION)
        with Stage(folder) as stage, _process(stage, "daemon", _daemon(stage)) as daemon:
            curve = asyncio.run(_play(stage, daemon, as_json=as_json))
        received = _received(folder)
    if as_json:
        print_json({"results": received})
    else:
        _show(received, curve)


async def _play(stage: Stage, daemon: subprocess.Popen[bytes], *, as_json: bool) -> dict[str, Any]:
    """Let the therapist work while the record system listens; return a curve to show."""
    progress = Progress(
        TextColumn("[bold]{task.description:<34}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} trials"),
        TimeElapsedColumn(),
        console=console,
        disable=as_json,
    )
    with progress:
        bar = progress.add_task("waiting for the devices", total=TRIALS)
        seen: set[str] = set()

        def told(state: dict[str, Any]) -> None:
            last = state["last_trial"]
            if last is not None:
                seen.add(last["result_id"])
            progress.update(bar, description=_headline(state), completed=len(seen))

        therapist = Therapist(
            stage.client("therapist"),
            stage.topics,
            stage.dynamometer,
            stage.force,
            stage.tilt,
            SCRIPT,
            told,
        )
        subscriber = await _subscriber(stage)
        try:
            async with asyncio.timeout(LONGEST_S):
                async with asyncio.TaskGroup() as tasks:
                    listening = tasks.create_task(_listen(subscriber, progress))
                    leading = tasks.create_task(therapist.run(DEVICES))
                    watching = tasks.create_task(_alive(daemon, stage.folder))
                    await leading
                    await listening
                    watching.cancel()
        except TimeoutError as error:
            raise DemoError(f"the demo did not end within {LONGEST_S:g} s") from error
        except BaseExceptionGroup as group:
            raise (group.subgroup(DynodError) or group).exceptions[0] from group
        finally:
            if subscriber.returncode is None:
                subscriber.terminate()
                await subscriber.wait()
        return _best_curve(stage)


async def _subscriber(stage: Stage) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dynod.subscribe.printer",
        f"--port={stage.broker.port}",
        f"--root={stage.topics.root}",
        f"--log={stage.folder / 'received.jsonl'}",
        stdout=asyncio.subprocess.PIPE,
    )


async def _listen(subscriber: asyncio.subprocess.Process, progress: Progress) -> None:
    """Show what the record system prints, until it has the session's result."""
    if subscriber.stdout is None:
        raise RuntimeError("the subscriber has no output")
    async for line in subscriber.stdout:
        if not progress.disable:
            progress.console.print(f"[cyan]record system ◂[/] {line.decode().rstrip()}")
    await subscriber.wait()


async def _alive(daemon: subprocess.Popen[bytes], folder: Path) -> None:
    """Raise DemoError when the daemon ends before its time."""
    while daemon.poll() is None:  # noqa: ASYNC110 - a process has no event to wait for
        await asyncio.sleep(0.5)
    lines = (folder / "daemon.log").read_text(encoding="utf-8").splitlines()
    raise DemoError(f"the daemon ended: {lines[-1] if lines else 'without a word'}")


def _headline(state: dict[str, Any]) -> str:
    if state["phase"] == "complete":
        return "all done"
    wanted = state["next"]
    if wanted is None:
        return str(state["phase"])
    return f"{wanted['movement']} {wanted['side']} {wanted['trial_number']} ({state['phase']})"


def _daemon(stage: Stage) -> list[str]:
    return [sys.executable, "-m", "dynod", "run", f"--config={stage.config}"]


@contextmanager
def _process(stage: Stage, name: str, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process with its output in a file; end it as systemd would."""
    with (stage.folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own program
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _best_curve(stage: Stage) -> dict[str, Any]:
    """Return the strongest valid force trial with its curve."""
    with ControlClient(stage.folder / "control.sock") as client:
        answer = client.ask({"op": "query", "what": "results", "limit": 100})
        rows: list[dict[str, Any]] = answer["answer"]  # type: ignore[assignment]
        valid = [row for row in rows if row["valid"] and row["quantity"] == "peak_force_n"]
        best = max(valid, key=lambda row: row["value"])
        shown = client.ask({"op": "query", "what": "result", "result_id": best["result_id"]})
    curve: dict[str, Any] = shown["answer"]  # type: ignore[assignment]
    return curve


def _received(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "received.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _show(received: list[dict[str, Any]], curve: dict[str, Any]) -> None:
    say(f"\nOne pull: {curve['movement']}, {curve['side']}, peak {curve['value']:.1f} N")
    say(plot(curve["curve"]["t_s"], curve["curve"]["value"], unit="N"))
    say("\nSide to side, as the record system has it:")
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold underline")
    for heading in ("movement", "left", "right", "deficit", "95 % interval", "verdict"):
        table.add_column(heading, no_wrap=True)
    for result in received:
        if result["schema"].startswith("dynod.deficit/"):
            table.add_row(*_row(result))
    console.print(table)
    trials = [result for result in received if result["schema"].startswith("dynod.trial/")]
    invalid = sum(not trial["quality"]["valid"] for trial in trials)
    say(
        f"{len(trials)} trials were published, {invalid} of them invalid and in no average.\n"
        "The left side is called weaker only where the interval leaves out zero."
    )


def _row(result: dict[str, Any]) -> list[str]:
    quantity = {"peak_torque_nm": "Nm", "peak_force_n": "N", "angle_deg": "deg"}
    unit = quantity[result["quantity"]]
    angle = unit == "deg"
    deficit = result["deficit_deg" if angle else "deficit_percent"]
    low, high = result["ci95_deg" if angle else "ci95_percent"]
    sign = "°" if angle else " %"
    return [
        f"{result['movement'].removeprefix('hip_')}{' range' if angle else ''}",
        f"{result['left']['value']:.1f} {unit}",
        f"{result['right']['value']:.1f} {unit}",
        f"{deficit:+.1f}{sign}",
        f"{low:+.1f}…{high:+.1f}{sign}",
        _WORDS[result["classification"]].format(limit=_limit(result)),
    ]


def _limit(result: dict[str, Any]) -> str:
    if "threshold_percent" in result:
        return f"{result['threshold_percent']:g} %"
    return f"{result.get('threshold_deg')}°"
