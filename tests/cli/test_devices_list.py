"""What is plugged in, and which models dynod knows."""

import json
from pathlib import Path
from typing import Any

import pytest

from dynod.config.profiles import load_profiles
from dynod.daemon.ports import PortInfo
from dynod.wire.profile import Profile, UsbMatch
from tests.cli.models import KEY, LINE, POLL, profiles, write_profiles
from tests.cli.program import Program

BOARD = PortInfo(
    "/dev/ttyACM0",
    "a board",
    0x2341,
    0x43,
    "SN-1",
    driver="cdc_acm",
    manufacturer="Arduino",
    product="Uno",
    by_id="/dev/serial/by-id/usb-Arduino_Uno_SN-1-if00",
    by_path="/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0",
)
ADAPTER = PortInfo(
    "/dev/ttyUSB0", "an adapter", 0x0403, 0x6001, "SN-2", driver="ftdi_sio", latency_timer_ms=16
)
BUILT_IN = PortInfo("/dev/ttyS0", "16550A")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "dynod.toml"
    path.touch()
    return path


def list_of(
    monkeypatch: pytest.MonkeyPatch, ports: list[PortInfo], known: dict[str, Profile] | None = None
) -> None:
    monkeypatch.setattr("dynod.cli.devices.find_ports", lambda: ports)
    if known is not None:
        names = dict.fromkeys(known, "proven")
        monkeypatch.setattr("dynod.cli.devices.load_profiles", lambda _: known)
        monkeypatch.setattr("dynod.cli.devices._proofs", lambda _: names)


def with_usb(known: dict[str, Profile], name: str, *ids: tuple[int, int]) -> dict[str, Profile]:
    usb = tuple(UsbMatch(vendor_id=vendor, product_id=product) for vendor, product in ids)
    return {**known, name: known[name].model_copy(update={"usb": usb})}


# -- ports ---------------------------------------------------------------------------------


def test_a_port_says_who_it_is_and_who_fits(
    dynod: Program, monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    known = with_usb(profiles(LINE, POLL), "quick_poll", (0x2341, 0x43))
    list_of(monkeypatch, [BOARD, ADAPTER, BUILT_IN], known)
    done = dynod("devices", "list", "-c", config)
    assert (done.code, done.err) == (0, "")
    board, adapter = done.out.partition("/dev/ttyUSB0")[::2]
    assert "/dev/ttyACM0  Arduino Uno (2341:0043, serial SN-1)" in board
    assert "port    /dev/serial/by-id/usb-Arduino_Uno_SN-1-if00" in board
    assert "fits    quick_poll" in board
    assert "ftdi_sio; passes bytes on after 16 ms" in adapter
    assert "no profile names this USB identity" in adapter
    assert "/dev/ttyS0  16550A, not USB" in adapter
    assert "beware" not in done.out


def test_two_ports_with_one_serial_number_are_marked(
    dynod: Program, monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    twin = PortInfo("/dev/ttyACM1", "a board", 0x2341, 0x43, "SN-1")
    list_of(monkeypatch, [BOARD, twin, ADAPTER])
    done = dynod("devices", "list", "-c", config)
    assert done.out.count("beware") == 2
    assert "/dev/ttyACM1 has the same serial number" in done.out
    report = json.loads(dynod("devices", "list", "--json", "-c", config).out)
    same = {port["path"]: port["same_serial_number"] for port in report["ports"]}
    assert same == {
        "/dev/ttyACM0": ["/dev/ttyACM1"],
        "/dev/ttyACM1": ["/dev/ttyACM0"],
        "/dev/ttyUSB0": [],
    }


def test_adapters_without_serial_numbers_are_no_twins(
    dynod: Program, monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    cheap = [PortInfo(f"/dev/ttyUSB{k}", "CH340", 0x1A86, 0x7523) for k in range(2)]
    list_of(monkeypatch, cheap)
    done = dynod("devices", "list", "-c", config)
    assert "beware" not in done.out
    assert "no serial number" in done.out


def test_ports_as_json(dynod: Program, monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    known = with_usb(profiles(LINE, POLL), "quick_line", (0x2341, 0x43))
    list_of(monkeypatch, [BOARD, BUILT_IN], known)
    report = json.loads(dynod("devices", "list", "--json", "-c", config).out)
    board, built_in = report["ports"]
    assert (board["usb"], board["fits"]) == ("2341:0043", ["quick_line"])
    assert (built_in["usb"], built_in["fits"]) == (None, [])
    wanted = {"by_id", "by_path", "driver", "latency_timer_ms", "manufacturer", "product"}
    assert wanted <= set(board)


# -- profiles ------------------------------------------------------------------------------


def test_every_profile_and_variant_is_listed_in_eighty_columns(
    dynod: Program, monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    list_of(monkeypatch, [])
    done = dynod("devices", "list", "-c", config)
    assert done.code == 0
    assert "no serial port on this machine" in done.out
    lines = done.out.splitlines()
    for profile in load_profiles(None).values():
        name = profile.name if profile.variant is None else f" /{profile.variant}"
        row = next(line for line in lines if line.startswith(f"{name} "))
        if profile.variant is None:
            assert row.endswith(", ".join(profile.open_questions))
    assert max(map(len, lines)) <= 90
    assert all(len(line) <= 80 for line in lines if "  " in line)


def test_what_is_said_of_a_profile(
    dynod: Program, monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    list_of(monkeypatch, [], profiles(LINE, POLL, KEY))
    lines = [line.split() for line in dynod("devices", "list", "-c", config).out.splitlines()]
    assert ["quick_line", "100", "Hz", "yes"] in lines
    assert ["quick_poll", "≤50", "Hz", "no"] in lines
    assert ["quick_key", "by", "hand", "its", "key"] in lines


def test_profiles_as_json(dynod: Program, monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    list_of(monkeypatch, [])
    report = json.loads(dynod("devices", "list", "--json", "-c", config).out)
    found: dict[str, Any] = {item["name"]: item for item in report["profiles"]}
    assert set(found) == set(load_profiles(None))
    assert {item["proof"] for item in found.values()} <= {"proven", "unproven"}
    gauge = found["chronojump_force_sensor"]
    assert (gauge["has_button"], gauge["baudrate"], gauge["line"]) == (True, 115200, "8N1")
    assert gauge["hardware"] == "never"
    assert found["wagner_fdv"]["single_reading"]
    assert found["imada_zts"]["experimental"]
    assert found["witmotion_wt901"]["can_be_configured"]


def test_a_site_sees_its_own_profiles(
    dynod: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = write_profiles(tmp_path, {"quick_line": LINE})
    list_of(monkeypatch, [])
    done = dynod("devices", "list", "-c", config)
    assert "Quick line (unproven, never on hardware)" in done.out


def test_a_config_that_was_named_must_be_there(dynod: Program, tmp_path: Path) -> None:
    missing = dynod("devices", "list", "-c", tmp_path / "dynod.toml")
    assert (missing.code, missing.out) == (3, "")
