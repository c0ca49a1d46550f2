"""The flight recorder: what comes back, how large it gets, what a crash or a bad disk leaves."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynod.config.profiles import load_profiles
from dynod.daemon import flight
from dynod.daemon.flight import FlightRing, FlightSegment, flight_folder, joined, read_ring
from dynod.model.errors import DeviceError
from dynod.model.samples import Chunk
from dynod.wire.capture import chunks_of, format_timing, joined_blocks, parse_timing
from dynod.wire.decoder import Decoder
from dynod.wire.profile import Profile

SMALL = 4096
LINES = [b"%d;%.2f\r\n" % (12142 * k, k % 200 - 20.5) for k in range(2000)]


def chunks_from(lines: Iterable[bytes], start_s: float = 81.25) -> list[Chunk]:
    return [Chunk(line, start_s + 0.012142 * k) for k, line in enumerate(lines)]


def record(ring: FlightRing, chunks: Iterable[Chunk]) -> None:
    for number, chunk in enumerate(chunks):
        ring.chunk(chunk.data, chunk.arrival_s)
        if number % 50 == 0:
            ring.flush()


def recorded(segments: Iterable[FlightSegment]) -> list[Chunk]:
    """The chunks of all segments, through the text of a capture, as `dynod devices replay` does."""
    return [
        chunk
        for segment in segments
        for chunk in chunks_of(segment.data, parse_timing(format_timing(segment.timing)))
    ]


def samples(profile: Profile, chunks: Iterable[Chunk]) -> list[tuple[float, ...]]:
    decoder = Decoder(profile, aligned=False)
    blocks = joined_blocks([decoder.feed(chunk) for chunk in chunks])
    return [
        (block.segment, t_s, *row)
        for block in blocks
        for t_s, row in zip(block.t_s.tolist(), block.values.tolist(), strict=True)
    ]


def problem_of(ring: FlightRing) -> str | None:
    return ring.problem


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- what comes back --------------------------------------------------------------------------


def test_what_was_recorded_comes_back(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path / "hhd-1")
    ring.opened(80.0)
    ring.asked(80.5)
    ring.chunk(b"12140;27", 81.25)
    ring.asked(81.3)
    ring.chunk(b".30\r\n", 81.262)
    ring.lost(95.5, "/dev/ttyUSB0: hung up\nnow")
    ring.flush()
    (segment,) = read_ring(tmp_path / "hhd-1")
    assert segment.name == "00000001"
    assert segment.data == b"12140;27.30\r\n"
    assert segment.timing.chunks == ((81.25, 8), (81.262, 5))
    assert segment.timing.asked == (80.5, 81.3)
    assert segment.faults == ((95.5, "/dev/ttyUSB0: hung up\nnow"),)
    assert not segment.timing.aligned
    assert not segment.continues
    assert ring.problem is None


@pytest.mark.parametrize("name", ["chronojump_force_sensor", "witmotion_wt901"])
def test_a_recording_decodes_to_the_samples_of_the_live_run(tmp_path: Path, name: str) -> None:
    """Also over the seams of segments, which fall into the middle of lines and frames."""
    profile = load_profiles(None)[name]
    capture = next((Path(__file__).parents[2] / "devices" / name / "captures").glob("load.bin"))
    timing = parse_timing(capture.with_suffix(".chunks.json").read_text("utf-8"))
    pieces = chunks_of(capture.read_bytes(), timing)
    longest_s = pieces[-1].arrival_s + 0.016
    chunks = [
        Chunk(chunk.data, 86_123.456789012 + turn * longest_s + chunk.arrival_s)
        for turn in range(4)
        for chunk in pieces
    ]
    ring = FlightRing(tmp_path, segment_bytes=SMALL, segments=64)
    ring.opened(86_123.0)
    record(ring, chunks)
    ring.close()
    segments = read_ring(tmp_path)
    assert len(segments) > 3
    (whole,) = joined(segments)
    expected = samples(profile, chunks)
    assert len(expected) > 100
    assert samples(profile, recorded([whole])) == expected
    assert samples(profile, recorded(segments)) == expected


def test_each_opening_is_a_capture_of_its_own(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path, segment_bytes=SMALL)
    for turn in range(3):
        ring.opened(10.0 * turn)
        record(ring, chunks_from(LINES[:300], 10.0 * turn))
        ring.lost(10.0 * turn + 9.0, "hung up")
    ring.flush()
    segments = read_ring(tmp_path)
    assert len(segments) > 6
    captures = joined(segments)
    assert [capture.data for capture in captures] == [b"".join(LINES[:300])] * 3
    assert [capture.faults[0][0] for capture in captures] == [9.0, 19.0, 29.0]
    assert captures[0].name == "00000001"


def test_a_chunk_larger_than_a_segment_is_kept_whole(tmp_path: Path) -> None:
    data = os.urandom(20_000)
    ring = FlightRing(tmp_path, segment_bytes=SMALL)
    ring.opened(1.0)
    ring.chunk(b"before", 1.25)
    ring.chunk(data, 1.5)
    ring.flush()
    (whole,) = joined(read_ring(tmp_path))
    assert whole.data == b"before" + data
    assert {arrival_s for arrival_s, _ in whole.timing.chunks} == {1.25, 1.5}


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    for turn in range(3):
        ring = FlightRing(tmp_path)
        ring.opened(float(turn))
        ring.chunk(b"%d" % turn, float(turn))
        ring.close()
    segments = read_ring(tmp_path)
    assert [segment.name for segment in segments] == ["00000001", "00000002", "00000003"]
    assert [segment.data for segment in segments] == [b"0", b"1", b"2"]
    assert len(joined(segments)) == 3


def test_a_recorder_that_was_closed_records_again(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path)
    for turn in range(2):
        ring.opened(float(turn))
        ring.chunk(b"%d" % turn, float(turn))
        ring.close()
    assert [segment.data for segment in read_ring(tmp_path)] == [b"0", b"1"]


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path / "flight" / "hhd-1")
    ring.opened(1.0)
    ring.chunk(b"x", 1.0)
    ring.flush()
    assert mode(tmp_path / "flight") == mode(tmp_path / "flight" / "hhd-1") == 0o700
    assert {mode(path) for path in (tmp_path / "flight" / "hhd-1").iterdir()} == {0o600}


def test_the_ring_is_beside_the_database() -> None:
    assert flight_folder(Path("/var/lib/dynod/dynod.db")) == Path("/var/lib/dynod/flight")


def test_a_ring_has_a_least_size(tmp_path: Path) -> None:
    for sizes in ({"segment_bytes": 100}, {"segments": 1}):
        with pytest.raises(ValueError, match="at least"):
            FlightRing(tmp_path, **sizes)


# -- how large it gets ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [1, 17, 3000, 9000], ids=["index larger", "usual", "large", "larger than a segment"]
)
def test_the_disk_never_holds_more_than_the_ring(tmp_path: Path, size: int) -> None:
    ring = FlightRing(tmp_path, segment_bytes=SMALL, segments=3)
    ring.opened(1.0)
    largest = 0
    for k in range(60_000 // min(size, 60)):
        ring.chunk(b"x" * size, 1e5 + k / 83.0)
        if k % 7 == 0:
            ring.flush()
            largest = max(largest, on_disk(tmp_path))
    assert SMALL < largest <= 3 * SMALL
    segments = read_ring(tmp_path)
    assert int(segments[0].name) > 1  # the oldest went first
    assert all(a.name < b.name and b.continues for a, b in pairwise(segments))


def test_polls_and_faults_count_too(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path, segment_bytes=SMALL, segments=3)
    for turn in range(200):
        ring.opened(float(turn))
        ring.chunk(b"x", float(turn))
        for k in range(20):
            ring.asked(turn + k / 40.0)
        ring.lost(float(turn), "\x00é😀" * 200)
        ring.flush()
        assert on_disk(tmp_path) <= 3 * SMALL
    assert read_ring(tmp_path)[-1].timing.asked


def test_a_device_that_comes_and_goes_makes_no_flood_of_files(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path, segment_bytes=SMALL, segments=2)
    for turn in range(200):
        ring.opened(float(turn))
        ring.chunk(b"x", float(turn))
        ring.lost(float(turn), "hung up")
    ring.flush()
    assert len(list(tmp_path.iterdir())) == 2 * 2 * flight.FILES_PER_SEGMENT
    assert int(read_ring(tmp_path)[-1].name) == 200


def test_looking_for_a_device_in_vain_pushes_nothing_out(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path, segment_bytes=SMALL, segments=2)
    ring.opened(1.0)
    ring.chunk(b"precious", 1.0)
    ring.lost(2.0, "hung up")
    for turn in range(1000):
        ring.lost(2.5 + turn, "no such port")  # nothing was opened
        ring.opened(3.0 + turn)
        for k in range(100):
            ring.asked(3.0 + turn + k / 200.0)
        ring.lost(4.0 + turn, "no answer")
    ring.opened(2000.0)
    ring.lost(2001.0, "answers as another device")
    ring.flush()
    segments = read_ring(tmp_path)
    assert [segment.data for segment in segments] == [b"precious", b"", b""]
    faults = [[fault for _, fault in segment.faults] for segment in segments]
    assert faults == [["hung up"], ["no answer"], ["answers as another device"]]
    assert len(segments[1].timing.asked) == 64  # the last polls before the fault


# -- a disk that fails ------------------------------------------------------------------------


def full_disk(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """From now on the files take ``room`` bytes more, and the last write is a short one."""
    left = [room]

    class FullOs:
        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def write(self, descriptor: int, data: memoryview) -> int:
            if not left[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            size = os.write(descriptor, data[: left[0]])
            left[0] -= size
            return size

    monkeypatch.setattr(flight, "os", FullOs())


@pytest.mark.parametrize("room", [0, 5, 400])
def test_a_full_disk_switches_it_off_until_the_port_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, room: int
) -> None:
    ring = FlightRing(tmp_path / "hhd-1", segment_bytes=SMALL)
    ring.opened(1.0)
    record(ring, chunks_from(LINES[:20]))
    ring.flush()
    before = recorded(read_ring(tmp_path / "hhd-1"))
    with monkeypatch.context() as patch:
        full_disk(patch, room)
        record(ring, chunks_from(LINES[20:1000]))
        ring.lost(90.0, "hung up")
        ring.flush()
        problem = problem_of(ring) or ""
        assert f"{tmp_path / 'hhd-1'}: No space left on device" in problem
        assert "\n" not in problem
        for turn in range(300):  # it tries, in vain, and throws away nothing that it has
            ring.opened(100.0 + turn)
            ring.chunk(b"lost", 100.0 + turn)
            ring.flush()
    warnings = [item for item in caplog.records if item.name == "dynod.daemon.flight"]
    assert len(warnings) == 1
    ring.chunk(b"still off", 500.0)
    ring.flush()
    assert problem_of(ring) is not None
    ring.opened(600.0)
    ring.chunk(b"again", 601.0)
    ring.flush()
    assert problem_of(ring) is None
    segments = read_ring(tmp_path / "hhd-1")
    assert recorded(segments)[: len(before)] == before
    assert recorded(segments)[-1] == Chunk(b"again", 601.0)
    assert b"off" not in b"".join(segment.data for segment in segments)
    assert len(list((tmp_path / "hhd-1").iterdir())) <= 6


def test_while_room_is_saved_nothing_is_kept_and_a_gap_follows(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path)
    ring.opened(1.0)
    ring.chunk(b"before", 2.0)
    ring.flush()
    ring.saves_room = True
    held = sum(path.stat().st_size for path in tmp_path.iterdir())
    for at_s in (3.0, 4.0, 5.0):
        ring.asked(at_s)
        ring.chunk(b"meanwhile", at_s)
        ring.flush()
    ring.lost(6.0, "hung up")
    ring.opened(7.0)
    ring.chunk(b"meanwhile", 8.0)
    ring.flush()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == held
    ring.saves_room = False
    ring.chunk(b"after", 9.0)
    ring.flush()
    assert [capture.data for capture in joined(read_ring(tmp_path))] == [b"before", b"after"]


def test_no_file_stays_open_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = FlightRing(tmp_path / "hhd-1")
    full_disk(monkeypatch, 0)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for turn in range(20):
        ring.opened(float(turn))
        ring.chunk(b"x", float(turn))
        ring.flush()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert list((tmp_path / "hhd-1").iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "flight").write_text("a file in the way")
    ring = FlightRing(tmp_path / "flight" / "hhd-1")
    ring.opened(1.0)
    ring.chunk(b"x", 1.0)
    ring.flush()
    assert problem_of(ring) is not None
    (tmp_path / "flight").unlink()
    ring.opened(2.0)
    ring.chunk(b"y", 2.0)
    ring.flush()
    assert problem_of(ring) is None
    assert [segment.data for segment in read_ring(tmp_path / "flight" / "hhd-1")] == [b"y"]


def test_a_folder_that_somebody_removed(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path / "hhd-1", segment_bytes=SMALL)
    ring.opened(1.0)
    ring.chunk(b"x", 1.0)
    ring.flush()
    for path in (tmp_path / "hhd-1").iterdir():
        path.unlink()
    (tmp_path / "hhd-1").rmdir()
    record(ring, chunks_from(LINES[:500]))
    assert problem_of(ring) is not None
    ring.opened(2.0)
    ring.chunk(b"y", 2.0)
    ring.close()
    assert problem_of(ring) is None
    assert [segment.data for segment in read_ring(tmp_path / "hhd-1")] == [b"y"]


def test_a_disk_that_hangs_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While `flush` waits in its thread, chunks are taken up to a limit; the hole is a gap."""
    begun, released = threading.Event(), threading.Event()
    write_all = flight._write_all

    def hanging(descriptor: int, data: bytes) -> None:
        begun.set()
        released.wait()
        write_all(descriptor, data)

    monkeypatch.setattr(flight, "_write_all", hanging)
    ring = FlightRing(tmp_path)
    ring.opened(1.0)
    ring.chunk(b"first", 1.0)
    thread = threading.Thread(target=ring.flush)
    thread.start()
    begun.wait()
    for k in range(100):
        ring.chunk(b"x" * 65536, 2.0 + k)
    released.set()
    thread.join()
    ring.chunk(b"after", 200.0)
    ring.flush()
    captures = joined(read_ring(tmp_path))
    assert len(captures) == 2
    assert captures[0].data.startswith(b"firstx")
    assert len(captures[0].data) < 2 * flight.MOST_WAITING
    assert captures[1].data == b"after"


def test_without_a_flush_it_writes_by_itself(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path, segments=32)
    ring.opened(1.0)
    for k in range(200):
        ring.chunk(b"%065536d" % k, 2.0 + k)
    assert on_disk(tmp_path) > 150 * 65536
    ring.close()
    (whole,) = joined(read_ring(tmp_path))
    assert len(whole.data) == 200 * 65536


# -- a reader of what was torn ----------------------------------------------------------------


def torn_ring(folder: Path) -> tuple[Path, Path]:
    ring = FlightRing(folder)
    ring.opened(1.0)
    for k, line in enumerate(LINES[:6]):
        ring.asked(1.0 + k)
        ring.chunk(line, 1.5 + k)
    ring.lost(9.0, "hung up")
    ring.close()
    return folder / "00000001.bin", folder / "00000001.index"


def test_any_torn_end_of_either_file_gives_the_whole_chunks_before_it(tmp_path: Path) -> None:
    data_path, index_path = torn_ring(tmp_path)
    data, index = data_path.read_bytes(), index_path.read_bytes()
    ends = [len(b"".join(LINES[:k])) for k in range(7)]
    for size in range(len(data) + 1):
        data_path.write_bytes(data[:size])
        found = b"".join(segment.data for segment in read_ring(tmp_path))
        assert len(found) == max(end for end in ends if end <= size)
        assert data.startswith(found)
    data_path.write_bytes(data)
    for size in range(len(index) + 1):
        index_path.write_bytes(index[:size])
        segments = read_ring(tmp_path)
        whole_lines = index[:size].count(b"\n")
        assert len(recorded(segments)) == max(0, min(6, (whole_lines - 1) // 2))
        assert all(len(s.timing.asked) <= len(s.timing.chunks) + 1 for s in segments)


@settings(deadline=None, max_examples=200)
@given(
    index=st.binary(max_size=80)
    | st.lists(
        st.sampled_from(
            [
                b"flight 1 opened\n",
                b"flight 1 continued 3\n",
                b"c 1.5 3\n",
                b"c 1.5 -3\n",
                b"c nan 3\n",
                b"c 1.5 99999999999999999999\n",
                b"c 1.5 " + b"9" * 5000 + b"\n",
                b"a 1.5\n",
                b"a\n",
                b'l 1.5 "fault"\n',
                b"l 1.5 [" + b"[" * 2000 + b"\n",
                b"\0" * 30,
                b"\xff\n",
            ]
        ),
        max_size=6,
    ).map(b"".join),
    data=st.binary(max_size=12),
)
def test_no_content_of_the_files_raises(
    tmp_path_factory: pytest.TempPathFactory, index: bytes, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("ring")
    (folder / "00000001.bin").write_bytes(data)
    (folder / "00000001.index").write_bytes(index)
    for segment in read_ring(folder):
        assert chunks_of(segment.data, segment.timing) or segment.faults
        assert data.startswith(segment.data)


def test_segments_with_a_loss_between_them_are_not_joined(tmp_path: Path) -> None:
    """A power cut may take the end of a segment and leave the next, since nothing is synced."""
    ring = FlightRing(tmp_path, segment_bytes=SMALL)
    ring.opened(1.0)
    record(ring, chunks_from(LINES[:600]))
    ring.close()
    assert len(joined(read_ring(tmp_path))) == 1
    second = tmp_path / "00000002.bin"
    second.write_bytes(second.read_bytes()[:-1])
    assert [capture.name for capture in joined(read_ring(tmp_path))] == ["00000001", "00000003"]
    second.unlink()
    assert [capture.name for capture in joined(read_ring(tmp_path))] == ["00000001", "00000003"]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path, segment_bytes=SMALL, segments=2)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "1.bin").write_text("mine too")
    ring.opened(1.0)
    record(ring, chunks_from(LINES))
    ring.close()
    assert (tmp_path / "notes.txt").exists()
    assert (tmp_path / "1.bin").exists()
    assert all(len(segment.name) == 8 for segment in read_ring(tmp_path))


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert read_ring(tmp_path / "nothing") == []


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "hhd-1").write_text("no folder")
    with pytest.raises(DeviceError, match="hhd-1: cannot be read: Not a directory") as caught:
        read_ring(tmp_path / "hhd-1")
    assert "\n" not in str(caught.value)


# -- a process that is killed -----------------------------------------------------------------

_WRITER = """
import sys
from pathlib import Path
from dynod.daemon.flight import FlightRing

ring = FlightRing(Path(sys.argv[1]), segment_bytes=int(sys.argv[2]), segments=8)
ring.opened(0.0)
k = 0
while True:
    for _ in range(25):
        ring.chunk(b"%d;%.2f\\r\\n" % (12142 * k, k % 200 - 20.5), 0.012142 * k)
        k += 1
    ring.flush()
    print(k, flush=True)
"""


@pytest.mark.parametrize("segment_bytes", [SMALL, 1 << 20])
def test_a_killed_process_loses_nothing_that_it_had_flushed(
    tmp_path: Path, segment_bytes: int
) -> None:
    words = [sys.executable, "-c", _WRITER, str(tmp_path), str(segment_bytes)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        flushed = [int(process.stdout.readline()) for _ in range(100)][-1]
        process.send_signal(signal.SIGKILL)
        flushed = max([flushed, *(int(line) for line in process.stdout if line.endswith(b"\n"))])
    segments = read_ring(tmp_path)
    (whole,) = joined(segments)  # without a hole
    last = round(whole.timing.chunks[-1][0] / 0.012142) + 1
    assert last >= flushed
    everything = b"".join(b"%d;%.2f\r\n" % (12142 * k, k % 200 - 20.5) for k in range(last))
    assert everything.endswith(whole.data)
    assert whole.data == everything or int(segments[0].name) > 1
    assert on_disk(tmp_path) <= 8 * segment_bytes

    ring = FlightRing(tmp_path, segment_bytes=segment_bytes)
    ring.opened(5.0)
    ring.chunk(b"after the restart", 6.0)
    ring.close()
    after = read_ring(tmp_path)[-1]
    assert int(after.name) > int(segments[-1].name)
    assert (after.data, after.continues) == (b"after the restart", False)


def test_a_thread_may_flush_while_another_records(tmp_path: Path) -> None:
    ring = FlightRing(tmp_path, segments=16)
    over = threading.Event()

    def flusher() -> None:
        while not over.is_set():
            ring.flush()

    thread = threading.Thread(target=flusher)
    thread.start()
    ring.opened(0.0)
    chunks = [chunk for _ in range(10) for chunk in chunks_from(LINES)]
    for number, chunk in enumerate(chunks):
        ring.chunk(chunk.data, chunk.arrival_s)
        if number % 2000 == 0:  # else more could wait than the limit
            ring.flush()
    over.set()
    thread.join()
    ring.close()
    assert recorded(joined(read_ring(tmp_path))) == chunks
