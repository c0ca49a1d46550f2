"""Press and release lines become presses: debounced, short or long, by stream time.

A press acts at release where the device reports release, otherwise at press. After a press acted,
a new one within ``BOUNCE_S`` is ignored together with its release (docs/contract.md, section 2).
"""

from dataclasses import dataclass
from enum import StrEnum

from dynod.model.samples import DeviceEvent, EventKind

BOUNCE_S = 0.3
LONG_PRESS_S = 0.8


class Gesture(StrEnum):
    """What a hand did with the button."""

    PRESS = "press"
    LONG_PRESS = "long_press"


@dataclass(frozen=True, slots=True)
class ButtonAct:
    """A gesture that counts, at the stream time at which it acts."""

    gesture: Gesture
    t_s: float


class Button:
    """One device's button. ``reports_release`` comes from the device's profile."""

    def __init__(self, *, reports_release: bool) -> None:
        self._reports_release = reports_release
        self._segment: int | None = None
        self._acted_s = float("-inf")
        self._pressed_s: float | None = None

    def reset(self) -> None:
        """Forget debounce and a half-finished press: a new segment of stream time began."""
        self._acted_s = float("-inf")
        self._pressed_s = None

    def feed(self, event: DeviceEvent) -> ButtonAct | None:
        """Take one event in stream order; return the act that it completes, if any."""
        if event.segment != self._segment:
            self._segment = event.segment
            self.reset()
        if event.kind is EventKind.PRESS:
            return self._press(event.t_s)
        return self._release(event.t_s)

    def _press(self, t_s: float) -> ButtonAct | None:
        if t_s - self._acted_s < BOUNCE_S:
            self._pressed_s = None  # its release finds nothing to end
            return None
        if self._reports_release:
            self._pressed_s = t_s
            return None
        return self._act(Gesture.PRESS, t_s)

    def _release(self, t_s: float) -> ButtonAct | None:
        if self._pressed_s is None:
            return None
        held_s = t_s - self._pressed_s
        self._pressed_s = None
        return self._act(Gesture.LONG_PRESS if held_s >= LONG_PRESS_S else Gesture.PRESS, t_s)

    def _act(self, gesture: Gesture, t_s: float) -> ButtonAct:
        self._acted_s = t_s
        return ButtonAct(gesture, t_s)
