"""Which port a configured unit is on, and whether that has changed since one last looked."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from dynod.daemon.usb import DEV_ROOT, SYS_ROOT, PortInfo, paths_with_serial
from dynod.model.errors import DeviceError


@dataclass(frozen=True, slots=True)
class Place:
    """What the config says of a unit: its ``port``, its ``serial_number``, or both.

    The serial number is that of the USB device, or one that is only printed on the gauge.
    """

    port: str | None
    serial_number: str | None


def locate(place: Place, ports: Collection[PortInfo], others: Collection[Place] = ()) -> str:
    """Return the path to open for a place; ``ports`` is what there is, see ``find_ports``.

    ``others`` are the places of the other configured devices: what is theirs is not taken.
    Raises DeviceError, in one line, when no port or more than one fits.

    ======  =============  ===========================  ==========================================
    config  behind `port`  USB devices with the serial  result
    ======  =============  ===========================  ==========================================
    port    anything       (not asked)                  `port`; also one of two alike adapters
    port    nothing        (not asked)                  error: no such port
    serial  –              none                         error: not plugged in
    serial  –              one                          that one, whatever its name is today
    serial  –              two or more                  error: names them and their by-path names
    both    no USB         any                          `port` (a pty, a built-in port)
    both    USB            `port` is one of them        `port`; so it tells two equal serials apart
    both    USB, nothing   one, elsewhere               that one: the unit was plugged in elsewhere
    both    USB, nothing   two or more, elsewhere       error: names them and their by-path names
    both    USB            none                         `port`: the serial is the gauge's own
    both    another's      none                         error: names the serial that is there
    both    nothing        none                         error: no such port, and no such unit
    ======  =============  ===========================  ==========================================

    A link, as udev's by-id and by-path, counts as the port that it leads to. Two interfaces of one
    USB device are two ports with one serial. "Another's" is a USB device with the serial number of
    one of ``others``. Of the USB devices with the serial, one that is the `port` of another place
    without serial number does not count.
    """
    port = place.port or ""
    there = _leads_to(port)
    if place.serial_number is None:
        if there is None:
            raise DeviceError(f"{port}: no such port; plug the device in, or correct `port`")
        return port
    usb = {os.path.realpath(info.path): info for info in ports if info.is_usb}
    if there is not None and there not in usb:
        return port
    taken = {_leads_to(other.port) for other in others if other.port and not other.serial_number}
    fitting = {
        path: info
        for path, info in usb.items()
        if info.serial_number == place.serial_number and path not in taken
    }
    if there in fitting:
        return port
    if len(fitting) > 1:
        raise DeviceError(_which_of(list(fitting.values())))
    if fitting:
        return next(iter(fitting.values())).path
    return _port_without_serial(port, None if there is None else usb[there], others)


def signature(place: Place, sys_root: Path = SYS_ROOT, dev_root: Path = DEV_ROOT) -> object:
    """Return something to compare: it differs once what is behind a place came, went or changed.

    Takes a fraction of a millisecond and raises nothing. A change of a node's owner or mode counts
    as well, reading and writing do not.
    """
    paths = [] if place.port is None else [place.port]
    if place.serial_number is not None:
        paths += paths_with_serial(place.serial_number, sys_root, dev_root)
    return tuple((path, _node(path)) for path in paths)


def _node(path: str) -> tuple[object, ...] | None:
    try:
        link = os.lstat(path)
        real = os.path.realpath(path)
        node = os.stat(real)  # noqa: PTH116 - polled: a Path costs more than the call
    except (OSError, ValueError):
        return None
    # A pty's number is used again, within one tick of the clock; the link to it is then a new one.
    linked = (link.st_ino, link.st_ctime_ns)
    return real, linked, node.st_rdev, node.st_ino, node.st_ctime_ns


def _leads_to(port: str) -> str | None:
    # Path.exists raises where a folder is closed to this user.
    return os.path.realpath(port) if os.path.exists(port) else None  # noqa: PTH110


def _which_of(ports: Sequence[PortInfo]) -> str:
    found = " and ".join(port.path for port in ports)
    names = " or ".join(port.by_path or port.path for port in ports)
    return f"{found} have the same serial number: set `port` to the one that is meant, {names}"


def _port_without_serial(port: str, at_port: PortInfo | None, others: Collection[Place]) -> str:
    """Return ``port``, though its USB device has not the serial number that is configured."""
    if at_port is None:
        gone = f"{port}: no such port, and " if port else ""
        raise DeviceError(
            f"{gone}no USB device with the configured serial_number is plugged in; "
            "plug the device in, or correct `port` (`dynod devices list` shows what is there)"
        )
    serial = at_port.serial_number
    if serial is not None and serial in {other.serial_number for other in others}:
        raise DeviceError(
            f"{port}: the unit there has the serial_number of another device, {serial}; "
            "plug in the one that is configured, or correct `port`"
        )
    return port
