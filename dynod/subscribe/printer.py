"""A subscriber that prints what the record system receives, and sends a receipt for each.

A process of its own: ``python -m dynod.subscribe.printer --port 1883 --root dynod/v1/site/name``.
It keeps one revision of each result, drops what it has, and ends after the session's result.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any, TextIO

from dynod.model.errors import BrokerError
from dynod.publish.broker import BrokerSettings, Inbound, Outgoing
from dynod.publish.connection import BrokerConnection


class ResultPrinter:
    """Prints results, counts sequence numbers, sends receipts."""

    def __init__(
        self, settings: BrokerSettings, root: str, out: TextIO, log: TextIO | None
    ) -> None:
        self._root = root
        self._out = out
        self._log = log
        self._revisions: dict[str, int] = {}
        self._done = asyncio.Event()
        self._connection = BrokerConnection(
            settings,
            filters=(f"{root}/results/+",),
            on_connected=self._connected,
            on_message=self._message,
        )

    async def run(self) -> None:
        """Receive until the session's result came."""
        running = asyncio.create_task(self._connection.run())
        await self._done.wait()
        await self._connection.close()
        await running

    async def _connected(self) -> None:
        self._print("subscribed, waiting for results")

    async def _message(self, message: Inbound) -> None:
        if message.topic.endswith("/fhir"):
            return  # a Bundle is for machines; it says what was printed already
        result = json.loads(message.payload)
        known = self._revisions.get(result["result_id"], 0)
        if result["revision"] > known:
            self._revisions[result["result_id"]] = result["revision"]
            self._print(describe(result))
            if self._log is not None:
                self._log.write(json.dumps(result) + "\n")
                self._log.flush()
        await self._receipt(result)
        if result["schema"].startswith("dynod.session/"):
            self._done.set()

    async def _receipt(self, result: dict[str, Any]) -> None:
        receipt = {"result_id": result["result_id"], "revision": result["revision"]}
        payload = json.dumps({"receipts": [receipt]}).encode()
        try:
            await self._connection.publish(Outgoing(f"{self._root}/receipts", payload))
        except BrokerError:
            self._print("the receipt did not get through; it goes with the next delivery")

    def _print(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


def describe(result: dict[str, Any]) -> str:
    """Return one line about a result, without its patient."""
    head = f"#{result['sequence']:<3}"
    match result["schema"].split("/")[0]:
        case "dynod.trial":
            return f"{head}{_trial(result)}"
        case "dynod.deficit":
            return f"{head}{_deficit(result)}"
        case _:
            trials, deficits = len(result["trials"]), len(result["deficits"])
            return f"{head}session ended: {trials} trials, {deficits} deficits"


def _trial(result: dict[str, Any]) -> str:
    test, metrics, quality = result["test"], result["metrics"], result["quality"]
    name = "angle_deg" if "angle_deg" in metrics else "peak_force_n"
    value = metrics[name]
    shown = "no value" if value is None else f"{value:.1f} {'N' if name[0] == 'p' else 'deg'}"
    verdict = "valid" if quality["valid"] else "INVALID"
    flags = ", ".join(flag for flag in quality["flags"] if flag != "uncalibrated")
    verdict += f" ({flags})" if flags else ""
    where = f"{test['movement']} {test['side']} {result['trial_number']}"
    return f"trial   {where:<22} {shown:>9}  {verdict}"


def _deficit(result: dict[str, Any]) -> str:
    word = result["classification"]
    for unit, sign in (("percent", " %"), ("deg", " deg")):
        deficit, interval = result.get(f"deficit_{unit}"), result.get(f"ci95_{unit}")
        if deficit is not None and interval is not None:
            low, high = interval
            spread = f"{deficit:.1f}{sign} [{low:.1f}, {high:.1f}]"
            return f"deficit {result['movement']:<16} {spread}  {word}"
    return f"deficit {result['movement']:<16} {word} ({result.get('reason')})"


def main() -> None:
    """Run as a process."""
    parser = argparse.ArgumentParser(prog="dynod.subscribe.printer", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--root", required=True, help="dynod/v1/{site}/{name}")
    parser.add_argument("--log", type=Path, help="write each result as a line of JSON here")
    arguments = parser.parse_args()
    settings = BrokerSettings(arguments.host, arguments.port, client_id="record-system")
    log = arguments.log.open("w", encoding="utf-8") if arguments.log else None
    try:
        asyncio.run(_run(settings, arguments.root, log))
    finally:
        if log is not None:
            log.close()


async def _run(settings: BrokerSettings, root: str, log: TextIO | None) -> None:
    await ResultPrinter(settings, root, sys.stdout, log).run()


if __name__ == "__main__":
    main()
