"""The tap's command line: what may be typed, and how what passes is shown."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import itertools
import sys
from typing import TYPE_CHECKING, Any, Final

from services.runtime.command import run_command
from services.runtime.connecting import Target, cause
from services.runtime.descriptors import allow_descriptors
from services.runtime.environ import given_flags, host_and_port
from services.runtime.fault import Fault
from services.runtime.hang_up import on_end
from services.runtime.listening import open_listeners
from services.runtime.output import STDOUT
from services.runtime.output_file import output_file
from services.runtime.output_stream import OutputStream
from services.runtime.terminal import Terminal
from services.runtime.tls import ReloadingContext
from services.runtime.whole_file import write_whole
from services.tap.follow import Port
from services.tap.players import Players
from services.tap.relay import MOST_CONNECTIONS, Relay
from services.tap.render import Timeline, json_line, text_lines
from services.tap.settings import Settings

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from services.tap.render import Entry

OK: Final = 0

_NAME: Final = "guessing-tap"

BACKLOG: Final = 100
"""asyncio also accepts so many at a stroke, before one of them can be refused: so it is given another."""

OTHER_FILES: Final = 32
"""Open files beside the connections."""

ENOUGH_DESCRIPTORS: Final = 3 * MOST_CONNECTIONS + OTHER_FILES
"""Two for a connection, and one for each that is refused at the same moment."""

_FLAGS: Final = {
    "ca": "GAME_TLS_CA",
    "cert": "GAME_TLS_CERT",
    "key": "GAME_TLS_KEY",
    "admin-listen": "TAP_ADMIN_PORT",
    "admin-to": "GAME_ADMIN_PORT",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description="Stand between a client and a server of the guessing game, show each line, and name "
        "the clauses of the protocol that it breaks. Nothing is changed on the way.",
        epilog="exit status: 0 stopped by Ctrl-C or SIGTERM, 1 failed, 2 bad usage or settings",
    )
    parser.add_argument(
        "--listen",
        metavar="[HOST:]PORT",
        help="where players connect (TAP_HOST, TAP_PORT, default 127.0.0.1:4000)",
    )
    parser.add_argument(
        "--to",
        metavar="HOST[:PORT]",
        help="the server's player port (GAME_HOST, GAME_PORT, default localhost:4000)",
    )
    parser.add_argument(
        "--admin-listen",
        metavar="PORT",
        help="where administrators connect (TAP_ADMIN_PORT, default: the next port)",
    )
    parser.add_argument(
        "--admin-to",
        metavar="PORT",
        help="the server's administrator port (GAME_ADMIN_PORT, default: the next port)",
    )
    parser.add_argument(
        "--ca", metavar="FILE", help="encrypt towards the server, and trust this CA (GAME_TLS_CA)"
    )
    parser.add_argument("--cert", metavar="FILE", help="the administrator's certificate (GAME_TLS_CERT)")
    parser.add_argument("--key", metavar="FILE", help="its private key (GAME_TLS_KEY)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument(
        "--html", type=output_file, metavar="FILE", help="write a page with the timeline at the end"
    )
    return parser


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Do what the command line says and return the exit status."""
    return run_command(_NAME, lambda: _run(arguments, environ))


def _run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    options = _parser().parse_args(arguments)
    settings = Settings.from_environ({**environ, **_overrides(options)})
    tls = None if settings.tls is None else ReloadingContext(settings.tls)
    timeline = Timeline()
    colours = Terminal.find(environ).is_coloured

    def text(entry: Entry) -> str:
        if options.html:
            timeline.add(entry)
        lines = [json_line(entry)] if options.json else text_lines(entry, colours=colours)
        return "".join(f"{line}\n" for line in lines)

    try:
        asyncio.run(_relay(settings, tls, text))
    finally:
        if options.html:
            write_whole(options.html, timeline.page())
    return OK


def _overrides(options: argparse.Namespace) -> dict[str, str]:
    given_flags({flag: getattr(options, flag) for flag in ("to", "listen")})
    flags = given_flags({flag: getattr(options, flag.replace("-", "_")) for flag in _FLAGS})
    given = {_FLAGS[flag]: value for flag, value in flags.items()}
    if options.listen is not None:
        host, given["TAP_PORT"] = host_and_port("listen", options.listen)
        if host:
            given["TAP_HOST"] = host
    if options.to is not None:
        given["GAME_HOST"] = options.to
        host, colon, port = options.to.rpartition(":")
        # Several colons without brackets are an IPv6 address without a port.
        if colon and (":" not in host or host.endswith("]")):
            given["GAME_HOST"], given["GAME_PORT"] = host, port
    return given


class _PortError(Fault):
    """A port cannot be listened on."""


def _listen(host: str, port: int) -> list[socket.socket]:
    try:
        return open_listeners(host, port, backlog=BACKLOG)
    except OSError as error:
        advice = "choose other ports with --listen and --admin-listen"
        if error.errno == errno.EADDRINUSE:
            advice += "; if both your programs have this one fixed, see docs/tap.md"
        raise _PortError(f"{cause(error)}: {advice}") from None


def _complain(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # The loop's own way is a traceback. How a connection broke that is over was shown.
    if "future" not in context:
        sys.stderr.write(f"{_NAME}: {context['message']}: {context.get('exception')}\n")


async def _relay(settings: Settings, tls: ReloadingContext | None, text: Callable[[Entry], str]) -> None:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[OSError | None] = loop.create_future()

    def stop(failure: OSError | None = None) -> None:
        if not stopped.done():
            stopped.set_result(failure)

    on_end(lambda _: stop())
    output = OutputStream(STDOUT, sys.stdout.encoding, stop)

    def show(entry: Entry) -> None:
        if not output.closed:
            output.text.write(text(entry))
            output.text.flush()

    loop.set_exception_handler(_complain)
    most = min(MOST_CONNECTIONS, max(1, (allow_descriptors(ENOUGH_DESCRIPTORS) - OTHER_FILES) // 3))
    numbers, players = itertools.count(1), Players()
    started_s = loop.time()
    ports = (
        (Port.PLAYER, settings.listen_port, settings.port),
        (Port.ADMIN, settings.listen_admin_port, settings.admin_port),
    )
    if settings.tls is not None and settings.tls.own is not None:
        sys.stderr.write(f"{_NAME}: whoever connects to the admin port here is the administrator there\n")
    listeners: list[socket.socket] = []
    with contextlib.ExitStack() as opened:
        opened.enter_context(output)
        for port, listen_port, server_port in ports:
            target = Target(settings.host, server_port, tls)
            relay = Relay(
                port,
                target,
                show,
                output.drain,
                numbers=numbers,
                players=players,
                started_s=started_s,
                most=most,
            )
            opened.callback(relay.close)
            for listener in _listen(settings.listen_host, listen_port):
                server = await asyncio.start_server(relay.accept, sock=listener, backlog=most)
                listener.listen(BACKLOG)
                listeners.append(listener)
                opened.callback(server.close)
                where = Target(*listener.getsockname()[:2])
                sys.stderr.write(f"{_NAME}: {port} connections to {where} go to {relay.target}\n")
        failure = await stopped
        # asyncio fails where it has accepted what it has not begun: so it takes no more, and begins.
        for listener in listeners:
            loop.remove_reader(listener)
        await asyncio.sleep(0)
    if failure:
        raise failure
