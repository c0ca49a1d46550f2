"""The strict model of a device profile: what is on the wire, in the field's own words."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dynod.model.clinical import Kind
from dynod.model.samples import SampleStatus
from dynod.model.units import Unit, base_unit, factor_to_base

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
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
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ";"
    events: dict[Literal["press", "release"], Annotated[str, Field(min_length=1)]] = {}
    replies: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    max_bytes: Annotated[int, Field(ge=8, le=4096)] = 64


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
    """Stamps of the device itself: an unsigned counter that wraps."""

    kind: Literal["stamp"]
    unit_s: Seconds
    bits: Annotated[int, Field(ge=8, le=64)] = 32
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
    identify: Annotated[str, Field(min_length=1)]
    identified_by: Annotated[str, Field(min_length=1)]
    start: Annotated[str, Field(min_length=1)]
    started_by: Annotated[str, Field(min_length=1)]
    stop: Annotated[str, Field(min_length=1)]
    stopped_by: Annotated[str, Field(min_length=1)]
    refused_by: Annotated[str, Field(min_length=1)]


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
            wanted = {*self.channels}
            if isinstance(self.clock, DeviceClock):
                wanted.add("stamp")
            given = set(self.framing.columns)
        else:
            wanted, given = set(self.channels), set(self.framing.fields)
        if wanted != given:
            raise ValueError("framing and channels name different columns")
        if base_unit(self.unit) is None and self.unit is not Unit.COUNT:
            raise ValueError("this unit is neither a force nor an angle")
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
