"""An OTLP/HTTP receiver that answers as it is told to, and keeps what it took."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# JSON of a request to the status, the headers and the body of an answer; None: it is taken.
Script = Callable[[Any], "tuple[int, dict[str, str], object] | None"]


@dataclass
class Received:
    """What was taken: path and names, in order. ``tries`` counts requests."""

    url: str = ""
    taken: list[tuple[str, list[str]]] = field(default_factory=list)
    tries: int = 0

    @property
    def names(self) -> list[str]:
        return sorted(name for _, names in self.taken for name in names)


@contextmanager
def receiving(script: Script = lambda _: None) -> Iterator[Received]:
    """A receiver for the time of the block."""
    received = Received()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                received.tries += 1
                answer = script(request)
                if answer is None:
                    received.taken.append((self.path, names_in(request)))
            status, headers, body = answer or (200, {}, {})
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing: the output belongs to the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


# Any: JSON.
def names_in(request: Any) -> list[str]:  # noqa: ANN401 - as above
    """Names of spans and events of log records, in order."""
    spans = [
        one["name"]
        for resource in request.get("resourceSpans", ())
        for scope in resource["scopeSpans"]
        for one in scope["spans"]
    ]
    records = [
        one["eventName"]
        for resource in request.get("resourceLogs", ())
        for scope in resource["scopeLogs"]
        for one in scope["logRecords"]
    ]
    return spans + records
