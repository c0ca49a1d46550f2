"""docs/trial.svg is what the code draws; and every kind of trial can be drawn, or says why not."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from dynod.cli.trial_plot import ForceTrial, of_recording, of_row, trial_svg, write_trial_svg
from dynod.core.analysis import analyse
from dynod.core.settings import AnalysisSettings
from dynod.daemon.queries import result_show
from dynod.model.clinical import Kind
from dynod.model.errors import StorageError, UsageError
from dynod.model.flags import Flag
from dynod.model.samples import FloatArray
from dynod.model.trial import StartedBy
from dynod.store.change import Change
from dynod.store.store import Store
from tests.core.curves import CERTIFIED, force_recording, grid, human_pull
from tests.docs.trial_picture import PICTURE, SPIKE, drawn, picture, pull
from tests.store.samples import NOW, session, trial

SETTINGS = AnalysisSettings()
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_in_the_docs_is_what_the_code_draws() -> None:
    again = "run `.venv/bin/python -m tests.docs.trial_picture`, and look at docs/trial.svg"
    assert PICTURE.read_text(encoding="utf-8") == picture(), again


def texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)  # noqa: S314 - it is our own
    return [str(item.text) for item in root.iter(f"{SVG}text")]


def test_it_shows_all_that_was_read_from_the_curve() -> None:
    words = texts(picture())
    shown = {name: round(value or 0.0) for name, value in drawn().metrics.items()}
    assert {"pre-roll", "onset", "offset", "tare 2.6 N", "valid"} <= set(words)
    assert {f"peak {shown['peak_force_n']} N", f"{shown['mean_force_n']} N"} <= set(words)
    assert f"RFD 0–200 ms: {shown['rfd_0_200_n_per_s']} N/s" in words
    assert any(word.startswith("hold ") for word in words)
    assert "spike, countermovement" in words


def test_the_pull_is_the_one_that_its_docstring_tells_of() -> None:
    """The spike is drawn where it was measured, and the peak is not the spike."""
    t_s, newtons = pull()
    metrics = drawn().metrics
    assert np.argmax(newtons) == SPIKE
    peak_n = metrics["peak_force_n"]
    assert peak_n is not None
    # 240·(1 − e^−6) = 239.4 N a second after the begin, 4 N of tremor on top.
    assert 236.0 < peak_n < 244.0
    assert metrics["raw_peak_force_n"] == pytest.approx(newtons[SPIKE])
    assert t_s[SPIKE] == pytest.approx(3.4)


def trial_of(
    t_s: FloatArray, newtons: FloatArray, *, stamped: bool = True, flags: tuple[Flag, ...] = ()
) -> ForceTrial:
    recording = replace(force_recording(t_s, newtons, flags=flags), stamped=stamped)
    analysis = analyse(recording, Kind.FORCE, CERTIFIED)
    return of_recording("Hip <abduction> & more", recording, CERTIFIED, analysis, SETTINGS)


def test_a_trial_without_rates_says_why() -> None:
    t_s = grid(5.6, 100.0)
    words = texts(trial_svg(trial_of(t_s, human_pull(t_s), stamped=False), SETTINGS))
    assert "no RFD: times from arrival" in words
    t_s = grid(5.6, 20.0)
    words = texts(trial_svg(trial_of(t_s, human_pull(t_s)), SETTINGS))
    assert "no RFD: rate below 50 hz" in words
    assert "not filtered: the rate is too low" in words


def test_an_invalid_trial_without_tare_and_with_many_flags() -> None:
    t_s = grid(4.6, 100.0) + 1.0
    given = trial_of(t_s, human_pull(t_s), flags=(Flag.TIMEOUT, Flag.BYTES_LOST, Flag.CHECKSUM))
    many = replace(given, flags=[flag.value for flag in Flag])
    words = texts(trial_svg(many, SETTINGS))
    assert {"invalid", "no tare", "Hip <abduction> & more"} <= set(words)


@pytest.mark.parametrize("level_n", [0.0, -50.0])
def test_nothing_pulled_can_be_drawn(level_n: float) -> None:
    t_s = grid(3.0, 100.0)
    flat = trial_of(t_s, np.where(t_s > 1.0, level_n, 0.0))
    assert "invalid" in texts(trial_svg(flat, SETTINGS))


def test_a_stored_trial_is_drawn_as_the_recording_was(tmp_path: Path) -> None:
    """What `dynod results show --json` prints is enough: the same words at the same places."""
    recording = force_recording(*pull())
    analysis = analyse(recording, Kind.FORCE, CERTIFIED)
    owner = session()
    done = trial(owner, recording=recording, analysis=analysis, calibration=CERTIFIED)
    with Store.open(tmp_path / "dynod.db", now=NOW) as store:
        store.commit(Change(at=NOW, sessions=(owner,), trials=(done,)))
        row = json.loads(json.dumps(result_show(store, str(done.result_id))))
    found = of_row({**row, "metric_notes": dict(analysis.notes)})
    assert found.title == "Hip abduction, left, trial 1"
    given = of_recording(found.title, recording, CERTIFIED, analysis, SETTINGS)
    assert texts(trial_svg(found, SETTINGS)) == texts(trial_svg(given, SETTINGS))


@pytest.mark.parametrize(
    "row", [{"quantity": "peak_force_n"}, {"quantity": "angle_deg", "curve": {}}]
)
def test_what_is_no_curve_of_force_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="only trials of force"):
        of_row(row)


def test_a_single_reading_is_refused() -> None:
    recording = replace(
        force_recording(np.array([1.0]), np.array([90.0])), started_by=StartedBy.READING
    )
    analysis = analyse(recording, Kind.FORCE, CERTIFIED)
    given = of_recording("One reading", recording, CERTIFIED, analysis, SETTINGS)
    with pytest.raises(UsageError, match="no curve"):
        trial_svg(given, SETTINGS)


def test_the_file_is_written_or_named(tmp_path: Path) -> None:
    write_trial_svg(tmp_path / "trial.svg", drawn(), SETTINGS)
    assert (tmp_path / "trial.svg").read_text(encoding="utf-8") == picture()
    missing = tmp_path / "nowhere" / "trial.svg"
    with pytest.raises(StorageError) as caught:
        write_trial_svg(missing, drawn(), SETTINGS)
    assert str(caught.value) == f"{missing}: cannot be written: No such file or directory"
