"""The power is cut while a site's table is written: the old one is there, or the new one."""

import random
import subprocess
import sys
from pathlib import Path

from tests.support.power_cut import prefixes
from tests.support.write_recorder import files_below, read_trace, traced

NAME = "measurement_error.toml"
WRITE = """
import sys
from dataclasses import replace
from pathlib import Path
from dynod.config.error_table import load_error_table, write_error_table
rows = [replace(row, source="a study of the test's") for row in load_error_table(None)[:2]]
write_error_table(Path(sys.argv[1]), rows, update=True)
"""


def test_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    folder, trace = tmp_path / "site", tmp_path / "trace"
    folder.mkdir()
    (folder / NAME).write_text("# nothing of ours yet\n")
    before = files_below(folder)
    command = traced(trace, sys.executable, "-c", WRITE, str(folder / NAME))
    subprocess.run(command, check=True)
    allowed = {before[NAME], (folder / NAME).read_bytes()}
    assert len(allowed) == 2
    chance = random.Random(20260302)
    found = {
        image.get(NAME)
        for _, disk in prefixes(read_trace(trace, folder, before))
        for image in (disk.orderly(), disk.synced(), *(disk.torn(chance) for _ in range(200)))
    }
    assert found == allowed
