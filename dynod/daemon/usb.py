"""The serial ports of this machine, read from sysfs: what is plugged in, and where.

The links that are followed (Linux, Documentation/ABI/testing: sysfs-class-tty, sysfs-bus-usb)::

    class/tty/ttyUSB0 -> …/usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0    `device` is a usb-serial port
    class/tty/ttyACM0 -> …/usb1/1-1/1-1:1.0/tty/ttyACM0            `device` is the USB interface
    class/tty/ttyAMA0 -> …/soc/fe201000.serial/tty/ttyAMA0         `device` is the chip

Newer kernels put two folders of the bus ``serial-base`` between the chip and its tty.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

SYS_ROOT = Path("/sys")
DEV_ROOT = Path("/dev")

# Consoles and the like: never a port, and there are some seventy of them.
_VIRTUAL = re.compile(r"tty\d*|console|ptmx")
# The way from a tty's `device` to its USB interface. Not simply upwards: a Bluetooth port hangs
# below the dongle, whose identity is not that of the gauge.
_TO_INTERFACE = {"usb-serial": "..", "usb": "."}
_NO_HARDWARE = "0"  # PORT_UNKNOWN of the kernel's serial_core.h, in the attribute `type` of a tty


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A serial port of this machine and the USB identity behind it, where there is one.

    ``by_id`` and ``by_path`` are udev's stable names: for the unit, and for the socket it is in. Of
    two alike adapters without serial numbers only one has ``by_id``, and not always the same one.
    ``location`` is bus, sockets, configuration and interface, as ``1-1.2:1.0``. Texts come from the
    device; their control characters are escaped.
    """

    path: str
    description: str
    vendor_id: int | None = None
    product_id: int | None = None
    serial_number: str | None = None
    driver: str | None = None
    manufacturer: str | None = None
    product: str | None = None
    location: str | None = None
    by_id: str | None = None
    by_path: str | None = None
    latency_timer_ms: int | None = None

    @property
    def is_usb(self) -> bool:
        """Whether the port belongs to a USB device."""
        return self.vendor_id is not None


def find_ports(sys_root: Path = SYS_ROOT, dev_root: Path = DEV_ROOT) -> list[PortInfo]:
    """Return the serial ports of this machine, by path; ttyUSB10 comes after ttyUSB2.

    A port without hardware, without a node in ``dev_root``, or pulled out meanwhile is left out.
    """
    by_id = _links(dev_root / "serial/by-id")
    by_path = _links(dev_root / "serial/by-path")
    ports = []
    for name in _names(sys_root):
        try:
            port = _read_port(sys_root / "class/tty" / name, dev_root / name)
        except (OSError, ValueError):
            continue  # it was pulled out while it was read
        if port is not None:
            node = os.path.realpath(port.path)
            named = replace(
                port,
                by_id=by_id.get(node),
                by_path=by_path.get(node),
                latency_timer_ms=read_latency_ms(latency_timer(name, sys_root)),
            )
            ports.append(named)
    return sorted(ports, key=_by_number)


def paths_with_serial(
    serial_number: str, sys_root: Path = SYS_ROOT, dev_root: Path = DEV_ROOT
) -> list[str]:
    """Return the paths of the ports whose USB device has a serial number; cheap enough to poll."""
    return sorted(
        str(dev_root / name)
        for name in _names(sys_root)
        if _usb_serial_number(sys_root / "class/tty" / name / "device") == serial_number
    )


def latency_timer(name: str, sys_root: Path = SYS_ROOT) -> Path | None:
    """Return the file with the latency timer of a tty; None where its driver has none."""
    files = (
        sys_root / "class/tty" / name / "device/latency_timer",
        sys_root / "bus/usb-serial/devices" / name / "latency_timer",
    )
    return next((file for file in files if os.access(file, os.F_OK)), None)


def read_latency_ms(timer: Path | None) -> int | None:
    """Return what a latency timer is set to, in ms; None where there is none."""
    try:
        return None if timer is None else int(timer.read_bytes())
    except (OSError, ValueError):
        return None


def _names(sys_root: Path) -> list[str]:
    try:
        return [path.name for path in (sys_root / "class/tty").iterdir() if _may_be_port(path.name)]
    except OSError:
        return []


def _may_be_port(name: str) -> bool:
    return _VIRTUAL.fullmatch(name) is None


def _read_port(tty: Path, node: Path) -> PortInfo | None:
    """Read one port; None where there is no hardware. Raises OSError when it vanishes."""
    device = (tty / "device").resolve(strict=True)
    node.stat()
    to_interface = _TO_INTERFACE.get(_target(device / "subsystem"))
    if to_interface is not None:
        port = _usb_port(node, (device / to_interface).resolve(strict=True), device)
    elif _is_placeholder(tty, chip := _chip(device)):
        return None
    else:
        driver = _target(chip / "driver")
        port = PortInfo(str(node), f"{driver} port" if driver else node.name, driver=driver or None)
    (tty / "device").stat()  # a text that was missing may have been a device that was leaving
    return port


def _usb_port(node: Path, interface: Path, device: Path) -> PortInfo:
    usb = interface.parent
    product = _text(usb / "product")
    parts = [text for text in (product, _text(interface / "interface")) if text is not None]
    return PortInfo(
        str(node),
        " - ".join(parts) or node.name,
        vendor_id=int((usb / "idVendor").read_bytes(), 16),
        product_id=int((usb / "idProduct").read_bytes(), 16),
        serial_number=_text(usb / "serial"),
        driver=_target(device / "driver") or None,
        manufacturer=_text(usb / "manufacturer"),
        product=product,
        location=interface.name,
    )


def _usb_serial_number(device: Path) -> str | None:
    to_interface = _TO_INTERFACE.get(_target(device / "subsystem"))
    if to_interface is None:
        return None
    try:
        return _text(device / to_interface / "../serial")
    except OSError:
        return None


def _chip(device: Path) -> Path:
    """Return the device that has the hardware, above the folders of the bus serial-base."""
    while _target(device / "subsystem") == "serial-base":
        device = device.parent
    return device


def _is_placeholder(tty: Path, chip: Path) -> bool:
    """Tell whether a ttyS* only keeps a number free, for a port that could be plugged in."""
    kind = _text(tty / "type")
    if kind is not None:
        return kind == _NO_HARDWARE
    return (_target(chip / "subsystem"), _target(chip / "driver")) == ("platform", "serial8250")


def _target(link: Path) -> str:
    """Return the last name of what a link points at; "" where there is no link."""
    try:
        return link.readlink().name
    except OSError:
        return ""


def _text(file: Path) -> str | None:
    """Return an attribute in printable characters; None when missing or empty.

    Raises OSError when the device is gone.
    """
    try:
        text = file.read_bytes().decode("utf-8", "backslashreplace").strip(" \n")
    except FileNotFoundError:
        return None
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(escaped) or None


def _links(folder: Path) -> dict[str, str]:
    """Return the first link of a folder to each node, by what it leads to."""
    try:
        links = sorted(map(str, folder.iterdir()), reverse=True)
    except OSError:
        return {}
    return {os.path.realpath(link): link for link in links}


def _by_number(port: PortInfo) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", port.path)]
