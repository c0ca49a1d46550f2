"""The strict model of a device profile: what is on the wire, in the field's own words."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dynod.model.clinical import Kind
from dynod.model.samples import SampleStatus
from dynod.model.units import Unit, base_unit, factor_to_base

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# What is sent or awaited: printable ASCII, so that it can be sent and shown.
Phrase = Annotated[str, Field(min_length=1, pattern=r"^[ -~\r\n]+$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SerialLine(_Part):
    """How the line is set by default; a site may override the baud rate."""

    baudrate: Annotated[int, Field(gt=0)] | None = None
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1


class UsbMatch(_Part):
    """A USB identity that this device is known to have."""

    vendor_id: Annotated[int, Field(ge=0, le=0xFFFF)]
    product_id: Annotated[int, Field(ge=0, le=0xFFFF)]


class DelimitedLine(_Part):
    """One sample a line: columns of plain decimal numbers between separators.

    ``columns`` names what each holds: ``stamp`` or a channel. ``events`` maps press and release
    to the text that stands in place of the first channel. ``replies`` are the beginnings of lines
    that answer commands.
    """

    kind: Literal["delimited_line"]
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    separator: Annotated[str, Field(pattern=r"^[ \t,;:|/]$")] = ";"
    events: dict[Literal["press", "release"], Annotated[str, Field(min_length=1)]] = {}
    replies: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    max_bytes: Annotated[int, Field(ge=32, le=4096)] = 64  # the longest sample has 25


class IntegerField(_Part):
    """A channel inside a frame: where it stands and what one count of it is worth."""

    offset: Annotated[int, Field(ge=0)]
    type: Literal["i16le", "i16be", "u16le", "u16be"]
    scale: Annotated[float, Field(allow_inf_nan=False)]


class FixedFrame(_Part):
    """Frames of one length: mark, id byte, data, and the low byte of the sum as the last byte.

    ``sample_id`` is the frame that carries the channels; ``other_ids`` are valid and passed over.
    """

    kind: Literal["fixed_frame"]
    length: Annotated[int, Field(ge=3, le=256)]
    mark: Annotated[int, Field(ge=0, le=255)]
    sample_id: Annotated[int, Field(ge=0, le=255)]
    other_ids: tuple[Annotated[int, Field(ge=0, le=255)], ...] = ()
    checksum: Literal["sum8"] = "sum8"
    fields: dict[str, IntegerField]


class DeviceClock(_Part):
    """Stamps of the device itself: an unsigned counter of at most ten digits that wraps."""

    kind: Literal["stamp"]
    unit_s: Seconds
    bits: Annotated[int, Field(ge=8, le=32)] = 32
    max_gap_s: Seconds = 10.0


class NominalClock(_Part):
    """No stamps: the nominal rate, held to the arrival of the bytes."""

    kind: Literal["nominal"]
    max_gap_s: Seconds = 0.5


class Saturation(_Part):
    """A device number that means the end of the range and no measurement."""

    value: float
    means: Literal["overload", "under_range", "saturated"]

    @property
    def status(self) -> SampleStatus:
        """The status of a sample with this value."""
        return SampleStatus[self.means.upper()]


class FreeRunning(_Part):
    """The device streams from the moment it has power."""

    kind: Literal["free_running"]
    first_frame_s: Seconds = 3.0


class StartStop(_Part):
    """The device is asked who it is, told to start, and told to stop."""

    kind: Literal["start_stop"]
    open_wait_s: Seconds = 3.0
    reply_s: Seconds = 3.0
    spacing_s: Seconds = 1.2
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    identify: Phrase
    identified_by: Phrase
    start: Phrase
    started_by: Phrase
    stop: Phrase
    stopped_by: Phrase
    refused_by: Phrase


class Profile(_Part):
    """A device model. ``hardware`` says whether dynod ever ran on a real unit of it."""

    name: Name
    title: str
    kind: Kind
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    unit: Unit
    push_sign: Literal[1, -1] = 1
    rate_hz: Annotated[float, Field(gt=0, le=10000, allow_inf_nan=False)]
    stale_s: Seconds = 2.0
    hardware: Literal["never", "tried"]
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    serial: SerialLine = SerialLine()
    usb: tuple[UsbMatch, ...] = ()
    framing: Annotated[DelimitedLine | FixedFrame, Field(discriminator="kind")]
    clock: Annotated[DeviceClock | NominalClock, Field(discriminator="kind")]
    dialogue: Annotated[FreeRunning | StartStop, Field(discriminator="kind")]
    saturation: tuple[Saturation, ...] = ()
    forbidden: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if isinstance(self.framing, DelimitedLine):
            _check_lines(self.framing, self.clock, self.channels)
        else:
            _check_frames(self.framing, self.clock, self.channels)
        if self.unit is not Unit.COUNT and base_unit(self.unit) is not _BASE_UNITS[self.kind]:
            raise ValueError(f"{self.unit.value} is no unit of {self.kind.value}")
        return self

    @property
    def has_button(self) -> bool:
        """Whether the device reports presses."""
        return isinstance(self.framing, DelimitedLine) and "press" in self.framing.events

    @property
    def reports_release(self) -> bool:
        """Whether the device reports releases."""
        return isinstance(self.framing, DelimitedLine) and "release" in self.framing.events

    @property
    def nominal_coefficients(self) -> tuple[float, float]:
        """c0, c1 of the nominal scale: device number to push-positive N, or to deg.

        Bare counts have no nominal scale; they keep factor 1 and stay untrusted.
        """
        factor = 1.0 if self.unit is Unit.COUNT else factor_to_base(self.unit)
        return (0.0, self.push_sign * factor)


_BASE_UNITS = {Kind.FORCE: Unit.NEWTON, Kind.ANGLE: Unit.DEGREE}
_DIFFERENT_COLUMNS = "framing and channels name different columns"


def _check_lines(
    framing: DelimitedLine, clock: DeviceClock | NominalClock, channels: tuple[str, ...]
) -> None:
    stamped = isinstance(clock, DeviceClock)
    if {*framing.columns} != ({*channels, "stamp"} if stamped else {*channels}):
        raise ValueError(_DIFFERENT_COLUMNS)
    if not stamped or len(channels) != 1 or framing.columns != ("stamp", *channels):
        raise ValueError("lines need the columns stamp and one channel, in this order")


def _check_frames(
    framing: FixedFrame, clock: DeviceClock | NominalClock, channels: tuple[str, ...]
) -> None:
    if {*framing.fields} != {*channels}:
        raise ValueError(_DIFFERENT_COLUMNS)
    if clock.kind == "stamp":
        raise ValueError("fixed frames carry no stamp; they need a nominal clock")
    for name, field in framing.fields.items():
        if not 2 <= field.offset <= framing.length - 3:
            raise ValueError(f"field {name} does not lie between the id and the sum")
