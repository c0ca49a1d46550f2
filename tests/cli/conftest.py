import os
import sys

import pytest

from dynod.cli.main import run
from dynod.cli.output import console
from tests.cli.program import Done, Program


@pytest.fixture
def dynod(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Run the program as ``dynod WORDS``."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    # A console that an earlier test made took its width then.
    monkeypatch.setattr(console, "width", 200)
    for name in [name for name in os.environ if name.startswith("DYNOD_")]:
        monkeypatch.delenv(name)

    def call(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["dynod", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            run()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Done(code or 0, *capsys.readouterr())

    return call
