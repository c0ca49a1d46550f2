"""Files that are no config at all are refused in one line, before they fill the memory."""

from pathlib import Path

import pytest

from dynod.config.load import load_config
from dynod.config.toml_file import MOST_BYTES, parse_toml, read_toml
from dynod.model.errors import ConfigError


def test_the_largest_file_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    path.write_text("a = 1\n#" + "x" * (MOST_BYTES - 7))
    assert read_toml(path) == {"a": 1}
    path.write_text("a = 1\n#" + "x" * (MOST_BYTES - 6))
    with pytest.raises(ConfigError, match=rf"large\.toml: is larger than {MOST_BYTES} bytes"):
        read_toml(path)


def test_a_file_without_end() -> None:
    with pytest.raises(ConfigError, match="/dev/zero: is larger than"):
        load_config(Path("/dev/zero"), {})


@pytest.mark.parametrize("bracket", ["[", "{b="])
def test_brackets_without_end(bracket: str) -> None:
    with pytest.raises(ConfigError, match=r"^c\.toml: no valid TOML: too many brackets"):
        parse_toml("a=" + bracket * 100_000, Path("c.toml"))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = \xc3("])
def test_no_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.toml: is not UTF-8 text"):
        read_toml(path)
