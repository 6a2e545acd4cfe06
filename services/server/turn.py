"""A turn: answer every connection that is ready, in passes: read and look up, perform; the reactor sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from services.server.connection import CHUNK_OCTETS
from services.server.reactor import AGAIN
from services.server.session import perform

if TYPE_CHECKING:
    from services.server.context import ServerContext
    from services.server.responses import Response
    from services.server.session import Session


def take_turn(context: ServerContext, ready: list[tuple[int, int]]) -> None:
    """Answer connections that are ready. Nearly every chunk is one usual line, which is looked up here."""
    # What is no session yet is slow, and does not get past `step`.
    connections = cast("dict[int, Session]", context.reactor.connections)
    due: list[tuple[Session, Response]] = []
    for fd, _ in ready:
        session = connections.get(fd)
        if session is None:  # closed earlier in this turn
            continue
        try:
            if session.slow:
                session.step()
                continue
            data = session.sock.recv(CHUNK_OCTETS)
        except AGAIN:
            continue
        except OSError as error:
            session.broken(error)
            continue
        except Exception:  # noqa: BLE001  our own mistake must cost one session, not the server
            session.failed()
            continue
        response = session.responses.get(data)
        if response is None or session.lines.unterminated:
            try:
                session.received(data)
            except Exception:  # noqa: BLE001  likewise
                session.failed()
        else:
            session.has_received = True
            due.append((session, response))
    perform(context, due)
