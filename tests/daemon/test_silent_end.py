"""A recording whose last part never came is not taken for a whole one."""

import numpy as np
import pytest

from dynod.core.settings import AnalysisSettings
from dynod.model.calibration import Calibration, CalibrationStatus
from dynod.model.clinical import Kind
from dynod.model.flags import Flag
from dynod.model.samples import SampleBlock
from dynod.model.trial import StartedBy
from dynod.session.recorder import OVERDUE_S, Recorder, Source

RATE_HZ = 80.0


def recorder() -> Recorder:
    """One that has begun at 2 s of its stream, with samples up to 4 s."""
    source = Source(Kind.FORCE, ("force",), "force", RATE_HZ)
    made = Recorder(source, AnalysisSettings(), Calibration(CalibrationStatus.NOMINAL, (0.0, 1.0)))
    t_s = np.arange(round(4.0 * RATE_HZ) + 1) / RATE_HZ
    zeros = np.zeros(len(t_s))
    made.begin(2.0, StartedBy.PRESS)
    made.feed(SampleBlock(t_s, zeros[:, None], zeros.astype(np.uint8), ("force",), 0))
    return made


# Two intervals of 12.5 ms beside the half second.
@pytest.mark.parametrize(
    ("end_s", "flags"),
    [(3.9, ()), (4.0 + OVERDUE_S + 0.02, ()), (4.0 + OVERDUE_S + 0.03, (Flag.GAP,))],
)
def test_an_end_long_after_the_last_sample_is_a_gap(end_s: float, flags: tuple[Flag, ...]) -> None:
    """The press that ends a trial came, and the samples before it did not."""
    assert recorder().end(end_s).flags == flags


def test_the_newest_sample_is_an_end_without_a_gap() -> None:
    assert recorder().end(None).flags == ()
