"""A fake of OpenAI's and Anthropic's APIs on loopback, which remembers what it was asked and what each answer costs in tokens.

A request says by its model how it wants to fail (see ``tests.support.served_call``); all else follows from what it holds.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType, TracebackType
from typing import Self
from uuid import uuid4

from tests.support.model_anthropic import answer_messages
from tests.support.model_openai import answer_chat, answer_embeddings, answer_responses
from tests.support.served_call import FIRST_CHUNK_NS, Answer, Json, ModelCall

_SLOW_S = 20.0
_Answering = Callable[[Json, ModelCall], Answer]
_ENDPOINTS: Mapping[str, tuple[str, _Answering]] = MappingProxyType(
    {
        "/v1/chat/completions": ("openai", answer_chat),
        "/v1/responses": ("openai", answer_responses),
        "/v1/embeddings": ("openai", answer_embeddings),
        "/v1/messages": ("anthropic", answer_messages),
    }
)


class ModelServer:
    """Started by ``with``; ``url`` is where it listens, without a path. Calls are kept in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[ModelCall] = []
        self._released = threading.Event()
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, name="model server", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def calls(self) -> list[ModelCall]:
        """Everything that was asked so far."""
        with self._lock:
            return list(self._calls)

    def answer(self, path: str, request: Json) -> Answer | None:
        """What to say; None when there is no such endpoint."""
        provider, answering = _ENDPOINTS.get(path.partition("?")[0], ("", None))
        if answering is None:
            return None
        with self._lock:
            call = ModelCall(
                number=len(self._calls) + 1,
                provider=provider,
                operation="",
                path=path,
                received_unix_nano=time.time_ns(),
                model_requested=request["model"],
                is_streaming=bool(request.get("stream")),
                request_id=f"req_{uuid4().hex}",
            )
            answer = answering(request, call)
            self._calls.append(answer.call)
        return answer

    def wait(self, seconds: float) -> None:
        """Passes the time of a slow answer, which the end of the server cuts short."""
        self._released.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Parallel calls connect at once.
    request_queue_size = 64

    def __init__(self, owner: ModelServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away, which those of slow answers do, is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        request: Json = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server.owner.answer(self.path, request)
        if answer is None:
            self._send(404, {"error": {"message": "no such endpoint"}})
            return
        if answer.is_slow:
            self.server.owner.wait(_SLOW_S)
            return
        if answer.pieces:
            self._stream(answer)
            return
        self._send(answer.call.status, answer.body, request_id=answer.call.request_id)

    def _send(self, status: int, body: Json, *, request_id: str = "") -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self._identify(request_id)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, answer: Answer) -> None:
        self.send_response(200)
        self._identify(answer.call.request_id)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        # The head goes out at once: what a stream is measured by is when its first event comes.
        self.server.owner.wait(FIRST_CHUNK_NS / 1e9)
        for piece in answer.pieces:
            self.wfile.write(piece)
            self.wfile.flush()
        self.close_connection = True

    def _identify(self, request_id: str) -> None:
        # One company says it with the prefix, the other without.
        self.send_header("x-request-id", request_id)
        self.send_header("request-id", request_id)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing: calls are remembered instead."""
