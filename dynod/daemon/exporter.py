"""Exports: what of which sessions, in which format, written down in the audit (docs/export.md).

The pieces are plain JSON data, the same from a running daemon and from the database itself; who
asks puts them into a file.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from dynod.daemon.bundle_maker import BundleMaker, bundle_maker
from dynod.daemon.control import check_keys
from dynod.daemon.curve_row import curve_row
from dynod.daemon.plan import Plan
from dynod.daemon.reanalysis_request import Request, choose, moment_of
from dynod.model.errors import UsageError
from dynod.model.export import ExportFormat
from dynod.model.session import SessionSummary
from dynod.publish.export import export_csv
from dynod.publish.hl7 import Hl7Settings, Hl7Source, render_hl7
from dynod.session.answers import result_uuid
from dynod.session.inputs import Instant
from dynod.store.audit import AuditEntry
from dynod.store.bundles import BundleMark, BundleMaterial
from dynod.store.exports import ExportMaterial
from dynod.store.store import Store

_KEYS = ("session", "since", "format", "by")


# Without a patient nothing is published.
_OF_A_PATIENT = {ExportFormat.JSON, ExportFormat.FHIR, ExportFormat.HL7V2}


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """One session (``session`` is its id or the beginning of it), or all that began since then.

    ``by`` is who asks, for the audit.
    """

    what: ExportFormat
    session: str | None = None
    since: datetime | None = None
    by: str = "unknown"


def parse_export(given: Mapping[str, object]) -> ExportRequest:
    """Return the request of plain JSON data; raises UsageError for what is none."""
    check_keys("export", given, _KEYS)
    for key, value in given.items():
        if value is not None and not (isinstance(value, str) and value):
            raise UsageError(f"export: {key} should be text")
    texts = {key: str(value) for key, value in given.items() if value is not None}
    if ("session" in texts) == ("since" in texts):
        raise UsageError("export: name either --session or --since")
    if texts.get("format") not in set(ExportFormat):
        raise UsageError(f"export: no such format; there are: {', '.join(ExportFormat)}")
    return ExportRequest(
        ExportFormat(texts["format"]),
        texts.get("session"),
        moment_of("since", texts.get("since"), end=False),
        texts.get("by", "unknown"),
    )


@dataclass(frozen=True, slots=True)
class Exporter:
    """Reads one session at a time; every export of a session is an entry of the audit."""

    bundles: BundleMaker
    hl7: Hl7Settings
    site: str
    station: str

    def choose(self, store: Store, asked: ExportRequest) -> tuple[UUID, ...]:
        """Return the sessions that a request means, oldest first. Raises UsageError."""
        if asked.session is not None:
            return choose(store, Request(session=asked.session)).sessions
        return tuple(
            session.session_id
            for session in reversed(store.sessions(None))
            if asked.since is None or session.started_at >= asked.since
        )

    def export(
        self, store: Store, session_id: UUID, asked: ExportRequest, now: Instant
    ) -> tuple[object, ...] | None:
        """Return the pieces of one session, written down already; None where it is left out.

        A piece is a row of Parquet, or text. Left out is what has not ended, and where a format
        needs a patient, what has none; raises UsageError where just that was asked for.
        """
        found = store.export_material(session_id)
        why_not = _why_not(found, asked.what)
        if found is None or why_not:
            if asked.session is not None:
                raise UsageError(f"export: the session {why_not}")
            return None
        pieces = tuple(self._pieces(store, found, asked.what, now))
        detail = {"format": asked.what.value}
        store.audit(AuditEntry(now.wall, "results.export", str(session_id), asked.by, detail))
        return pieces

    def _pieces(
        self, store: Store, found: ExportMaterial, what: ExportFormat, now: Instant
    ) -> Iterator[object]:
        match what:
            case ExportFormat.CSV:
                yield from export_csv((found.stored,))
            case ExportFormat.JSON:
                yield from (payload.decode() for payload in found.payloads)
            case ExportFormat.FHIR:
                yield self._bundle(store, found, now).decode() + "\n"
            case ExportFormat.HL7V2:
                yield self._message(found).decode()
            case ExportFormat.PARQUET:
                for trial in found.stored.trials:
                    whole = replace(trial, recording=store.recording(trial.result_id))
                    row = curve_row(whole, self.bundles.analysis)
                    if row is not None:
                        yield row

    def _bundle(self, store: Store, found: ExportMaterial, now: Instant) -> bytes:
        """Return the Bundle as it was published, or as it would be now."""
        made = found.bundle
        if made is not None and made.previous is not None and not made.due:
            return made.previous
        if made is not None and made.revision:
            return self.bundles.render(store, made, made.revision + 1, now)
        return self.bundles.render(store, _unpublished(found), _summary(found).revision, now)

    def _message(self, found: ExportMaterial) -> bytes:
        stored = found.stored
        source = Hl7Source(self.bundles.codes, self.site, self.station)
        return render_hl7(_summary(found), stored.trials, stored.deficits, source, self.hl7)


def exporter(plan: Plan, store: Store) -> Exporter:
    """Return the exporter of a station."""
    config = plan.config
    hl7 = Hl7Settings(
        config.hl7.receiving_application or "",
        config.hl7.receiving_facility or "",
        config.hl7.processing,
        config.hl7.authorities,
    )
    maker = bundle_maker(plan, str(store.stream))
    return Exporter(maker, hl7, config.station.site, config.station.name)


def export_lines(
    made_by: Exporter, store: Store, asked: ExportRequest, now: Callable[[], Instant]
) -> Iterator[dict[str, object]]:
    """Yield how many ``sessions`` there are, the ``pieces`` of each, and the counts at the ``end``.

    A session whose ``pieces`` are None was left out.
    """
    chosen = made_by.choose(store, asked)
    yield {"sessions": len(chosen)}
    exported = 0
    for done, session_id in enumerate(chosen, 1):
        pieces = made_by.export(store, session_id, asked, now())
        exported += pieces is not None
        yield {"pieces": None if pieces is None else list(pieces), "done": done}
    yield {"end": {"sessions": exported, "left_out": len(chosen) - exported}}


def _why_not(found: ExportMaterial | None, what: ExportFormat) -> str | None:
    if found is None:
        return "is no longer there"
    if found.stored.session.ended_at is None or found.stored.summary is None:
        return "has not ended yet; `dynod session end` ends it"
    if what in _OF_A_PATIENT and found.stored.session.patient is None:
        return f"has no patient, and {what} needs one; `dynod session assign` says whose it is"
    return None


def _summary(found: ExportMaterial) -> SessionSummary:
    if found.stored.summary is None:
        raise ValueError("a session that has not ended has no summary")
    # Somebody may have been assigned since.
    return replace(found.stored.summary, session=found.stored.session)


def _unpublished(found: ExportMaterial) -> BundleMaterial:
    session = found.stored.session
    mark = BundleMark(result_uuid(session, "fhir"), session.session_id, session.binding)
    stored = found.stored
    return BundleMaterial(
        mark,
        0,
        session,
        withdrawn=False,
        trials=stored.trials,
        deficits=stored.deficits,
        previous=None,
    )
