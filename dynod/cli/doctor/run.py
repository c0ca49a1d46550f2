"""Looks at everything that a station needs, each thing by itself, and prints a line for each."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from dynod.cli.doctor import machine, ports, rights, service, stored
from dynod.cli.doctor.findings import Finding, State, looked, ok, problem
from dynod.cli.output import console, print_json
from dynod.config.load import load_config
from dynod.config.site import Site, load_site
from dynod.daemon.plan import make_plan
from dynod.model.errors import DynodError

_MARKS = {State.OK: ("✓", "green"), State.NOTE: ("–", "yellow"), State.PROBLEM: ("✗", "red")}


def run_doctor(config_path: Path, *, as_json: bool) -> None:
    """Look at the station; exits 1 when there is a problem."""
    findings = list(_all(config_path))
    problems = sum(finding.state is State.PROBLEM for finding in findings)
    if as_json:
        rows = [{"item": f.item, "state": f.state.value, "text": f.text} for f in findings]
        print_json({"problems": problems, "findings": rows})
    else:
        _print(findings, problems)
    if problems:
        sys.exit(1)


def _print(findings: list[Finding], problems: int) -> None:
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        sign, style = _MARKS[finding.state]
        table.add_row(Text(sign, style), Text(finding.item, no_wrap=True), Text(finding.text))
    console.print(table)
    if problems:
        console.print(f"{problems} problem{'s' if problems > 1 else ''}")
    else:
        console.print("no problem was found")


def _all(config_path: Path) -> Iterator[Finding]:
    yield from looked("program", machine.python)
    yield from looked("clock", machine.clock)
    yield from looked("power", machine.power)
    yield from looked("heat", machine.heat)
    yield from looked("service", service.unit)
    yield from looked("ModemManager", ports.modem_manager)
    yield from _station(config_path)


def _station(config_path: Path) -> Iterator[Finding]:
    """Look at what the config names. With one that cannot be used, at what can be known of it."""
    try:
        site = load_site(config_path, os.environ)
    except DynodError as error:
        for line in str(error).splitlines():
            yield problem("config", line)
        yield from _with_half_a_config(config_path)
        return
    count = len(site.config.devices)
    yield ok("config", f"{config_path}, {count} device{'' if count == 1 else 's'}")
    yield from _with(site)


def _with_half_a_config(config_path: Path) -> Iterator[Finding]:
    try:
        config = load_config(config_path, os.environ)
    except DynodError:
        return  # its lines were told
    storage = config.storage
    yield from looked("disk", lambda: machine.disk(storage.path.parent, storage.floor_mb))
    yield from looked("database", lambda: stored.database(storage, used=False))


def _with(site: Site) -> Iterator[Finding]:
    storage, socket = site.config.storage, site.config.control.socket
    found: service.Running | None = None
    try:
        found = service.running(socket)
    except DynodError as error:
        yield problem("daemon", str(error))
    else:
        yield from looked("daemon", lambda: service.daemon(found, socket))
    yield from looked("rights", lambda: rights.rights(site))
    pid = None if found is None else found.pid
    yield from looked("disk", lambda: machine.disk(storage.path.parent, storage.floor_mb))
    yield from looked("database", lambda: stored.database(storage, used=found is not None))
    yield from looked("backup", lambda: stored.copies(storage))
    yield from looked("ports", lambda: ports.ports(site, pid))
    yield from looked("profiles", lambda: ports.profiles(site))
    if found is not None:
        running = found
        yield from looked("devices", lambda: service.devices(running))
    else:
        yield from looked("calibration", lambda: _calibration(site))
    yield from looked("broker", lambda: _broker(site))


def _calibration(site: Site) -> Iterator[Finding]:
    from dynod.cli.doctor.calibration import calibration

    yield from calibration(site)


def _broker(site: Site) -> Iterator[Finding]:
    # Connecting needs the whole of the MQTT library, which nothing before it does.
    from dynod.cli.doctor.broker import broker, no_receipts

    yield from broker(make_plan(site).broker)
    yield from no_receipts(site.config.broker.receipts == "required")
