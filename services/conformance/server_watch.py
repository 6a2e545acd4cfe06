"""The administrator who watches (level extended)."""

import contextlib
import socket
from typing import Final

from services.conformance.checks import Checklist, Need
from services.conformance.connection import (
    Connection,
    MismatchError,
    NotApplicableError,
    quoted,
    quoted_lines,
    shown,
)
from services.conformance.dialect import Meaning, Seat, classify
from services.conformance.judged import JudgedServer, Player
from services.conformance.results import Level
from services.protocol.codec import parse_admin_reply, spell
from services.protocol.messages import (
    Address,
    AdminReply,
    End,
    Guessed,
    Joined,
    Left,
    Listed,
    Missed,
    NobodyListed,
    Ping,
    Refused,
    Round,
    Unknown,
    Verdict,
    WatchEvent,
    Won,
)

SEAT_TAKEN: Final = "Refused: another administrator is watching"
FLOOD_S: Final = 5.0
FLOOD_OCTETS: Final = 1_500_000
"""Events of this size that a server keeps for one who does not read are too many."""
EVENT_OCTETS: Final = len("Guessed 127.0.0.1 40000 1 Far\r\n")
LOOKS: Final = 30
"""So many times meanwhile it is seen whether the watcher has been cut off."""
FLOODING: Final = 3
"""So many players at once: a server may slow down one that says too much."""
BURST: Final = 200
SMALL_BUFFER: Final = 4096
SMALL_SEGMENT: Final = 536

HINT_WATCH: Final = (
    "answer Watch as Who, but end the list with a line End instead of closing, and keep the connection"
)
HINT_EVENTS: Final = (
    "tell the watcher, one line each, as it happens: Joined IP PORT at Game, Guessed IP PORT N VERDICT at "
    "each verdict, then Won IP PORT GUESSES at Correct, or else Left IP PORT at the end of the connection"
)
HINT_SEAT: Final = (
    "keep in one variable who watches; empty it wherever that connection ends, also when recv or send fails"
)
HINT_WITHIN: Final = "a watcher is an administrator who goes on speaking: read its lines, too"

CHECKS: Final[Checklist[JudgedServer]] = Checklist(Level.EXTENDED)


def next_line(connection: Connection, expected: str, *, rounds: bool = False) -> AdminReply:
    """Take the next line of a watch; signs of life are left aside, and rounds unless they are asked for."""
    while True:
        reply = parse_admin_reply(connection.read_line(expected).encode())
        if isinstance(reply, Unknown):
            connection.fail(expected, quoted(reply.text))
        if not isinstance(reply, Ping) and (rounds or not isinstance(reply, Round)):
            return reply


def events(connection: Connection, player: Player, count: int, expected: str) -> list[WatchEvent]:
    """Take the next events that concern one player; others may play too."""
    address = player.connection.address
    taken: list[WatchEvent] = []
    while len(taken) < count:
        match next_line(connection, expected):
            case Joined() | Guessed() | Won() | Left() as event:
                if tuple(event.address) == address:
                    taken.append(event)
            case reply:
                connection.fail(expected, quoted(spell(reply)))
    return taken


def _direct(server: JudgedServer) -> None:
    if not server.dialect.direct:
        raise NotApplicableError("the server sees the kit under another address")


@CHECKS.check("A-3", "A-6", need=Need.BOTH, hint=HINT_WATCH)
def watch(server: JudgedServer) -> None:
    """Watch is answered by the list, ended by End."""
    if server.dialect.seat in {Seat.TAKEN, Seat.STUCK}:
        raise NotApplicableError(server.dialect.seat)
    player = server.play()
    own = server.seen_address(player.connection)
    connection, lines = server.watch()
    for line in lines:
        if not isinstance(parse_admin_reply(line.encode()), Listed):
            connection.fail("lines 'IP port', then 'End'", quoted(line))
    if own is not None and str(own) not in lines:
        connection.fail(f"the line '{own}' before 'End'", quoted_lines(lines))


@CHECKS.check("A-3", need=Need.WATCH, hint="an empty list has no line at all here: send End alone")
def watch_empty(server: JudgedServer) -> None:
    """Nobody plays: Watch is answered by End alone."""
    deadline = server.clock.deadline(server.timing.timeout_s)
    connection, lines = server.watch()
    while lines and lines != [""] and not server.pause(deadline):
        connection.close()
        connection, lines = server.watch()
    if lines == [""]:
        connection.fail("'End' alone, since nobody is playing", "an empty line before it")
    if lines:
        raise NotApplicableError("somebody plays, or is still listed")


@CHECKS.check("A-4", need=Need.WATCH, hint=HINT_EVENTS)
def told(server: JudgedServer) -> None:
    """A watcher is told of a whole game, in order."""
    _direct(server)
    connection, _ = server.watch()
    player = server.play()
    address = server.seen_address(player.connection)
    seen = player.begun_with + player.sweep()
    wanted = [
        f"Joined {address}",
        *(
            f"Guessed {address} {number} {Verdict(meant.value)}"
            for number, meant in seen
            if meant is not Meaning.MISS
        ),
        f"Won {address} {len(seen)}",
    ]
    for line, event in zip(wanted, _each(connection, player, wanted), strict=True):
        if spell(event) != line:
            connection.fail(f"the line {quoted(line)}", quoted(spell(event)))


def _each(connection: Connection, player: Player, wanted: list[str]) -> list[WatchEvent]:
    return [event for line in wanted for event in events(connection, player, 1, f"the line {quoted(line)}")]


@CHECKS.check("A-4", need=Need.WATCH, hint=HINT_EVENTS)
def told_who_left(server: JudgedServer) -> None:
    """A watcher is told who left, however they left."""
    _direct(server)
    connection, _ = server.watch()
    for end in (Connection.close, Connection.reset):
        player = server.play()
        address = server.seen_address(player.connection)
        end(player.connection)
        guessed = [f"Guessed {address} {number} {verdict}" for number, verdict in player.begun_with]
        for line in (f"Joined {address}", *guessed, f"Left {address}"):
            event = events(connection, player, 1, f"the line {quoted(line)}")[0]
            if spell(event) != line:
                connection.fail(f"the line {quoted(line)}", quoted(spell(event)))


@CHECKS.check("A-4", need=Need.WATCH, hint=HINT_EVENTS)
def ended_once(server: JudgedServer) -> None:
    """A player that has won is not reported as gone as well."""
    _direct(server)
    connection, _ = server.watch()
    player = server.play()
    player.sweep()
    player.connection.read_rest(server.timing.quiet_s)
    player.connection.close()
    address = server.seen_address(player.connection)
    wanted = f"the line 'Won {address} GUESSES', GUESSES being how many it took"
    while not isinstance(events(connection, player, 1, wanted)[0], Won):
        pass
    own = str(address).encode()
    for line in connection.read_rest(server.timing.quiet_s).splitlines():
        if own in line:
            connection.fail("nothing more about a player who has won", f"'{shown(line)}'")


@CHECKS.check("A-5", need=Need.WATCH, hint=HINT_WITHIN)
def who_within(server: JudgedServer) -> None:
    """Who within a watch is answered, and the watch goes on."""
    connection, _ = server.watch()
    player = server.play()
    own = server.seen_address(player.connection)
    for _ in range(2):
        connection.send_lines("Who")
        listed: list[str] = []
        while not isinstance(reply := next_line(connection, "the list, ended by 'End'"), End):
            if isinstance(reply, Listed):
                listed.append(spell(reply))
        if own is not None and str(own) not in listed:
            connection.fail(f"the line '{own}' in the list", quoted_lines(listed))


@CHECKS.check("A-7", need=Need.WATCH, hint=HINT_SEAT)
def seat_taken(server: JudgedServer) -> None:
    """A second Watch is answered Refused: another administrator is watching."""
    server.watch()
    second = server.greeted_admin()
    second.send_lines("Watch")
    second.expect(SEAT_TAKEN)
    second.expect_end("the refusal")


@CHECKS.check("A-7", need=Need.WATCH, hint="Who needs no seat: answer it and close, whoever is watching")
def who_beside(server: JudgedServer) -> None:
    """Who is answered while somebody watches."""
    server.watch()
    connection, lines = server.who()
    if not lines or lines[0].startswith("Refused"):
        connection.fail("the list, although somebody is watching", quoted_lines(lines))


@CHECKS.check("A-7", need=Need.SEAT, hint=HINT_SEAT)
def seat_freed(server: JudgedServer) -> None:
    """The seat is free as soon as the watcher's connection ends."""
    for end in (Connection.close, Connection.reset):
        connection, _ = server.watch()
        end(connection)
        deadline = server.clock.deadline(server.timing.timeout_s)
        while True:
            connection = server.greeted_admin()
            connection.send_lines("Watch")
            text = connection.read_line("the list, since nobody is watching any more")
            connection.close()
            if classify(text) is not Meaning.REFUSAL:
                break
            if server.pause(deadline):
                connection.fail("the list, since nobody is watching any more", quoted(text))


@CHECKS.check("A-8", need=Need.WATCH, hint="a watcher that says Pong is there still: answer nothing")
def pong(server: JudgedServer) -> None:
    """Pong has no reply."""
    connection, _ = server.watch()
    connection.send_lines("Pong")
    connection.receive(server.clock.deadline(server.timing.quiet_s))
    connection.send_lines("Who")
    while not isinstance(reply := next_line(connection, "the list, ended by 'End'; Pong has no reply"), End):
        if not isinstance(reply, Listed | NobodyListed | Joined | Guessed | Won | Left):
            connection.fail("the list, ended by 'End'; Pong has no reply", quoted(spell(reply)))


@CHECKS.check(
    "A-10", "S-1", need=Need.WATCH, hint="a watcher may say Who and Pong: refuse the rest, and close"
)
def watcher_refused(server: JudgedServer) -> None:
    """What a watcher may not say is refused."""
    for line in ("Nonsense", "Watch"):
        connection, _ = server.watch()
        connection.send_lines(line)
        wanted = f"a line 'Refused: REASON' for {quoted(line)} within a watch"
        while isinstance(reply := next_line(connection, wanted), Joined | Guessed | Won | Left):
            pass
        if not isinstance(reply, Refused):
            connection.fail(wanted, quoted(spell(reply)))
        connection.expect_end("the refusal")
        connection.close()


@CHECKS.check(
    "A-9",
    "A-4",
    need=Need.WATCH,
    hint="send blocks when the watcher does not read, and the player waits with it: never block on the "
    "watcher's socket; keep what is to be told in a queue of bounded length, and cut the watcher off when it "
    "is full",
)
def slow_watcher(server: JudgedServer) -> None:
    """No player waits for a watcher that does not read: it is cut off, or told how many it missed."""
    watcher = server.greeted_admin(_small_window)
    watcher.send_lines("Watch")
    if classify(watcher.read_line("the list, ended by 'End'")) is Meaning.REFUSAL:
        raise NotApplicableError("the seat is taken")
    players = [server.bystander() for _ in range(FLOODING)]
    guesses, cut_off = _flood(server, players)
    if cut_off or not server.dialect.direct:
        return
    for player in players:
        player.connection.close()
    winner = server.play()
    winner.sweep()
    owed = [f"Left {Address(*player.connection.address)}" for player in players]
    owed += [f"{event} {Address(*winner.connection.address)}" for event in ("Joined", "Won")]
    own = {player.connection.address for player in players}
    told = missed = 0
    watcher.read_faster()
    try:
        while owed or told + missed < guesses:
            wanted = _owed(owed, guesses - told - missed)
            match next_line(watcher, wanted):
                case Guessed(address) if tuple(address) in own:
                    told += 1
                case Missed(count):
                    missed += count
                case Joined() | Won() | Left() as event:
                    with contextlib.suppress(ValueError):
                        owed.remove(f"{type(event).__name__} {event.address}")
                case _:
                    pass
    except MismatchError:
        if watcher.ended:
            # Cut off after all; `seat_freed` says whether the seat is free then.
            return
        raise
    if missed:
        return
    octets = guesses * EVENT_OCTETS
    if octets < FLOOD_OCTETS:
        raise NotApplicableError(
            f"{octets} octets of events in {FLOOD_S:g} s of work did not fill the watcher's outbox"
        )
    watcher.fail(
        "a watcher that does not read to be disconnected, or to be told 'Missed COUNT'",
        f"{octets} octets of events were kept for it",
    )


def _owed(events: list[str], guesses: int) -> str:
    """Say what a watcher has still to be told."""
    if events:
        guesses_too = " GUESSES" if events[0].startswith("Won") else ""
        return f"the line '{events[0]}{guesses_too}', which may not be left out"
    return f"{guesses} more guesses, one by one or in a line 'Missed COUNT'"


def _flood(server: JudgedServer, players: list[Player]) -> tuple[int, bool]:
    """Guess more than anybody keeps for a watcher; return how often, and whether the watcher is gone."""
    burst = BURST if server.bystander().pipelines() else 1
    deadline = server.clock.deadline(FLOOD_S)
    guesses = checked = 0
    while not deadline.over and guesses * EVENT_OCTETS < FLOOD_OCTETS:
        for player in players:
            player.connection.send_lines(*[player.spell(player.losing)] * burst)
        for player in players:
            player.connection.skip_lines(burst - 1, "a verdict, although the watcher does not read")
            player.verdict(player.losing)
        guesses += burst * len(players)
        if (guesses - checked) * EVENT_OCTETS > FLOOD_OCTETS // LOOKS:
            checked = guesses
            if _seat_is_free(server):
                return guesses, True
    return guesses, False


def _seat_is_free(server: JudgedServer) -> bool:
    connection = server.greeted_admin()
    connection.send_lines("Watch")
    free = classify(connection.read_line("the list or a refusal")) is not Meaning.REFUSAL
    connection.close()
    return free


def _small_window(sock: socket.socket) -> None:
    # So that neither kernel keeps much of what is not read.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    if hasattr(socket, "TCP_MAXSEG"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT)
