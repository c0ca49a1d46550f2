"""Stands between a station and its broker: counts what is published, and misbehaves on demand."""

import re
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

from tests.support.mosquitto import LOOPBACK, free_port

CONNACK, PUBLISH, PUBACK = 2, 3, 4  # MQTT 5.0, table 2-1
_SEQUENCE = re.compile(rb'"sequence": ?(\d+)')


class Mood(Enum):
    """How the broker seems to be."""

    WELL = "well"
    REFUSES = "refuses connections"
    SILENT = "accepts and stays silent"
    NO_PUBACK = "acknowledges nothing that is published"


@dataclass
class Passed:
    """What a station sent over one connection: the numbers of its results, as they went out."""

    results: list[int] = field(default_factory=list)
    acknowledged: int = 0


class Packets:
    """Cuts a stream of bytes into MQTT packets."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._rest += data
        while (length := _length(self._rest)) is not None and len(self._rest) >= length:
            packet, self._rest = self._rest[:length], self._rest[length:]
            yield packet


def _length(data: bytes) -> int | None:
    """Return the length of the packet that data begins with; None when that is not there yet."""
    size, shift = 0, 0
    for place, byte in enumerate(data[1:5]):
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return size + place + 2
    return None


class BrokerProxy:
    """Listens on a port of its own; ``plain`` says that what passes can be read.

    ``cut_after``: the connection that has carried so many results, or without ``plain`` so many
    bytes, is cut before the broker's answer gets through; it counts down for each connection anew.
    """

    def __init__(self, broker_port: int, *, plain: bool = True) -> None:
        self.port = free_port()
        self.mood = Mood.WELL
        self.passed: list[Passed] = []
        self.cut_after: int | None = None
        self.cuts = 0
        self._broker_port = broker_port
        self._plain = plain
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._listen)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self.cut()
        for thread in self._threads:
            thread.join()

    def cut(self) -> None:
        """Cut every connection."""
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def turn(self, mood: Mood) -> None:
        """Be another broker from now on, for new connections and old ones."""
        self.mood = mood
        if mood in {Mood.REFUSES, Mood.SILENT}:
            self.cut()

    def _listen(self) -> None:
        listener: socket.socket | None = None
        while not self._over.is_set():
            if self.mood is Mood.REFUSES:
                if listener is not None:
                    listener.close()
                    listener = None
                self._over.wait(0.01)
                continue
            if listener is None:
                listener = socket.create_server((LOOPBACK, self.port))
            if not select.select([listener], [], [], 0.02)[0]:
                continue
            station, _ = listener.accept()
            thread = threading.Thread(target=self._serve, args=(station,))
            self._threads.append(thread)
            thread.start()
        if listener is not None:
            listener.close()

    def _serve(self, station: socket.socket) -> None:
        station.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        broker: socket.socket | None = None
        with self._lock:
            self._open.add(station)
        try:
            if self.mood is Mood.SILENT:
                while not self._over.is_set() and self.mood is Mood.SILENT and station.recv(4096):
                    pass
                return
            broker = socket.create_connection((LOOPBACK, self._broker_port))
            broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(broker)
            self._pass(station, broker)
        except OSError:
            pass  # either side is gone, and so is the other
        finally:
            with self._lock:
                self._open -= {station, broker} if broker is not None else {station}
            station.close()
            if broker is not None:
                broker.close()

    def _pass(self, station: socket.socket, broker: socket.socket) -> None:
        passed = Passed()
        self.passed.append(passed)
        out, back = Packets(), Packets()
        carried = 0
        while not self._over.is_set():
            for ready in select.select([station, broker], [], [], 0.05)[0]:
                data = ready.recv(65536)
                if not data:
                    return
                carried += len(data)
                if not self._plain:
                    (broker if ready is station else station).sendall(data)
                elif ready is station:
                    self._from_station(out.feed(data), broker, passed)
                else:
                    self._from_broker(back.feed(data), station, passed)
                limit = self.cut_after
                if limit is not None and limit <= (len(passed.results) if self._plain else carried):
                    self.cuts += 1
                    return

    def _from_station(
        self, packets: Iterator[bytes], broker: socket.socket, passed: Passed
    ) -> None:
        for packet in packets:
            if packet[0] >> 4 == PUBLISH and b"/results/" in packet[:80]:
                found = _SEQUENCE.search(packet)
                assert found is not None, packet
                passed.results.append(int(found[1]))
            broker.sendall(packet)

    def _from_broker(
        self, packets: Iterator[bytes], station: socket.socket, passed: Passed
    ) -> None:
        for packet in packets:
            if packet[0] >> 4 == PUBACK:
                if self.mood is Mood.NO_PUBACK:
                    continue
                passed.acknowledged += 1
            station.sendall(packet)
