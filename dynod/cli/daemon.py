"""``dynod run``."""

import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from dynod.config.load import load_config
from dynod.daemon.daemon import run
from dynod.daemon.plan import make_plan
from dynod.store.store import Store


def run_daemon(config_path: Path, *, verbose: bool) -> None:
    """Run the daemon until it is told to stop."""
    under_journal = "JOURNAL_STREAM" in os.environ
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(levelname)s %(message)s"
        if under_journal
        else "%(asctime)s %(levelname)-7s %(message)s",
    )
    config = load_config(config_path, os.environ)
    plan = make_plan(config, config_path.parent)
    run(plan, lambda: Store.open(config.storage.path, now=datetime.now(UTC)))
