"""Commands from the broker or the control socket: judged, carried out, answered, remembered.

Order of judgement (docs/contract.md, section 7): size, JSON, command name, keys, values, then
phase. Only ``ok`` replies are remembered, in the same transaction as what the command changed; a
repeated ``request_id`` gets the first reply again.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from dynod.daemon.clock import instant
from dynod.daemon.corrections import Corrections
from dynod.daemon.station import Station
from dynod.daemon.writer import Writer
from dynod.model.errors import StorageError
from dynod.model.session import Identifier
from dynod.publish import commands as wire
from dynod.publish.commands import parse_command, reply_error, reply_ok
from dynod.publish.fields import IdentifierPart
from dynod.publish.refusals import CommandRefused
from dynod.session import inputs
from dynod.session.replies import ErrorCode, Refused
from dynod.store.audit import AuditEntry
from dynod.store.change import Change, ResendRange, StoredReply

log = logging.getLogger(__name__)

RECORD_SYSTEM = "record system"
MOST_RESENT = 100_000


class CommandService:
    """Carries out one command at a time, whoever sent it."""

    def __init__(
        self,
        station: Station,
        writer: Writer,
        corrections: Corrections,
        stream: str,
        status: Callable[[], Mapping[str, object]],
    ) -> None:
        self._station = station
        self._writer = writer
        self._corrections = corrections
        self._stream = stream
        self._status = status
        self._lock = asyncio.Lock()

    async def handle(self, name: str, payload: bytes, who: str = RECORD_SYSTEM) -> bytes:
        """Return the reply to a command; never raises for what is in it.

        ``who`` is where it came from, for the audit.
        """
        try:
            command = parse_command(name, payload)
        except CommandRefused as refusal:
            return self._refuse(refusal)
        request_id = str(command.request_id)
        async with self._lock:
            return await self._carry_out(command, request_id, who)

    async def _carry_out(self, command: wire.Command, request_id: str, who: str) -> bytes:
        try:
            known = await self._writer.call(self._writer.store.reply, request_id)
            return known or await self._execute(command, request_id, who)
        except Refused as refusal:
            return self._refuse(
                CommandRefused(
                    refusal.code.value, refusal.message, field=refusal.field, request_id=request_id
                )
            )
        except StorageError as error:
            log.error("command not carried out: %s", error)  # noqa: TRY400 - the line says it all
            return self._refuse(
                CommandRefused("storage", "the database cannot be written", request_id=request_id)
            )

    async def _execute(self, command: wire.Command, request_id: str, who: str) -> bytes:
        def stored(fields: Mapping[str, object]) -> StoredReply:
            return StoredReply(request_id, reply_ok(request_id, **fields))

        given = _input_of(command)
        if given is not None:
            audit = _taken_back(given, who)
            fields: Mapping[str, object] = await self._station.give(
                given, reply=stored, audit=audit
            )
            return stored(fields).payload
        correction = _correction_of(command)
        if correction is not None:
            fields = await self._corrections.give(correction, who, stored)
            return stored(fields).payload
        wanted: ResendRange | None = None
        match command:
            case wire.Tare():
                fields = {"tare_n": self._station.tare(command.device)}
            case wire.ResendResults():
                wanted, fields = await self._resend(command)
            case _:
                fields = self._status()
        reply = stored(fields)
        change = Change(reply=reply, resend=wanted, at=instant().wall)
        await self._writer.call(self._writer.store.commit, change)
        if wanted is not None:
            self._station.sealed(())
        return reply.payload

    async def _resend(
        self, command: wire.ResendResults
    ) -> tuple[ResendRange | None, Mapping[str, object]]:
        """Return what goes out again and the fields of the reply; raises Refused."""
        first, last = command.from_sequence, command.to_sequence
        if last < first:
            raise Refused(ErrorCode.INVALID_VALUE, "must not be below from_sequence", "to_sequence")
        if last - first >= MOST_RESENT:
            raise Refused(
                ErrorCode.INVALID_VALUE, f"at most {MOST_RESENT} numbers at once", "to_sequence"
            )
        if str(command.stream) != self._stream:
            raise Refused(ErrorCode.NOT_FOUND, "another database numbered that stream", "stream")
        held = await self._writer.call(self._writer.store.held, first, last)
        purged = [{"from_sequence": start, "to_sequence": end} for start, end in held.purged]
        wanted = ResendRange(first, last) if held.count else None
        return wanted, {"count": held.count, "purged": purged}

    def _refuse(self, refusal: CommandRefused) -> bytes:
        self._station.count_refused(refusal.code)
        return reply_error(refusal)


def _taken_back(given: inputs.Input, who: str) -> AuditEntry | None:
    """Return what the audit says of a result that is taken back while the session runs."""
    match given:
        case inputs.RedoTrial():
            return AuditEntry(instant().wall, "trial.redo", str(given.result_id), who)
        case inputs.DiscardTrial():
            return AuditEntry(instant().wall, "trial.discard", "last trial", who)
        case _:
            return None


def _input_of(command: wire.Command) -> inputs.Input | None:
    """Return the workflow's input for a command; None for what the workflow does not know."""
    match command:
        case wire.StartSession():
            return _start_session(command)
        case wire.StartTrial():
            return inputs.StartTrial(command.device)
        case wire.StopTrial():
            return inputs.StopTrial(command.device)
        case wire.RedoTrial():
            return inputs.RedoTrial(command.result_id)
        case wire.SelectTest():
            return inputs.SelectTest(command.movement, command.side)
        case _:
            plain = _PLAIN.get(type(command))
            return plain() if plain is not None else None


_PLAIN: dict[type[wire.Command], Callable[[], inputs.Input]] = {
    wire.EndSession: inputs.EndSession,
    wire.DiscardTrial: inputs.DiscardTrial,
    wire.ConfirmChange: inputs.ConfirmChange,
    wire.NextTest: inputs.NextTest,
}


def _correction_of(command: wire.Command) -> inputs.Correction | None:
    """Return the correction that a command asks for, or None where it asks for something else."""
    match command:
        case wire.AssignSession():
            patient = wire.patient_record(command.patient)
            return inputs.AssignSession(command.session_id, patient)
        case wire.RelabelTrial():
            return inputs.RelabelTrial(command.result_id, command.side)
        case wire.AnnotateTrial():
            return inputs.AnnotateTrial(command.result_id, command.pain_nrs, command.note)
        case wire.VoidResult():
            return inputs.VoidResult(command.result_id, command.reason, command.by)
        case _:
            return None


def _start_session(command: wire.StartSession) -> inputs.StartSession:
    return inputs.StartSession(
        patient=command.patient_record(),
        encounter=_identifier(command.encounter),
        order=_identifier(command.order),
        operator=_identifier(command.operator),
        body_mass_kg=command.body_mass_kg,
        involved_side=command.involved_side,
        lever_arms_m=command.lever_arms(),
        battery=command.battery,
    )


def _identifier(part: IdentifierPart | None) -> Identifier | None:
    return Identifier(part.system, part.id) if part is not None else None
