"""Names to addresses, without waiting longer than the caller wants to.

The system's resolver cannot be interrupted: while no name service answers, it holds its thread for up to half
a minute. So each look-up has a daemon thread, which the end of the program does not wait for. Look-ups of the
same name share one, so that a thousand bots do not need a thousand.
"""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from services.runtime.fault import NO_THREAD

if TYPE_CHECKING:
    from collections.abc import Sequence

AddressInfo = tuple[
    socket.AddressFamily,
    socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
]
"""One of the addresses of a name, as `socket.getaddrinfo` describes it."""

_Question = tuple[str, int, int]

_lock: Final = threading.Lock()
_pending: Final[dict[_Question, Future[Sequence[AddressInfo]]]] = {}


def look_up(host: str, port: int, *, to_listen: bool = False) -> Future[Sequence[AddressInfo]]:
    """Begin to look up the TCP addresses of a name, and return at once.

    The future raises OSError, or UnicodeError for what is no host name at all. Nobody can cancel it: a caller
    that does not want to wait any longer just leaves. `to_listen`: an empty host is all addresses of this
    machine, not loopback.
    """
    question = (host, port, socket.AI_PASSIVE if to_listen else 0)
    answer: Future[Sequence[AddressInfo]] = Future()
    try:
        # An address needs no name service, and no thread.
        answer.set_result(_resolve(question, socket.AI_NUMERICHOST))
    except (OSError, UnicodeError):
        return _ask(question)
    return answer


def _ask(question: _Question) -> Future[Sequence[AddressInfo]]:
    with _lock:
        answer = _pending.get(question)
        if answer is None:
            answer = Future()
            answer.set_running_or_notify_cancel()
            thread = threading.Thread(target=_answer, args=(question, answer), name="look-up", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                answer.set_exception(OSError(NO_THREAD))
            else:
                _pending[question] = answer
    return answer


def _answer(question: _Question, answer: Future[Sequence[AddressInfo]]) -> None:
    try:
        found = _resolve(question, 0)
    except (OSError, UnicodeError) as error:
        _forget(question)
        answer.set_exception(error)
    else:
        _forget(question)
        answer.set_result(found)


def _forget(question: _Question) -> None:
    with _lock:
        del _pending[question]


def _resolve(question: _Question, flags: int) -> Sequence[AddressInfo]:
    host, port, question_flags = question
    return socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=question_flags | flags)
