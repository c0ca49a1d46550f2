"""Samples, events and rejects of one decoded chunk, in the order of stream time.

A chunk may hold a second or an hour (a capture replayed as fast as possible); whoever consumes it
must see a press between the samples around it, or a replay would not give what the live run gave.
"""

from collections.abc import Iterator

from dynod.model.samples import Decoded, DeviceEvent, Reject, SampleBlock


def in_stream_order(decoded: Decoded) -> Iterator[SampleBlock | DeviceEvent | Reject]:
    """Yield blocks cut at every event and reject; samples at the very time of one come first."""
    marks: list[DeviceEvent | Reject] = [*decoded.events, *decoded.rejects]
    marks.sort(key=lambda mark: (mark.segment, mark.t_s))
    if not marks:
        yield from decoded.blocks
        return
    position = 0
    for block in decoded.blocks:
        rest = block
        while position < len(marks) and _belongs(marks[position], rest):
            mark = marks[position]
            before = _until(rest, mark)
            if len(before):
                yield before
            rest = rest[len(before) :]
            yield mark
            position += 1
        if len(rest):
            yield rest
    yield from marks[position:]


def _belongs(mark: DeviceEvent | Reject, block: SampleBlock) -> bool:
    if mark.segment != block.segment:
        return mark.segment < block.segment
    return not len(block) or mark.t_s <= float(block.t_s[-1])


def _until(block: SampleBlock, mark: DeviceEvent | Reject) -> SampleBlock:
    if mark.segment < block.segment:
        return block[:0]
    return block[: int(block.t_s.searchsorted(mark.t_s, side="right"))]
