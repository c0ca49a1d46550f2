"""The trial of docs/trial.svg: constructed, so that the picture can be made again byte for byte.

``python -m tests.docs.trial_picture`` writes it.
"""

from pathlib import Path

import numpy as np

from dynod.cli.trial_plot import ForceTrial, of_recording, trial_svg
from dynod.core.analysis import analyse
from dynod.core.settings import AnalysisSettings
from dynod.model.clinical import Kind
from dynod.model.samples import FloatArray
from tests.core.curves import CERTIFIED, force_recording, grid

PICTURE = Path(__file__).parents[2] / "docs" / "trial.svg"
RATE_HZ = 100.0
SPIKE = 340  # a lone sample 2.4 s after the begin


def pull() -> tuple[FloatArray, FloatArray]:
    """Return times and newtons of a pull of about 240 N on a pad that weighs 2.6 N.

    A dip of 7 N before the rise, an exponential rise with k = 6 per second, 4 s of holding with a
    tremor at 7 and 11 Hz and a loss of 2 % a second, a release of 0.3 s; one sample is disturbed.
    """
    t_s = grid(7.2, RATE_HZ)
    since_s = np.clip(t_s - 1.35, 0.0, None)
    rise = 240.0 * -np.expm1(-6.0 * since_s)
    tired = 1.0 - 0.02 * np.clip(since_s - 1.0, 0.0, None)
    release = 0.5 * (1.0 + np.cos(np.pi * np.clip((t_s - 5.6) / 0.3, 0.0, 1.0)))
    share = rise / 240.0 * release
    tremor = 2.5 * np.sin(44.0 * t_s) + 1.5 * np.sin(69.0 * t_s + 1.0)
    dip = -7.0 * np.exp(-(((t_s - 1.27) / 0.035) ** 2))
    noise = 0.12 * np.sin(311.0 * t_s) + 0.1 * np.sin(127.0 * t_s + 2.0)
    newtons = 2.6 + rise * tired * release + tremor * share + dip + noise
    newtons[SPIKE] += 70.0
    return t_s, newtons


def drawn() -> ForceTrial:
    """Return the trial of the pull."""
    recording = force_recording(*pull())
    analysis = analyse(
        recording, Kind.FORCE, CERTIFIED, body_mass_kg=70.0, lever_arm_m=0.36, hand_held=True
    )
    return of_recording(
        "Hip abduction, left, trial 2", recording, CERTIFIED, analysis, AnalysisSettings()
    )


def picture() -> str:
    """Return the picture of the pull."""
    return trial_svg(drawn(), AnalysisSettings())


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
