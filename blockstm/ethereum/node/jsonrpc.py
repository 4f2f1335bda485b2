"""A node that is asked over HTTP: JSON-RPC 2.0, one request at a time, answers read strictly and with bounds.

What a node's address holds beyond the host, such as a key of its provider, is in no message.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from blockstm.errors import UsageError, one_line, shown
from blockstm.ethereum.node.nodejson import AUTHORIZATION_VARIABLE, Fields
from blockstm.files.content import ContentError, reason_of
from blockstm.files.json_answers import ENVELOPE
from blockstm.files.strict_json import decode_json
from blockstm.limits import ETHEREUM_JSON_BYTES_MAX

__all__ = ["AnswerError", "Node"]

_TIMEOUT_SECONDS: Final = 300.0
"""For one answer; to trace a large block takes a node minutes."""
_PIECE_BYTES: Final = 1 << 16
_REFUSAL_BYTES_MAX: Final = 1 << 16
_MESSAGE_CHARACTERS_MAX: Final = 300
_OTHER_NODE: Final = "try again, or ask another node"
_FIXES: Final = {
    401: f"put what the header Authorization must be into the environment variable {AUTHORIZATION_VARIABLE}",
    404: "check the URL",
    405: "check the URL",
}
_FIXES[403] = _FIXES[401]


class AnswerError(ContentError):
    """A node answered a request with an error.

    Arguments:
        method: what was asked.
        code: the error's number; None where it has none.
        told: what the node says of it, one line.
        fix: what to do.
    """

    def __init__(self, method: str, code: int | None, told: str, fix: str) -> None:
        """Compose the message."""
        number = "" if code is None else f" {code}"
        super().__init__(f"{method}: the node answered with error{number}, {told}; {fix}")
        self.code = code
        self.told = told


class Node:
    """A node, which keeps no connection open.

    Arguments:
        url: of its JSON-RPC interface, http or https.
        authorization: the value of the header Authorization; None for none.
        timeout_seconds: how long one answer may take.
        answer_bytes_max: the most that one answer may be.

    Raises:
        UsageError: the URL is none, or the authorization cannot be sent.
    """

    def __init__(
        self,
        url: str,
        *,
        authorization: str | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        answer_bytes_max: int = ETHEREUM_JSON_BYTES_MAX,
    ) -> None:
        """Check what is given; nothing is asked yet."""
        self.name = _name_of(url)
        """How messages name it: without path and query."""
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._answer_bytes_max = answer_bytes_max
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if authorization is not None:
            if not authorization.isascii() or not authorization.isprintable():
                raise UsageError(
                    f"{AUTHORIZATION_VARIABLE} holds what no header may; give printable characters of ASCII"
                )
            self._headers["Authorization"] = authorization
        self._opener = urllib.request.build_opener(_NoRedirect)

    def ask(self, method: str, *parameters: object, fix: str = _OTHER_NODE) -> Any:
        """Return the result of a request.

        Arguments:
            method: such as "eth_chainId".
            parameters: of it, as JSON.
            fix: what to do where the node refuses.

        Raises:
            AnswerError: the node answered with an error.
            ContentError: it cannot be reached, took too long, or its answer is too large or no answer.
        """
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        with _failures_told(method, self._timeout_seconds):
            content = self._answer_to(json.dumps(request).encode(), method)
        return _result(content, method, fix)

    def _answer_to(self, body: bytes, method: str) -> bytes:
        deadline = time.monotonic() + self._timeout_seconds
        request = urllib.request.Request(self._url, body, self._headers)
        try:
            with self._opener.open(request, timeout=self._timeout_seconds) as response:
                content = _read(response, self._answer_bytes_max, deadline)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return self._refusal(refusal, method, deadline)
        if len(content) > self._answer_bytes_max:
            raise ContentError(
                f"{method}: the answer takes more than {self._answer_bytes_max} bytes, which is the limit; "
                "choose another block"
            )
        return content

    def _refusal(self, refusal: urllib.error.HTTPError, method: str, deadline: float) -> bytes:
        """Return the content of a refusal where it is an answer in JSON-RPC."""
        content = _read(refusal, _REFUSAL_BYTES_MAX, deadline)
        if b'"jsonrpc"' in content and b'"error"' in content and len(content) <= _REFUSAL_BYTES_MAX:
            return content
        reason = one_line(f"{refusal.code} {refusal.reason}")
        fix = _FIXES.get(refusal.code, _OTHER_NODE)
        if 300 <= refusal.code < 400:
            fix = "name the URL to which it leads"
        raise ContentError(f"{method}: the answer is HTTP status {reason}; {fix}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is asked, and the authorization, goes to nobody but the host that the user has named."""

    def redirect_request(self, *_: object) -> None:
        """Let the answer be an error."""


def _name_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"the URL of the node is none: {error}; give http://HOST:PORT") from None
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not url.isascii()
        or not url.isprintable()
    ):
        raise UsageError("the URL of the node is none of http or https; give http://HOST:PORT")
    if " " in url:
        raise UsageError("the URL of the node holds a space; leave it out, or write %20")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "the URL of the node holds a user or a password; put what the header Authorization must be into the "
            f"environment variable {AUTHORIZATION_VARIABLE}"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")


def _read(response: Any, bytes_max: int, deadline: float) -> bytes:
    """Return what is in a response, and not much more than `bytes_max` of it."""
    pieces, length = [], 0
    while length <= bytes_max and (piece := response.read1(_PIECE_BYTES)):
        pieces.append(piece)
        length += len(piece)
        if time.monotonic() > deadline:
            raise TimeoutError
    if length <= bytes_max and response.length:  # what was announced has not come
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(pieces)


@contextmanager
def _failures_told(method: str, timeout_seconds: float) -> Iterator[None]:
    try:
        yield
        return
    except ContentError:
        raise
    except TimeoutError:
        problem = f"the answer took more than {timeout_seconds:g} seconds"
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            problem = f"the answer took more than {timeout_seconds:g} seconds"
        else:
            told = reason_of(error.reason) if isinstance(error.reason, Exception) else str(error.reason)
            problem = f"the node cannot be reached: {one_line(told, _MESSAGE_CHARACTERS_MAX)}"
    except http.client.IncompleteRead:
        problem = "the answer is cut short"
    except http.client.HTTPException as error:
        problem = f"what answers is no node ({one_line(type(error).__name__)}: {one_line(str(error))})"
    except (OSError, ValueError) as error:
        problem = f"the connection failed: {one_line(reason_of(error), _MESSAGE_CHARACTERS_MAX)}"
    except MemoryError:
        problem = "no memory is left to read the answer"
    raise ContentError(f"{method}: {problem}; check the URL, or ask another node")


def _result(content: bytes, method: str, fix: str) -> Any:
    place, other = f"{method}: the answer", "check the URL, or ask another node"
    try:
        answer = Fields(decode_json(content.decode()), place, other)
    except UnicodeDecodeError as error:
        raise ContentError(f"{place}: byte {error.start} is not text in UTF-8; {other}") from None
    except ContentError:
        raise
    except ValueError as error:
        raise ContentError(f"{place}: {error}; {other}") from None
    if answer.has("error"):
        problem = answer["error"]
        given = problem if isinstance(problem, dict) else {"message": problem}
        code, told = given.get("code"), given.get("message")
        text = one_line(told, _MESSAGE_CHARACTERS_MAX) if isinstance(told, str) else shown(told)
        raise AnswerError(method, code if type(code) is int else None, text, fix)
    if answer.values.keys() - ENVELOPE - {"error"} or answer["jsonrpc"] != "2.0" or answer["id"] != 1:
        answer.refuse("it is not one of JSON-RPC 2.0 to this request")
    return answer["result"]
