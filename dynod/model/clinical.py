"""The words of the examination: movements, sides, contractions, fixations, batteries."""

from dataclasses import dataclass, field
from enum import StrEnum


class Movement(StrEnum):
    """What the hip is asked to do."""

    HIP_ABDUCTION = "hip_abduction"
    HIP_EXTENSION = "hip_extension"
    HIP_FLEXION = "hip_flexion"
    HIP_EXTERNAL_ROTATION = "hip_external_rotation"
    HIP_INTERNAL_ROTATION = "hip_internal_rotation"
    HIP_ADDUCTION = "hip_adduction"


class Side(StrEnum):
    """A leg."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> "Side":
        """The opposite leg."""
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class InvolvedSide(StrEnum):
    """Which leg the complaint is about."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"
    NONE = "none"

    @property
    def side(self) -> Side | None:
        """The one involved side, or None when there is not exactly one."""
        return Side(self.value) if self in {InvolvedSide.LEFT, InvolvedSide.RIGHT} else None


class Contraction(StrEnum):
    """How the test is done: isometric make, eccentric break, or range of motion."""

    MAKE = "make"
    BREAK = "break"
    ROM = "rom"


class Fixation(StrEnum):
    """What holds the dynamometer."""

    HAND = "hand"
    BELT = "belt"
    FRAME = "frame"


class Kind(StrEnum):
    """What is measured."""

    FORCE = "force"
    ANGLE = "angle"


MUSCLE_GROUPS: dict[Movement, str] = {
    Movement.HIP_ABDUCTION: "gluteus medius and minimus",
    Movement.HIP_EXTENSION: "gluteus maximus",
    Movement.HIP_FLEXION: "iliopsoas, rectus femoris",
    Movement.HIP_EXTERNAL_ROTATION: "deep rotators",
    Movement.HIP_INTERNAL_ROTATION: "tensor fasciae latae, anterior glutes",
    Movement.HIP_ADDUCTION: "adductors",
}

# Gluteal-specific set of the GHOst hip osteoarthritis trial
# (Trials 2018, s13063-018-2873-3, Table 1).
DEFAULT_POSITIONS: dict[Movement, str] = {
    Movement.HIP_ABDUCTION: "supine",
    Movement.HIP_EXTENSION: "prone_knee_90",
    Movement.HIP_FLEXION: "seated",
    Movement.HIP_EXTERNAL_ROTATION: "seated",
    Movement.HIP_INTERNAL_ROTATION: "seated",
    Movement.HIP_ADDUCTION: "supine",
}


@dataclass(frozen=True, slots=True)
class TestSpec:
    """One test of a battery, done on both sides.

    ``familiarisation`` and ``repetitions`` are trials per side; ``seconds`` is what the therapist
    is asked to hold and never ends a recording; ``rest_s`` is advisory. Up to ``extra_trials`` more
    are asked for while the best two differ by more than ``best_two_percent`` of the best, or the
    last is the highest.
    """

    __test__ = False  # not a pytest class

    movement: Movement
    position: str
    contraction: Contraction
    fixation: Fixation
    kind: Kind
    repetitions: int = 3
    familiarisation: int = 0
    seconds: float = 5.0
    rest_s: float = 30.0
    extra_trials: int = 0
    best_two_percent: float = 10.0


@dataclass(frozen=True, slots=True)
class Battery:
    """An ordered set of tests under a name."""

    name: str
    title: str
    tests: tuple[TestSpec, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a battery that a valid trial fills.

    ``trial_number`` counts from 1 within (test, side, familiarisation). ``test`` is what stands at
    ``test_index`` and takes no part in comparing slots of one session.
    """

    test_index: int
    test: TestSpec = field(compare=False)
    side: Side
    familiarisation: bool
    trial_number: int
