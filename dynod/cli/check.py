"""``dynod check``."""

import os
from pathlib import Path

from dynod.cli.output import print_json, say
from dynod.config.site import load_site
from dynod.daemon.plan import DevicePlan, make_plan


def run_check(config_path: Path, *, as_json: bool) -> None:
    """Validate the config and everything that it names."""
    plan = make_plan(load_site(config_path, os.environ))
    config = plan.config
    report = {
        "config": str(config_path),
        "station": {"site": config.station.site, "name": config.station.name},
        "broker": plan.broker.address,
        "tls": plan.broker.tls,
        "storage": str(config.storage.path),
        "battery": config.session.battery,
        "confirm_change": plan.rules.confirm_change,
        "devices": [_device(device) for device in plan.devices],
        "certificates": len(plan.certificates),
    }
    if as_json:
        print_json(report)
        return
    say(f"{config_path}: ok")
    say(f"station   {config.station.site}/{config.station.name}")
    say(f"broker    {plan.broker.address}{', TLS' if plan.broker.tls else ''}")
    say(f"storage   {config.storage.path}")
    say(f"battery   {config.session.battery}, confirm_change {plan.rules.confirm_change}")
    for device in plan.devices:
        facts = _device(device)
        say(f"device    {facts['id']}: {facts['profile']} on {facts['port']}, {facts['trigger']}")
    if not plan.certificates and not config.calibration.allow_nominal:
        say("[yellow]no certificate: every trial will be invalid until a device is calibrated[/]")


def _device(device: DevicePlan) -> dict[str, object]:
    return {
        "id": device.identity.device_id,
        "profile": device.profile.name,
        "port": device.where.place.port or "the port of its serial number",
        "trigger": device.use.trigger.value,
        "axis": device.source.axis,
    }
