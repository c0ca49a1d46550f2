"""``dynod run``."""

import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from dynod.config.site import load_site
from dynod.daemon.daemon import run
from dynod.daemon.journal import JournalHandler, writes_to_journal
from dynod.daemon.opening import open_database
from dynod.daemon.plan import make_plan


def run_daemon(config_path: Path, *, verbose: bool) -> None:
    """Run the daemon until it is told to stop."""
    level = logging.DEBUG if verbose else logging.INFO
    if writes_to_journal(os.environ):
        logging.basicConfig(level=level, format="%(message)s", handlers=[JournalHandler()])
    else:
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    plan = make_plan(load_site(config_path, os.environ))
    run(plan, lambda: open_database(plan.config.storage.path, datetime.now(UTC)))
