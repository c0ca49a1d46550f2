"""The code map that ships, and what a site may add."""

import re
from pathlib import Path

import pytest

from dynod.config.code_map import load_code_map
from dynod.model.calibration import CalibrationStatus
from dynod.model.clinical import Contraction, Fixation, InvolvedSide, Kind, Movement
from dynod.model.deficit import Classification, Reason, Summary
from dynod.model.errors import ConfigError
from dynod.publish.code_map import test_name as name_of
from tests.config.files import write

SHIPPED = load_code_map(None)
DOCS = Path(__file__).parents[2] / "docs" / "fhir.md"
CODING = """
[[test.hip_flexion_angle.coding]]
system = "http://loinc.org"
code = "1-8"
display = "a code of the site"
source = "the site"
"""


def problems(folder: Path, text: str) -> list[str]:
    write(folder / "codes.toml", text)
    with pytest.raises(ConfigError) as caught:
        load_code_map(folder)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_every_word_that_dynod_says_has_a_display() -> None:
    tests = {name_of(movement, kind) for movement in Movement for kind in Kind}
    words = {
        "test": tests,
        "deficit": tests,
        "contraction": set(Contraction),
        "fixation": set(Fixation),
        "side": set(InvolvedSide),
        "summary": set(Summary),
        "classification": set(Classification),
        "reason": set(Reason),
        "calibration": set(CalibrationStatus),
    }
    for group, names in words.items():
        assert SHIPPED.concepts[group].keys() == names, group


def test_the_sides_of_the_body() -> None:
    """SNOMED CT: 287679003 left, 287579007 right, 29836001 without a side."""
    codes = {
        name: [(coding.system, coding.code) for coding in site.codings]
        for name, site in SHIPPED.body_sites.items()
    }
    assert codes == {
        "left": [("http://snomed.info/sct", "287679003")],
        "right": [("http://snomed.info/sct", "287579007")],
        "both": [("http://snomed.info/sct", "29836001")],
    }


def test_every_code_of_others_stands_in_the_mapping_table() -> None:
    page = DOCS.read_text(encoding="utf-8")
    concepts = [one for group in SHIPPED.concepts.values() for one in group.values()]
    for concept in (*concepts, *SHIPPED.body_sites.values()):
        for coding in concept.codings:
            assert re.search(rf"\| `{coding.code}` [^|]*{re.escape(coding.display)}", page), coding
            assert coding.source in page, coding


def test_a_site_adds_its_codes_after_the_local_one(tmp_path: Path) -> None:
    write(tmp_path / "codes.toml", CODING)
    found = load_code_map(tmp_path).codeable("test", "hip_flexion_angle")
    assert [coding["code"] for coding in found["coding"]] == [
        "test-hip_flexion_angle",
        "1-8",
        "364564000",
    ]
    assert found["text"] == "Hip flexion range of motion"


def test_a_site_calls_things_and_positions_of_its_own_as_it_likes(tmp_path: Path) -> None:
    write(
        tmp_path / "codes.toml",
        '[test]\nhip_flexion_force = "Kraft der Hüftbeuger"\n[position]\nplank = "Plank"\n'
        '[flag]\ntimeout = "Ended by itself"\n',
    )
    codes = load_code_map(tmp_path)
    assert codes.codeable("test", "hip_flexion_force")["coding"][0]["display"] == (
        "Kraft der Hüftbeuger"
    )
    assert [one["code"] for one in codes.codeable("test", "hip_flexion_force")["coding"]][1:] == [
        "80322-1"
    ]
    assert codes.concept("position", "plank").display == "Plank"
    assert codes.concept("flag", "timeout").display == "Ended by itself"
    assert codes.concept("flag", "pre_tension").display == "pre tension"  # by its name


def test_a_site_without_a_licence_leaves_a_system_out(tmp_path: Path) -> None:
    write(tmp_path / "codes.toml", '[local]\nleave_out = ["http://snomed.info/sct"]\n')
    codes = load_code_map(tmp_path)
    assert codes.body_site(None) == {"text": "Both hips"}
    assert len(codes.codeable("test", "hip_flexion_angle")["coding"]) == 1
    assert len(codes.codeable("test", "hip_flexion_force")["coding"]) == 2


def test_a_site_may_own_the_code_system(tmp_path: Path) -> None:
    write(tmp_path / "codes.toml", '[local]\nsystem = "https://clinic.example/codes"\n')
    codes = load_code_map(tmp_path)
    assert codes.system == "https://clinic.example/codes"
    assert codes.hl7v2_name == "99DYNOD"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '[test]\nhip_abducton_force = "x"\n',
            'codes.toml: test.hip_abducton_force: unknown key; did you mean "hip_abduction_force"?',
        ),
        ('[tst]\nx = "x"\n', 'codes.toml: tst: unknown key; did you mean "test"?'),
        (
            '[flag]\ntimout = "x"\n',
            'codes.toml: flag.timout: unknown key; did you mean "timeout"?',
        ),
        (
            CODING.replace("source", "sorce"),
            "codes.toml: test.hip_flexion_angle.coding[1].source: missing",
        ),
        (
            CODING.replace("1-8", "1|8"),
            "codes.toml: test.hip_flexion_angle.coding[1].code: String should match pattern",
        ),
        ("[test]\nhip_flexion_angle = 5\n", "codes.toml: test.hip_flexion_angle: should be a"),
        # which side is which is not a matter of taste
        ('[body_site.left]\ndisplay = "x"\n', "codes.toml: body_site: unknown key"),
    ],
)
def test_what_a_site_got_wrong(tmp_path: Path, text: str, line: str) -> None:
    found = problems(tmp_path, text)
    assert found[0].lower().startswith(line.lower()), found
