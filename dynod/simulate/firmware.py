"""What a simulated device is to whoever runs it: bytes in, bytes out, told the time."""

from typing import Protocol


class Firmware(Protocol):
    """The program inside a simulated device. All times are seconds on one rising clock."""

    samples_sent: int

    def opened(self, now_s: float) -> None:
        """Note that somebody opened the port: many boards reset at that."""

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes from the host."""

    def advance(self, now_s: float) -> bytes:
        """Return what the device has sent until now."""

    def press(self, now_s: float) -> None:
        """Close the switch."""

    def release(self, now_s: float) -> None:
        """Open the switch."""
