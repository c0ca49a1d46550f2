"""The strict model of a device profile: what is on the wire, in the field's own words.

A fact that no public source gives (a baud rate, a unit, a sign, a rate) is left out here and asked
of the site's config; ``Profile.open_questions`` names what is missing.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dynod.model.clinical import Kind
from dynod.model.samples import SampleStatus
from dynod.model.units import Unit, base_unit, factor_to_base
from dynod.wire.framing import (
    DelimitedLine,
    FixedFrame,
    Framing,
    IdleGap,
    LengthPrefixed,
    Part,
    PatternLine,
    Seconds,
    channels_of,
    events_of,
    has_stamp,
    has_unit,
    status_bits,
)
from dynod.wire.phrases import Pattern, Phrase, compile_pattern
from dynod.wire.talk import FreeRunning, Polled, PressToSend, StartStop, Talk

__all__ = [
    "ArrivalStamps",
    "DelimitedLine",
    "DeviceClock",
    "FixedFrame",
    "FreeRunning",
    "IdleGap",
    "LengthPrefixed",
    "NominalClock",
    "PatternLine",
    "PollClock",
    "Polled",
    "PressToSend",
    "Profile",
    "Saturation",
    "StartStop",
]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Sign = Literal[1, -1]
Rate = Annotated[float, Field(gt=0, le=10000, allow_inf_nan=False)]


class SerialLine(Part):
    """How the line is set by default; a site may override the baud rate."""

    baudrate: Annotated[int, Field(gt=0)] | None = None
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1


class UsbMatch(Part):
    """A USB identity that this device is known to have."""

    vendor_id: Annotated[int, Field(ge=0, le=0xFFFF)]
    product_id: Annotated[int, Field(ge=0, le=0xFFFF)]


class DeviceClock(Part):
    """Stamps of the device itself: an unsigned counter of at most ten digits that wraps."""

    kind: Literal["stamp"]
    unit_s: Seconds
    bits: Annotated[int, Field(ge=8, le=32)] = 32
    max_gap_s: Seconds = 10.0


class NominalClock(Part):
    """No stamps: the nominal rate, held to the arrival of the bytes."""

    kind: Literal["nominal"]
    max_gap_s: Seconds = 0.5


class PollClock(Part):
    """No stamps: a sample was taken when it was asked for."""

    kind: Literal["poll"]


class ArrivalStamps(Part):
    """No stamps and no rate: a reading was taken when it came (it is sent at a press)."""

    kind: Literal["arrival"]


Clock = DeviceClock | NominalClock | PollClock | ArrivalStamps


class Saturation(Part):
    """A device number that means the end of the range and no measurement."""

    value: float
    means: Literal["overload", "under_range", "saturated"]

    @property
    def status(self) -> SampleStatus:
        """The status of a sample with this value."""
        return status_bits(self.means)


class Setup(Part):
    """Settings that `dynod devices configure` can change, each with the bytes to send.

    Keys of ``rates`` and ``baudrates`` are Hz and baud as text. ``unlock`` goes before a setting,
    ``save`` makes it last over power-off. ``read`` asks how the unit is set; its answer must
    contain ``read_by``, whose groups ``rate`` and ``baudrate`` are the last bytes of the phrase
    that sets what the unit has. Never sent in operation.
    """

    unlock: Phrase | None = None
    save: Phrase | None = None
    rates: dict[str, Phrase] = Field(default_factory=dict)
    baudrates: dict[str, Phrase] = Field(default_factory=dict)
    read: Phrase | None = None
    read_by: Pattern | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.read is None) != (self.read_by is None):
            raise ValueError("read and read_by need each other")
        groups = {} if self.read_by is None else compile_pattern(self.read_by).groupindex
        if self.read_by is not None and not {"rate", "baudrate"} & {*groups}:
            raise ValueError("read_by needs the group rate, baudrate or both")
        return self


class Simulation(Part):
    """How a simulator speaks this device's protocol.

    ``line`` is a sample as text, with channels, ``stamp``, ``unit``, ``sign`` and ``checksum`` in
    braces, each with a format as in Python (``{force:.2f}``); ``unit`` is what stands for it.
    ``answers`` maps what is sent to the device to what it answers; ``banner`` comes after opening.
    ``press`` and ``release`` are lines of the button. ``full_scale`` is the largest reading in the
    unit on the wire; beyond it comes ``overload``, or the profile's saturation value.
    ``counts_per_newton`` is for devices that send bare counts.
    """

    line: str | None = None
    unit: str | None = None
    answers: dict[Phrase, Phrase] = Field(default_factory=dict)
    banner: str = ""
    press: str | None = None
    release: str | None = None
    overload: str | None = None
    full_scale: Annotated[float, Field(gt=0)] | None = None
    counts_per_newton: Annotated[float, Field(gt=0)] = 1.0


class Profile(Part):
    """A device model. ``hardware`` says whether dynod ever ran on a real unit of it.

    ``units`` maps the device's words for units to UCUM codes: of a unit in a line, or in the answer
    to a units query. ``limits`` are device numbers that no sound sample exceeds, for framings that
    carry no checksum.
    """

    name: Name
    title: str
    kind: Kind
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    unit: Unit | None = None
    units: dict[str, Unit] = Field(default_factory=dict)
    push_sign: Sign | None = None
    rate_hz: Rate | None = None
    stale_s: Seconds = 2.0
    hardware: Literal["never", "tried"]
    experimental: bool = False
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    serial: SerialLine = SerialLine()
    usb: tuple[UsbMatch, ...] = ()
    framing: Framing
    clock: Annotated[Clock, Field(discriminator="kind")]
    dialogue: Talk
    saturation: tuple[Saturation, ...] = ()
    limits: tuple[float, float] | None = None
    forbidden: tuple[Phrase, ...] = ()
    setup: Setup | None = None
    simulation: Simulation = Simulation()
    variant: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if channels_of(self.framing) != {*self.channels}:
            raise ValueError("framing and channels name different columns")
        if len({*self.channels}) != len(self.channels):
            raise ValueError("two channels have the same name")
        if has_stamp(self.framing) != (self.clock.kind == "stamp"):
            raise ValueError("a stamp needs the clock stamp, and that clock a stamp")
        wanted = {"polled": "poll", "press_to_send": "arrival"}.get(self.dialogue.kind)
        if wanted is not None and self.clock.kind not in {wanted, "stamp"}:
            raise ValueError(f"the dialogue {self.dialogue.kind} needs the clock {wanted}")
        if wanted is None and self.clock.kind in {"poll", "arrival"}:
            raise ValueError(f"the clock {self.clock.kind} does not fit {self.dialogue.kind}")
        if not self.forbidden and not isinstance(self.dialogue, FreeRunning):
            raise ValueError("forbidden must name what would tare, zero or set the device")
        if self.single_reading and (self.kind is Kind.ANGLE or events_of(self.framing)):
            raise ValueError("press_to_send is for forces, and its key needs no events")
        self._check_units()
        return self

    def _check_units(self) -> None:
        asked = not isinstance(self.dialogue, FreeRunning) and self.dialogue.units is not None
        if bool(self.units) != (has_unit(self.framing) or asked):
            raise ValueError("units and a unit in the line or a units query need each other")
        if self.units and self.unit is None:
            raise ValueError("units are converted to unit: name it")
        if self.kind is Kind.ANGLE and self.push_sign is not None:
            raise ValueError("push_sign is for forces; an angle has mount_sign in the config")
        wanted = _BASE_UNITS[self.kind]
        for unit in (self.unit, *self.units.values()):
            if unit not in {None, Unit.COUNT} and base_unit(unit) is not wanted:
                raise ValueError(f"{unit} is no unit of {self.kind.value}")
            if unit is Unit.COUNT and self.units:
                raise ValueError("counts are not converted to another unit")

    @property
    def has_button(self) -> bool:
        """Whether the device reports presses."""
        by_itself = isinstance(self.dialogue, Polled) and self.dialogue.press
        return by_itself or self.single_reading or "press" in events_of(self.framing)

    @property
    def reports_release(self) -> bool:
        """Whether the device reports releases."""
        return "release" in events_of(self.framing)

    @property
    def single_reading(self) -> bool:
        """Whether every reading is sent by hand, and so is a trial of its own."""
        return isinstance(self.dialogue, PressToSend)

    @property
    def key(self) -> str:
        """What a config calls this profile: its name, with ``/variant`` for a variant."""
        return self.name if self.variant is None else f"{self.name}/{self.variant}"

    @property
    def open_questions(self) -> tuple[str, ...]:
        """The config keys by which a site must say what no source says."""
        missing = {
            "baudrate": self.serial.baudrate is None,
            "unit": self.unit is None,
            "push_sign": self.kind is Kind.FORCE and self.push_sign is None,
            "rate_hz": self.rate_hz is None and not self.single_reading,
        }
        return tuple(key for key, open_ in missing.items() if open_)

    @property
    def has_nominal_scale(self) -> bool:
        """Whether its numbers are a force or an angle without a certificate; counts are not."""
        return self.unit not in {None, Unit.COUNT}

    @property
    def nominal_coefficients(self) -> tuple[float, float]:
        """c0, c1 of the nominal scale: device number to push-positive N, or to deg.

        Bare counts have no nominal scale; they keep factor 1 and stay untrusted. So does a unit
        that the site has not named yet.
        """
        plain = self.unit in {None, Unit.COUNT}
        factor = 1.0 if plain or self.unit is None else factor_to_base(self.unit)
        return (0.0, (self.push_sign or 1) * factor)


_BASE_UNITS = {Kind.FORCE: Unit.NEWTON, Kind.ANGLE: Unit.DEGREE}
