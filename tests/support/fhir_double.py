"""A FHIR endpoint for tests: takes Bundles, answers by script, keeps what it was sent."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Posted:
    """A request that came in."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Scripted:
    """An answer; ``hold_s`` is how long it takes to come."""

    status: int = 200
    body: bytes = b'{"resourceType": "Bundle", "type": "transaction-response"}'
    headers: Mapping[str, str] = field(default_factory=dict)
    hold_s: float = 0.0


class FhirDouble:
    """Answers the scripted ones first, and then always well."""

    def __init__(self, *script: Scripted) -> None:
        self.posted: list[Posted] = []
        self.script = list(script)
        self.changed = threading.Condition()
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/fhir"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, count: int) -> list[Posted]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.posted) >= count, 30), self.posted
            return list(self.posted)

    def _take(self, posted: Posted) -> Scripted:
        with self.changed:
            self.posted.append(posted)
            self.changed.notify_all()
            return self.script.pop(0) if self.script else Scripted()

    def _handler(double: "FhirDouble") -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                answer = double._take(Posted(self.path, dict(self.headers), json.loads(raw)))
                if answer.hold_s:
                    double._released.wait(answer.hold_s)
                try:
                    self._answer(answer)
                except ConnectionError:
                    return  # the client gave up, as it should

            do_GET = do_POST  # noqa: N815 - the library's name

            def _answer(self, answer: Scripted) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_details: object) -> None:
                """Be quiet."""

        return Handler


def outcome(text: str, code: str = "invalid") -> bytes:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()
