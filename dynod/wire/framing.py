"""The strict models of framings: how samples lie in the bytes of a device.

``delimited_line`` and ``pattern_line`` are lines of text, ``fixed_frame`` and ``length_prefixed``
binary frames with a mark, ``idle_gap`` answers that only the silence after them ends.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dynod.model.samples import SampleStatus
from dynod.wire.phrases import Pattern, compile_pattern

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Byte = Annotated[int, Field(ge=0, le=255)]
Text = Annotated[str, Field(min_length=1)]
StatusName = Literal["ok", "overload", "under_range", "saturated"]
ButtonEvent = Literal["press", "release"]
Checksum = Literal["none", "sum8"]

# Groups of a pattern that are no channels.
_OTHER_GROUPS = {"stamp", "unit", "sign", "status", "checked", "checksum"}


class Part(BaseModel):
    """A table of a profile: strict and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DelimitedLine(Part):
    """One sample a line: columns of plain numbers between separators.

    ``columns`` names what each holds: ``stamp``, a channel, ``unit``, or ``-`` for what is passed
    over. ``numbers`` says how a channel is written: with a decimal mark, without, or either.
    ``padding`` allows blanks around a column, ``trailing`` a separator behind the last.
    ``events`` maps press and release to the text that stands in place of the first channel.
    ``replies`` are answers to commands, ``ignore`` headers and comments; both as expressions over
    the whole line.
    """

    kind: Literal["delimited_line"]
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    separator: Annotated[str, Field(pattern=r"^[ \t,;:|/]$")] = ";"
    numbers: Literal["decimal", "integer", "number"] = "decimal"
    decimal_mark: Literal[".", ","] = "."
    padding: bool = False
    trailing: bool = False
    events: dict[ButtonEvent, Text] = {}
    replies: tuple[Pattern, ...] = ()
    ignore: tuple[Pattern, ...] = ()
    max_bytes: Annotated[int, Field(ge=32, le=4096)] = 64  # the longest sample has 25

    @model_validator(mode="after")
    def _different_marks(self) -> Self:
        named = [name for name in self.columns if name != "-"]
        if len({*named}) != len(named):
            raise ValueError("two columns have the same name")
        if self.separator == self.decimal_mark and len(self.columns) > 1:
            raise ValueError("separator and decimal_mark are the same character")
        return self


class TextFields(Part):
    """Numbers inside text, by the named groups of expressions.

    Groups are channels, ``stamp``, ``unit``, ``sign``, ``status``, and for a checksum ``checked``
    and ``checksum``. Blanks inside a number are passed over. ``signs`` and ``statuses`` say what
    the texts of those groups mean; a status that is not listed is in order. The checksum is the
    exclusive or of the bytes of ``checked``, in hex, or (``xor_digits``) in hex or decimal.
    """

    patterns: Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=4)]
    decimal_mark: Literal[".", ","] = "."
    signs: dict[str, Literal[1, -1]] = {}
    statuses: dict[str, StatusName] = {}
    checksum: Literal["none", "xor_hex", "xor_digits"] = "none"

    @property
    def groups(self) -> set[str]:
        """The names of all groups."""
        return {name for text in self.patterns for name in compile_pattern(text).groupindex}

    @model_validator(mode="after")
    def _groups_fit(self) -> Self:
        groups = self.groups
        for name, table in (("sign", self.signs), ("status", self.statuses)):
            if (name in groups) != bool(table):
                raise ValueError(f"group {name} and its table need each other")
        if ({"checked", "checksum"} <= groups) != (self.checksum != "none"):
            raise ValueError("a checksum needs the groups checked and checksum")
        return self


class PatternLine(TextFields):
    """Lines whose samples are found by expressions over the whole line.

    With several ``patterns`` a sample is that many lines in this order, and a line out of its
    order is half a pair. ``terminator`` ends a line; a line feed behind a return is passed over.
    ``events`` are expressions for lines that report a button.
    """

    kind: Literal["pattern_line"]
    terminator: Literal["lf", "cr"] = "lf"
    events: dict[ButtonEvent, Pattern] = {}
    replies: tuple[Pattern, ...] = ()
    ignore: tuple[Pattern, ...] = ()
    max_bytes: Annotated[int, Field(ge=8, le=4096)] = 64


class IntegerField(Part):
    """A channel inside a frame: where it stands and what one count of it is worth."""

    offset: Annotated[int, Field(ge=0)]
    type: Literal["i16le", "i16be", "u16le", "u16be", "i32le", "i32be", "u32le", "u32be"]
    scale: Annotated[float, Field(allow_inf_nan=False)]

    @property
    def size(self) -> int:
        """Length in bytes."""
        return 2 if "16" in self.type else 4


class BcdField(Part):
    """A channel as packed decimal digits: a sign digit (0 plus, 1 minus), then the number."""

    offset: Annotated[int, Field(ge=0)]
    type: Literal["bcd"]
    size: Annotated[int, Field(ge=1, le=8)]
    decimals: Annotated[int, Field(ge=0, le=15)]


class StampField(Part):
    """The device's counter inside a frame."""

    offset: Annotated[int, Field(ge=0)]
    type: Literal["u16le", "u16be", "u32le", "u32be"]

    @property
    def size(self) -> int:
        """Length in bytes."""
        return 2 if "16" in self.type else 4


BinaryField = Annotated[IntegerField | BcdField, Field(discriminator="type")]


class FixedFrame(Part):
    """Frames of one length: mark, data, and where there is one the low byte of the sum at the end.

    ``mark`` is one to four bytes. With an id the byte behind the mark says what the frame holds:
    ``sample_id`` carries the channels, ``other_ids`` are valid and passed over, ``reply_ids``
    answer a command. ``replies`` are lines of text that answer one. Without a checksum a frame
    counts only when the next mark follows it.
    """

    kind: Literal["fixed_frame"]
    length: Annotated[int, Field(ge=3, le=256)]
    mark: Annotated[tuple[Byte, ...], Field(min_length=1, max_length=4)]
    sample_id: Byte | None = None
    other_ids: tuple[Byte, ...] = ()
    reply_ids: tuple[Byte, ...] = ()
    checksum: Checksum = "sum8"
    stamp: StampField | None = None
    fields: dict[str, IntegerField]
    replies: tuple[Pattern, ...] = ()

    @field_validator("mark", mode="before")
    @classmethod
    def _one_byte(cls, mark: object) -> object:
        """Take a single byte for a mark of one."""
        return (mark,) if isinstance(mark, int) else mark

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.sample_id is None and (self.other_ids or self.reply_ids):
            raise ValueError("other ids need a sample_id")
        if self.sample_id is None and self.checksum == "none" and len(self.mark) < 2:
            raise ValueError("frames without id and checksum need a mark of two bytes or more")
        first = len(self.mark) + (self.sample_id is not None)
        last = self.length - (self.checksum != "none")
        _check_places(self.fields, self.stamp, first, last)
        return self


class LengthPrefixed(Part):
    """Frames ``mark length address command data sum``; the length counts itself to the sum.

    ``address`` is what the device is called on its line. A frame with the command ``sample`` of
    exactly ``length`` carries the channels; the other ``lengths`` are frames too and answer
    commands. The sum is the low byte of all behind the mark.
    """

    kind: Literal["length_prefixed"]
    mark: Byte
    address: Annotated[tuple[Byte, ...], Field(min_length=1, max_length=4)]
    sample: Byte
    length: Annotated[int, Field(ge=4, le=64)]
    other_lengths: tuple[Annotated[int, Field(ge=4, le=64)], ...] = ()
    fields: dict[str, BinaryField]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_places(self.fields, None, 3 + len(self.address), self.length)
        return self


class IdleGap(Part):
    """An answer of ``length`` bytes that nothing but silence ends.

    What comes without a pause of ``gap_s`` is one answer, and it counts only as a whole: text by
    ``text``, binary numbers by ``fields``.
    """

    kind: Literal["idle_gap"]
    length: Annotated[int, Field(ge=2, le=256)]
    gap_s: Seconds = 0.03
    text: TextFields | None = None
    fields: dict[str, BinaryField] = {}
    replies: tuple[Pattern, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.text is None) == (not self.fields):
            raise ValueError("needs text or fields, and not both")
        if self.text is not None and len(self.text.patterns) > 1:
            raise ValueError("an answer is found by one pattern")
        _check_places(self.fields, None, 0, self.length)
        return self


AnyFraming = DelimitedLine | PatternLine | FixedFrame | LengthPrefixed | IdleGap
Framing = Annotated[AnyFraming, Field(discriminator="kind")]


def channels_of(framing: AnyFraming) -> set[str]:
    """Return the channels that a framing finds."""
    if isinstance(framing, DelimitedLine):
        return {*framing.columns} - {"stamp", "unit", "-"}
    if isinstance(framing, PatternLine):
        return framing.groups - _OTHER_GROUPS
    if isinstance(framing, IdleGap) and framing.text is not None:
        return framing.text.groups - _OTHER_GROUPS
    return {*framing.fields}


def has_stamp(framing: AnyFraming) -> bool:
    """Tell whether samples carry the device's own time."""
    if isinstance(framing, DelimitedLine):
        return "stamp" in framing.columns
    if isinstance(framing, PatternLine):
        return "stamp" in framing.groups
    return isinstance(framing, FixedFrame) and framing.stamp is not None


def has_unit(framing: AnyFraming) -> bool:
    """Tell whether samples carry their unit."""
    if isinstance(framing, DelimitedLine):
        return "unit" in framing.columns
    text = framing if isinstance(framing, PatternLine) else getattr(framing, "text", None)
    return text is not None and "unit" in text.groups


def events_of(framing: AnyFraming) -> set[str]:
    """Return which button events have a form of their own."""
    return {*framing.events} if isinstance(framing, DelimitedLine | PatternLine) else set()


def status_bits(name: StatusName) -> SampleStatus:
    """Return the status of a sample that a profile calls by this name."""
    return SampleStatus[name.upper()]


def _check_places(
    fields: Mapping[str, IntegerField | BcdField], stamp: StampField | None, first: int, stop: int
) -> None:
    places: dict[str, IntegerField | BcdField | StampField] = {**fields}
    if stamp is not None:
        places["stamp"] = stamp
    for name, field in places.items():
        if not first <= field.offset <= stop - field.size:
            raise ValueError(f"field {name} does not lie inside the frame's data")
