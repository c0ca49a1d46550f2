"""What a step of the workflow changed, as records and message bytes for one transaction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from dynod.model.session import Session
from dynod.publish.render import Envelope, render_deficit, render_session, render_trial
from dynod.publish.topics import Topics
from dynod.session.steps import RecordChange
from dynod.store.change import Change, OutboxDraft, StoredReply

CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every result of this station carries."""

    topics: Topics
    site: str
    name: str
    stream: str

    def envelope(self, sequence: int) -> Envelope:
        """Return the envelope of the result with a sequence number."""
        return Envelope(
            stream=self.stream,
            station_site=self.site,
            station_name=self.name,
            sequence=sequence,
        )


def store_change(
    change: RecordChange,
    session: Session | None,
    letterhead: Letterhead,
    at: datetime,
    reply: StoredReply | None,
) -> Change:
    """Return the transaction of a step: ``session`` is the one its trials belong to.

    A session without a patient is stored and not published (CONTRACT section 3).
    """
    owner = change.summary.session if change.summary else session
    bound = owner is not None and owner.patient is not None
    return Change(
        sessions=change.sessions,
        trials=change.trials,
        deficits=change.deficits,
        summary=change.summary,
        outbox=tuple(_drafts(change, owner, letterhead)) if owner and bound else (),
        reply=reply,
        at=at,
    )


def _drafts(
    change: RecordChange, session: Session, letterhead: Letterhead
) -> Iterator[OutboxDraft]:
    def seal(render: Callable[[Envelope], bytes], sequence: int) -> bytes:
        return render(letterhead.envelope(sequence))

    topics = letterhead.topics
    for trial in change.trials:
        render = partial(seal, partial(render_trial, trial, session))
        yield OutboxDraft(trial.result_id, trial.revision, topics.trial, CONTENT_TYPE, render)
    for deficit in change.deficits:
        render = partial(seal, partial(render_deficit, deficit, session))
        yield OutboxDraft(deficit.result_id, deficit.revision, topics.deficit, CONTENT_TYPE, render)
    if change.summary is not None:
        summary = change.summary
        render = partial(seal, partial(render_session, summary))
        yield OutboxDraft(summary.result_id, summary.revision, topics.session, CONTENT_TYPE, render)
