"""What every folder of devices/ owes: a strict profile, a README, captures that decode."""

import math
from pathlib import Path

import pytest

from dynod.config.profiles import load_profiles
from dynod.wire.capture import joined_blocks
from dynod.wire.framing import FixedFrame
from dynod.wire.profile import FreeRunning, Polled, Profile
from tests.devices.folders import (
    BINARIES,
    DEVICES,
    FOLDERS,
    expectation_of,
    folder_of,
    profile_of,
    profiles_in,
    replay,
)

PROFILES = load_profiles(None)

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
each_capture = pytest.mark.parametrize(
    "binary", BINARIES, ids=lambda path: "-".join(path.relative_to(DEVICES).with_suffix("").parts)
)

# Folders that read each other's captures, and why that cannot be otherwise. Nothing in the bytes
# tells them apart: `identified_by`, the parity, or the site's config does.
ALIKE: dict[frozenset[str], str] = {
    frozenset({"generic_line_angle", "generic_line_force", "loadstar_di"}): "a bare number a line",
    frozenset(
        {
            "mark10_bgi",
            "mark10_series_4",
            "mark10_series_5",
            "mark10_series_7i",
            "wagner_fdix",
            "wagner_fdv",
            "wagner_fdx",
        }
    ): "a number, a blank, and a unit in words",
    frozenset({"bei_ags", "meas_dpg"}): "one form, once with even parity and once with none",
}


def incomplete(captures: Path) -> set[str]:
    """Name the cases that lack one of their three files."""
    suffixes = (".bin", ".chunks.json", ".expect.json")
    cases = [
        {
            str(path.relative_to(captures)).removesuffix(suffix)
            for path in captures.rglob(f"*{suffix}")
        }
        for suffix in suffixes
    ]
    return cases[0].union(*cases) - cases[0].intersection(*cases)


@each_folder
def test_the_folder_is_named_as_its_profile(folder: Path) -> None:
    assert folder.name in profiles_in(folder)


@each_folder
def test_the_readme_says_whether_it_ran_on_hardware(folder: Path) -> None:
    text = " ".join((folder / "README.md").read_text(encoding="utf-8").split())
    never = profiles_in(folder)[folder.name].hardware == "never"
    assert ("never been tried on hardware" in text) == never
    assert "## Sources" in text


@each_folder
def test_the_readme_says_what_the_site_must_say(folder: Path) -> None:
    """A fact that no source gives is asked of the site, and the README names the key."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    for profile in profiles_in(folder).values():
        assert all(f"`{key}`" in text for key in profile.open_questions), profile.key
        assert profile.variant is None or f"`{profile.key}`" in text


@each_folder
def test_an_experimental_profile_says_so_to_people(folder: Path) -> None:
    profile = profiles_in(folder)[folder.name]
    text = (folder / "README.md").read_text(encoding="utf-8").lower()
    assert ("experimental" in text) == profile.experimental


@each_folder
def test_there_are_captures_and_none_is_incomplete(folder: Path) -> None:
    assert incomplete(folder / "captures") == set()
    for profile in profiles_in(folder).values():
        place = folder / "captures" / (profile.variant or "")
        assert {"idle", "load", "garbage"} <= {path.stem for path in place.glob("*.bin")}


@each_folder
def test_a_capture_proves_the_profile_that_no_simulator_made(folder: Path) -> None:
    """Without one a profile is listed as unproven, and must call itself experimental."""
    origins = {expectation_of(path).origin for path in BINARIES if folder_of(path) == folder}
    proven = bool(origins & {"documented", "recorded"})
    assert proven or profiles_in(folder)[folder.name].experimental


def test_a_capture_without_expectation_is_noticed(tmp_path: Path) -> None:
    for name in ("a.bin", "a.chunks.json", "a.expect.json", "b.bin", "c.expect.json"):
        (tmp_path / name).touch()
    assert incomplete(tmp_path) == {"b", "c"}


@each_capture
def test_a_capture_decodes_to_what_it_means(binary: Path) -> None:
    """Numbers that were converted, or scaled by a float, may differ in their last digit."""
    expected = expectation_of(binary)
    blocks = joined_blocks(replay(profile_of(binary), binary))
    values = [row for block in blocks for row in block.values.tolist()]
    meant = [[math.nan if value is None else value for value in row] for row in expected.values]
    assert len(values) == len(meant)
    for row, wanted in zip(values, meant, strict=True):
        assert row == pytest.approx(wanted, rel=1e-12, abs=1e-9, nan_ok=True)
    assert {block.channels for block in blocks} <= {expected.channels}
    if expected.t_s is not None:
        times = [t_s for block in blocks for t_s in block.t_s.tolist()]
        assert times == pytest.approx(list(expected.t_s), abs=1e-6)


@each_capture
def test_what_is_no_number_has_a_status(binary: Path) -> None:
    """Overload, under-range and saturation are flags, never numbers (rule 2 of the design)."""
    for block in joined_blocks(replay(profile_of(binary), binary)):
        nothing = [any(math.isnan(value) for value in row) for row in block.values.tolist()]
        assert nothing == [bool(status) for status in block.status.tolist()]


@each_capture
def test_a_capture_gives_its_events_and_rejects(binary: Path) -> None:
    expected = expectation_of(binary)
    decoded = replay(profile_of(binary), binary)
    events = [(event.kind.value, event.t_s) for item in decoded for event in item.events]
    assert [kind for kind, _ in events] == [kind for kind, _ in expected.events]
    assert [t_s for _, t_s in events] == pytest.approx([t_s for _, t_s in expected.events])
    rejects = [(reject.reason.value, reject.length) for item in decoded for reject in item.rejects]
    assert rejects == list(expected.rejects)


@each_capture
def test_a_capture_says_where_it_comes_from(binary: Path) -> None:
    expected = expectation_of(binary)
    assert expected.source
    assert expected.channels == profile_of(binary).channels


@each_capture
def test_no_other_profile_reads_a_sample(binary: Path) -> None:
    own = folder_of(binary).name
    allowed = {own}.union(*(names for names in ALIKE if own in names))
    readers = {
        profile.name
        for profile in PROFILES.values()
        if profile.name not in allowed and joined_blocks(replay(profile, binary))
    }
    assert readers == set()


@pytest.mark.parametrize("names", ALIKE, ids=sorted)
def test_those_that_are_alike_are(names: frozenset[str]) -> None:
    """The list above must not outlive its reasons: each member reads a capture of another."""
    for name in names:
        others = [path for path in BINARIES if folder_of(path).name in names - {name}]
        own = [profile for profile in PROFILES.values() if profile.name == name]
        assert any(joined_blocks(replay(profile, path)) for profile in own for path in others)


def all_profiles() -> list[Profile]:
    return list(PROFILES.values())


@pytest.mark.parametrize("profile", all_profiles(), ids=lambda profile: profile.key)
def test_a_fact_that_is_missing_is_not_guessed(profile: Profile) -> None:
    """What can be poor in a reading has a name here, or the site is asked."""
    if isinstance(profile.dialogue, Polled):
        assert profile.rate_hz is not None  # how often we ask is ours to say
    if isinstance(profile.framing, FixedFrame) and profile.framing.checksum == "none":
        assert profile.limits is not None
    assert profile.forbidden or isinstance(profile.dialogue, FreeRunning)


def test_the_table_of_shipped_devices_is_complete() -> None:
    """What devices/README.md lists is what there is, and what each of them asks of a site."""
    text = (DEVICES / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Shipped devices")[2]
    rows = {line.split("](")[0][3:]: line for line in table.splitlines() if line.startswith("| [")}
    assert rows.keys() == {folder.name for folder in FOLDERS}
    for name, row in rows.items():
        family = profiles_in(DEVICES / name)
        assert all(f"`{key}`" in row for key in family[name].open_questions), name
        variants = {profile.variant for profile in family.values()} - {None}
        assert all(f"`{variant}`" in row for variant in variants), name
