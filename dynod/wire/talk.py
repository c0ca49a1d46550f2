"""The strict models of dialogues: who speaks first, with which words, and how long to wait.

What is sent always comes in the same order: hush, greet, identify, units, settings. A dialogue
leaves out what its device does not know. Nothing here may tare, zero or calibrate.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dynod.wire.framing import Part, Seconds
from dynod.wire.phrases import Pattern, Phrase


class Refusal(Part):
    """A setting of the device that makes its numbers unusable, seen in the answer to identify."""

    answer: Pattern
    because: Annotated[str, Field(min_length=1, max_length=200)]


class _Asking(Part):
    """What may be asked of a device before its samples count.

    ``hush`` silences a device that streams already, and silence answers it. ``settings`` are sent
    without waiting for an answer, since none is documented; they must not outlast power-off.
    ``*_by`` are expressions that the answer must contain; ``unit_in`` has the group ``unit``.
    ``spacing_s`` is the least time between two commands, ``reply_s`` how long an answer may take.
    """

    open_wait_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.2
    reply_s: Seconds = 1.0
    spacing_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    hush: Phrase | None = None
    greet: Phrase | None = None
    greeted_by: Pattern | None = None
    identify: Phrase | None = None
    identified_by: Pattern | None = None
    refuse: tuple[Refusal, ...] = ()
    units: Phrase | None = None
    unit_in: Pattern | None = None
    settings: tuple[Phrase, ...] = ()
    refused_by: Pattern | None = None

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        for command, answer in (
            ("greet", "greeted_by"),
            ("identify", "identified_by"),
            ("units", "unit_in"),
        ):
            if (getattr(self, command) is None) != (getattr(self, answer) is None):
                raise ValueError(f"{command} and {answer} need each other")
        if self.unit_in is not None and "(?P<unit>" not in self.unit_in:
            raise ValueError("unit_in needs the group unit")
        return self


class FreeRunning(Part):
    """The device streams from the moment it has power; nothing is ever sent to it."""

    kind: Literal["free_running"]
    first_frame_s: Seconds = 3.0


class StartStop(_Asking):
    """The device is told to start and to stop.

    Without ``started_by`` the first sample says that it started; without ``stopped_by`` silence
    says that it stopped.
    """

    kind: Literal["start_stop"]
    start: Phrase
    started_by: Pattern | None = None
    stop: Phrase
    stopped_by: Pattern | None = None


class Polled(_Asking):
    """Every sample is asked for, at the profile's rate; the schedule does not drift.

    ``acknowledge`` is sent when an answer has come.
    With ``press`` the device's own key sends a reading that nobody asked for, and that is a press.
    A late answer is one that comes up to ``late_s`` after it was given up; it is no press.
    """

    kind: Literal["polled"]
    poll: Phrase
    press: bool = False
    acknowledge: Phrase | None = None
    late_s: Seconds = 1.0


class PressToSend(_Asking):
    """The device sends one reading when its own key is pressed: a trial of one reading."""

    kind: Literal["press_to_send"]


AnyDialogue = FreeRunning | StartStop | Polled | PressToSend
Talk = Annotated[AnyDialogue, Field(discriminator="kind")]
