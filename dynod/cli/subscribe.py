"""``dynod subscribe``."""

import asyncio
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from dynod.config.fields import topic_level
from dynod.config.subscriber import load_subscriber
from dynod.model.errors import UsageError
from dynod.subscribe.bundles import requeue_refused
from dynod.subscribe.database import Database
from dynod.subscribe.events import Event, printer
from dynod.subscribe.subscriber import Subscriber


def run_subscriber(
    path: Path, client_id: str | None, *, requeue: bool, as_json: bool, verbose: bool
) -> None:
    """Receive results until SIGTERM or Ctrl-C."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(levelname)s %(message)s"
        if "JOURNAL_STREAM" in os.environ
        else "%(asctime)s %(levelname)-7s %(message)s",
    )
    config = load_subscriber(path)
    if client_id is not None:
        try:
            topic_level(client_id)
        except ValueError as error:
            raise UsageError(f"--client-id: {error}") from None
    settings = config.broker_settings(client_id)
    settings.tls_context()  # so that a bad certificate is told before anything is opened
    tell = printer(sys.stdout, as_json=as_json)
    database = Database.open(config.database)
    try:
        if requeue:
            with database.transaction() as connection:
                count = requeue_refused(connection, datetime.now(UTC))
            tell(Event("requeued", None, {"bundles": count}))
        asyncio.run(_run(Subscriber(config, settings, database, tell)))
    finally:
        database.close()


async def _run(subscriber: Subscriber) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, subscriber.stop)
    await subscriber.run()
