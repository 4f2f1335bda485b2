"""A node on this machine: it answers as a test says, over HTTP, and notes what it is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

METHOD_NOT_FOUND: Final = -32601


class RefusalError(Exception):
    """What a node answers with in place of a result."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class ServedNode:
    """A node that answers by what `answers` has for a method: a function of the request's parameters."""

    def __init__(self, url: str, answers: Mapping[str, Callable[..., Any]]) -> None:
        self.url = url
        self.answers = {**answers}
        self.asked: list[tuple[str, list[Any]]] = []
        self.authorizations: list[str | None] = []

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]

    def answer(self, request: Any) -> dict[str, Any]:
        method, parameters = request["method"], request["params"]
        self.asked.append((method, parameters))
        envelope = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            if method not in self.answers:
                raise RefusalError(METHOD_NOT_FOUND, f"the method {method} does not exist/is not available")
            return {**envelope, "result": self.answers[method](*parameters)}
        except RefusalError as refusal:
            return {**envelope, "error": {"code": refusal.code, "message": str(refusal)}}


Respond = Callable[[BaseHTTPRequestHandler, ServedNode, Any], None]


def respond(handler: BaseHTTPRequestHandler, node: ServedNode, request: Any) -> None:
    """Answer as a node does."""
    send(handler, json.dumps(node.answer(request)).encode())


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(answers: Mapping[str, Callable[..., Any]], respond: Respond = respond) -> Iterator[ServedNode]:
    """Serve a node; `respond` may do anything with a request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            node.authorizations.append(self.headers["authorization"])
            respond(self, node, request)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    node = ServedNode(f"http://127.0.0.1:{server.server_port}", answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
