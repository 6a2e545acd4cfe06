"""What the exercise's programs usually get wrong; a server survives it and goes on serving (level robust)."""

import contextlib
import time
from dataclasses import replace
from typing import Final

from services.conformance.checks import Checklist, Need
from services.conformance.connection import (
    NOTHING,
    Connection,
    MismatchError,
    NotApplicableError,
    NotJudgedError,
    named,
    quoted,
    shown,
)
from services.conformance.dialect import VERDICTS, Meaning, addresses, classify
from services.conformance.judged import LOOK_PAUSE_S, TRIES, ChanceError, JudgedServer, Player, in_threads
from services.conformance.results import Finding, Level

NONSENSE: Final = ("abc", "", "My Guess is: ten", "My Guess is:", "Hello", "Who", "%s%n", "1 2")
NO_NUMBERS: Final = (
    "+5",
    "-1",
    "5.0",
    "1e1",
    "0x10",
    "5_0",
    "٣",
    "00000000000000000031",
    "9" * 20,
    "9" * 400,
)
SCANS: Final = 20
TRAILING_LINES: Final = 3000
IDLE_S: Final = 0.6
HINT_NUMBER: Final = (
    "look where you turn the text into a number (int, atoi, parseInt): what is no number has to be "
    "caught there, and answered by the prompt"
)
HINT_WORDS: Final = (
    "look at all of the line, not at what stands behind the colon alone: without 'My Guess is:' or 'Guess:' "
    "before the number it is no guess"
)
HINT_DIGITS: Final = "check that the text is nothing but the digits 0 to 9 before you turn it into a number"
HINT_END: Final = (
    "look at every recv: an empty result means that the client has gone; end this one connection "
    "then, without touching the others"
)
HINT_RESET: Final = (
    "recv and send fail when a connection was reset (ConnectionResetError, ECONNRESET, SIGPIPE): "
    "catch that for each connection, and end this one alone"
)
HINT_GHOST: Final = (
    "take the player off the list wherever the connection ends, also when recv or send fails: in "
    "`finally`, or at the one place that closes"
)
HINT_APART: Final = (
    "who asks, and who has said Hello, belongs to each connection: keep it in variables of the thread, or "
    "under the connection's own entry, never in one variable for all administrators"
)
HINT_IDLE: Final = (
    "a recv that waits for one client must not keep accept and the others waiting: a thread for each "
    "connection, or select over all of them"
)
HINT_HEADER: Final = (
    "a player's address is what accept returns, whatever is sent; octets that make no line are refused"
)
HINT_GARBAGE: Final = (
    "octets may be anything: decode them so that nothing can fail (latin-1, or errors='replace'), and end "
    "this one connection, not the server, where something fails all the same"
)
HINT_ENDLESS: Final = (
    "a line that does not end must not stop the others: count what has come of it, and refuse it when it is "
    "longer than 512 octets"
)
HINT_SURVIVES: Final = (
    "whatever happens on one connection ends that connection alone: catch it where the connection is served"
)
HINT_BUSY: Final = (
    "look for a loop that never waits: a non-blocking accept or recv that is tried again and again, "
    "or one that goes on after recv has returned nothing; let select wait without a timeout of 0"
)
HINT_LINES: Final = (
    "recv returns whatever has arrived: half a line, one, or several; append it to a buffer, and take"
    " a line out for each \\n in it"
)
HINT_CASE: Final = "strip the line and turn it to lower case before you compare it"
HINT_HALF: Final = (
    "recv returns nothing because the client has finished sending: it still reads, so answer first, "
    "then close"
)
HINT_RESET_AT_CLOSE: Final = (
    "close() makes a reset of the connection while something that the client sent has not been read, and a "
    "reset throws away what is under way, Correct too. After Correct: take the player off the list, say that "
    "you have finished sending (shutdown), throw away what still comes until recv returns nothing, then "
    "close. Keep nobody waiting meanwhile: with select, leave the socket among the others until then; with "
    "threads, give recv a timeout"
)
HINT_CROWD: Final = (
    "is there room for so many only (an array, a constant)? Make it larger. Else listen with a backlog of "
    "128 or more, and let no client wait for another"
)
HINT_PIECES: Final = (
    "recv brought the line in pieces, since your buffer is smaller than the line, and each piece was "
    "answered: append what comes to a buffer, and answer when there is a \\n"
)
HINT_REUSE: Final = "set SO_REUSEADDR on the listening socket before bind"

LONG_OCTETS: Final = 100_000
GARBAGE_OCTETS: Final = 4000

FORGED_HOST: Final = "192.0.2.7"
FORGED_HEADER: Final = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x01\xc3\x50\x0f\xa0"
"""The header of the PROXY protocol, version 2, for a player of that address."""

CHECKS: Final[Checklist[JudgedServer]] = Checklist(Level.ROBUST)


@CHECKS.check("P-1", "P-2", "P-3", need=Need.GREETED_GAME, hint=HINT_CASE)
def any_case(server: JudgedServer) -> None:
    """Commands match in any case, with blanks around them."""
    connection = server.open_player()
    connection.send_lines(" hELLO\t")
    if classify(connection.read_line("the line 'Greetings'")) is not Meaning.GREETING:
        connection.fail("the line 'Greetings'", connection.last_line())
    if server.dialect.game:
        connection.send_lines("game")
        if classify(connection.read_line("the line 'Ready'")) is not Meaning.READY:
            connection.fail("the line 'Ready'", connection.last_line())
    player = Player(connection, server.dialect)
    connection.send_lines(player.spell(server.dialect.low).upper())
    player.verdict(server.dialect.low)


@CHECKS.check("X-1", need=Need.PLAYER_AND_ADMIN, risk=1, hint=HINT_HEADER)
def forged_header(server: JudgedServer) -> None:
    """A player who claims to be a balancer is not believed, and does no harm."""
    others = server.bystanders()
    connection = server.open(server.player_port)
    player = Player(connection, server.dialect)
    lines = ("Hello", *server.dialect.begin, player.spell(server.dialect.low))
    # At once: where recv cuts it is not left to chance.
    connection.send(FORGED_HEADER + b"".join(line.encode() + server.dialect.terminator for line in lines))
    answers = connection.read_rest(server.timing.quiet_s).decode("latin-1").splitlines()
    if FORGED_HOST in str(server.listed()):
        connection.fail("no player in the list who only claims to be there", FORGED_HOST)
    if answers and classify(answers[-1]) is Meaning.CORRECT:
        raise ChanceError("the player who was to be in the list has won")
    server.make_room(connection)
    server.expect_serves(*others)


@CHECKS.check("F-1", need=Need.GREETING, hint=HINT_LINES)
def lone_lf(server: JudgedServer) -> None:
    """A line that is ended by LF alone is understood."""
    connection = server.open_player()
    connection.send(b"Hello\n")
    if classify(connection.read_line("the line 'Greetings'")) is not Meaning.GREETING:
        connection.fail("the line 'Greetings'", connection.last_line())


@CHECKS.check("F-3", need=Need.GAME, risk=1, hint=HINT_LINES)
def two_lines(server: JudgedServer) -> None:
    """Several guesses in one segment get a verdict each."""
    player = server.bystander()
    spelled = player.spell(player.losing)
    player.connection.send_lines(spelled, spelled, spelled)
    for _ in range(3):
        player.verdict(player.losing)


@CHECKS.check("F-3", need=Need.GAME, risk=1, hint=HINT_LINES)
def split_line(server: JudgedServer) -> None:
    """A guess that comes in several pieces gets one verdict."""
    player = server.bystander()
    line = player.spell(player.losing).encode() + server.dialect.terminator
    cuts = sorted(server.rng.sample(range(1, len(line)), k=min(3, len(line) - 1)))
    for start, end in zip((0, *cuts), (*cuts, len(line)), strict=True):
        if start:
            player.connection.expect_silence("no reply before the end of the line")
        player.connection.send(line[start:end])
    player.verdict(player.losing)
    player.connection.expect_silence("one reply to one line")


@CHECKS.check("P-5", need=Need.GAME, risk=1, hint=HINT_NUMBER)
def nonsense(server: JudgedServer) -> None:
    """What is no guess is answered by the prompt, and the game goes on."""
    player = server.bystander()
    for line in NONSENSE:
        player.connection.send_lines(line)
        player.expect_prompt(line)
    player.guess(player.losing)


@CHECKS.check("P-3", "P-5", need=Need.GAME, risk=1, hint=HINT_WORDS)
def other_words(server: JudgedServer) -> None:
    """A number behind other words is no guess."""
    player = server.bystander()
    line = f"foo: {player.losing}"
    player.connection.send_lines(line)
    player.expect_prompt(line)
    player.guess(player.losing)


@CHECKS.check("P-3", need=Need.GAME, risk=1, hint=HINT_DIGITS)
def no_numbers(server: JudgedServer) -> None:
    """+5, 0x10, 1e1 and their like are no numbers."""
    player = server.bystander()
    for number in NO_NUMBERS:
        line = player.spell(number)
        player.connection.send_lines(line)
        player.expect_prompt(line)
    # The last one is longer than many a buffer.
    player.connection.expect_silence(
        f"one reply to the line {named(player.spell(NO_NUMBERS[-1]))}", HINT_PIECES
    )
    player.guess(player.losing)


@CHECKS.check("F-6", need=Need.GAME, risk=1, hint=HINT_HALF)
def half_close(server: JudgedServer) -> None:
    """A client that half-closes after its last line gets every reply."""
    for _ in range(TRIES):
        player = server.another_game()
        player.connection.send_last_lines(player.spell(server.dialect.low))
        if player.verdict(server.dialect.low) is not Meaning.CORRECT:
            return  # a game that is won ends whatever the server makes of the end
        player.connection.close()


@CHECKS.check("F-7", "P-8", need=Need.GAME, risk=1, hint=HINT_RESET_AT_CLOSE)
def no_reset(server: JudgedServer) -> None:
    """Correct arrives, and nothing after it, even if more was sent."""
    player, numbers = _nearly_won(server)
    if not player.pipelines():
        raise NotJudgedError("lines that come together are not answered one by one: see two-lines")
    sent = [*numbers, *numbers[:1] * TRAILING_LINES]
    player.connection.send_lines(*map(player.spell, sent))
    # Where the secret changes within the game, a number that was wrong may be Correct later.
    verdicts = (player.verdict(str(number)) for number in sent)
    if Meaning.CORRECT not in verdicts:
        player.connection.fail(f"Correct for one of {', '.join(map(str, numbers))}", "none")
    wanted = "nothing after Correct, although more lines were sent"
    more = player.connection.read_rest()
    if more:
        player.connection.fail(wanted, shown(more))
    if player.connection.was_reset:
        player.connection.fail(
            "the connection to be closed without a reset", player.connection.ended, HINT_RESET_AT_CLOSE
        )


def _nearly_won(server: JudgedServer) -> tuple[Player, list[int]]:
    """Return a player and the numbers of which one is the secret: just one where verdicts tell distances."""
    numbers = range(server.dialect.low, server.dialect.high + 1)
    for _ in range(TRIES):
        player = server.another_game()
        seen = dict(player.sweep(leave=1))
        if Meaning.CORRECT not in seen.values():
            return player, [number for number in numbers if number not in seen]
        player.connection.close()
    return server.bystander(), list(numbers)


@CHECKS.check("P-5", need=Need.GAME, risk=1, hint=HINT_NUMBER)
def word_guess(server: JudgedServer) -> None:
    """A guess that is a word (abc) harms nobody."""
    others = server.bystanders()
    player = server.play()
    player.connection.send_lines(player.spell("abc"))
    player.connection.read_rest(server.timing.quiet_s)
    if not (server.dialect.several or player.connection.ended):
        # That this one leaves would harm others, if that does.
        with contextlib.suppress(MismatchError):
            player.guess(server.dialect.low)
            return
    server.make_room(player.connection)
    server.expect_serves(*others)


@CHECKS.check("P-1", need=Need.GAME, risk=1, hint=HINT_END)
def leaves_mid_game(server: JudgedServer) -> None:
    """A player leaves in the middle of a game: the others play on."""
    others = server.bystanders()
    for guesses in (0, 1):
        player = server.play()
        for _ in range(guesses):
            if player.guess(server.dialect.low) is Meaning.CORRECT:
                raise ChanceError("the player who was to leave has won")
        player.connection.close()
        server.settle()  # who comes at once might hide that somebody has left
    server.expect_serves(*others)


@CHECKS.check("P-1", need=Need.GAME, risk=1, hint=HINT_RESET)
def vanished_player(server: JudgedServer) -> None:
    """A player's connection breaks off: the others play on."""
    others = server.bystanders()
    player = server.play()
    player.connection.reset()
    server.settle()
    player = server.bystander()
    player.connection.send_lines(player.spell(player.losing))
    player.connection.reset()
    server.settle()
    server.expect_serves(*others)


@CHECKS.check("A-2", need=Need.PLAYER_AND_ADMIN, risk=1, hint=HINT_GHOST)
def ghosts(server: JudgedServer) -> None:
    """A player whose connection breaks off is not listed any more."""
    if not server.dialect.direct:
        raise NotApplicableError("the server sees the kit under another address")
    player = server.bystander()
    player.connection.reset()
    port = player.connection.address[1]
    server.await_listed(
        lambda found: port not in [listed for _, listed in found],
        "a player who broke the connection off not to be listed any more",
    )


@CHECKS.check("F-1", need=Need.GAME, risk=1, hint=HINT_END)
def cut_line(server: JudgedServer) -> None:
    """A connection pauses or ends within a line: the others play on."""
    others = server.bystanders()
    player = server.play()
    player.connection.send(b"My Gu")
    if server.dialect.several:
        server.expect_serves(*others)
    player.connection.close()
    connection = server.open_player()
    connection.send(b"Hel")
    connection.close()
    server.expect_serves(*others)


@CHECKS.check("P-1", "P-2", need=Need.GAME, risk=1, hint=HINT_IDLE)
def idle_player(server: JudgedServer) -> None:
    """Idle players keep nobody from playing."""
    server.open_player()
    server.greeted()
    idle = server.play()
    for _ in range(2):
        server.expect_serves()
    idle.guess(server.dialect.low)


@CHECKS.check("A-2", need=Need.PLAYER_AND_ADMIN, risk=1, hint=HINT_IDLE)
def idle_admin(server: JudgedServer) -> None:
    """An idle administrator keeps nobody from playing."""
    others = server.bystanders()
    if server.admin_port.tls is not None:
        server.open(replace(server.admin_port, tls=None))  # does not even begin to encrypt
        server.expect_serves(*others)
    server.greeted_admin()
    server.expect_serves(*others)


@CHECKS.check("A-2", need=Need.ADMIN, risk=1, hint=HINT_IDLE)
def idle_admin_beside(server: JudgedServer) -> None:
    """An idle administrator keeps no other from asking."""
    if server.dialect.plays:
        server.play()  # nothing at all is what many a server answers when nobody plays
    server.open(server.admin_port)
    server.greeted_admin()
    connection, lines = server.who()
    if not (lines or connection.ended):
        connection.fail("the list, although another administrator is connected and idle", "nothing")


@CHECKS.check("A-1", "A-2", "A-7", need=Need.ADMIN, risk=1, hint=HINT_APART)
def admins_apart(server: JudgedServer) -> None:
    """Of two administrators each gets an answer of their own, and only who has said Hello."""
    if server.dialect.plays:
        server.play()  # nothing at all is what many a server answers when nobody plays
    try:
        refuses = not _lists_a_stranger(server)
        first = server.greeted_admin()
        lists = refuses and _lists_a_stranger(server)
        second = server.greeted_admin()
    except MismatchError as error:
        raise NotApplicableError("a second administrator is not greeted: see idle-admin-beside") from error
    if lists:
        first.fail("no list for who has not said Hello, although another administrator has", "the list")
    if second.receive(server.clock.deadline(server.timing.quiet_s)):
        raise NotApplicableError(
            "an administrator gets more than a greeting for Hello: see crlf and who-form"
        )
    first.send_lines("Who")
    first.receive(server.clock.deadline(server.timing.timeout_s))
    # Meanwhile it may have been refused, since it has said nothing for so long.
    taken = second.receive(server.clock.deadline(server.timing.quiet_s))
    if addresses(taken.decode("latin-1")):
        second.fail("nothing for an administrator who has not asked", f"'{shown(taken)}'")
    if not (first.pending() or first.ended):
        first.fail("the list, for the administrator who has asked", NOTHING)


def _lists_a_stranger(server: JudgedServer) -> bool:
    """Tell whether an administrator gets the list who has not said Hello; if not, that is well."""
    stranger = server.open(server.admin_port)
    stranger.send_lines("Who")
    listed = bool(addresses(stranger.read_rest(server.timing.quiet_s).decode("latin-1")))
    stranger.close()
    return listed


@CHECKS.check("F-3", need=Need.ADMIN, risk=1, hint=HINT_LINES)
def admin_lines(server: JudgedServer) -> None:
    """An administrator's lines count however they come: in pieces, or two in one segment."""
    if server.dialect.plays:
        server.play()
    hello = f"{server.dialect.admin_hello}\r\n".encode()
    asked = server.open(server.admin_port)
    asked.send_lines(server.dialect.admin_hello)
    greeting = asked.read_line("the line 'Admin-Greetings'")
    asked.close()
    in_pieces = server.open(server.admin_port)
    in_pieces.send(hello[:3])
    in_pieces.expect_silence("no reply before the end of the line")
    in_pieces.send(hello[3:])
    _expect_greeting(in_pieces, greeting, "Hello in two pieces")
    in_pieces.close()
    at_once = server.open(server.admin_port)
    at_once.send(hello + b"Who\r\n")
    both = "Hello and Who in one segment"
    more = _expect_greeting(at_once, greeting, both) or at_once.pending()
    if not (more or at_once.receive(server.clock.deadline(server.timing.timeout_s))):
        at_once.fail(f"the list too, in answer to {both}", at_once.ended or NOTHING)


def _expect_greeting(connection: Connection, greeting: str, said: str) -> str:
    """Take the greeting; return what follows it in the same line, where the server does not end its lines."""
    expected = f"the line {quoted(greeting)}, in answer to {said}"
    text = connection.read_line(expected)
    if not text.startswith(greeting):
        connection.fail(expected, quoted(text))
    return text.removeprefix(greeting)


@CHECKS.check("F-5", need=Need.GAME, hint=HINT_BUSY)
def idle_costs_nothing(server: JudgedServer) -> None:
    """While nobody says anything, the server uses no processor time."""
    program = server.program
    if program is None or program.usage() is None:
        raise NotApplicableError("processor time can only be seen with --server-command, on Linux")
    player = server.play()
    _expect_rest(server, player, "while a player thinks")
    if server.dialect.several:
        server.play().connection.close()
        if server.is_gone():  # the check leaves-mid-game is about that
            return
        _expect_rest(server, player, "after another player has left")
    if server.dialect.admin:
        server.greeted_admin()
        _expect_rest(server, player, "while an administrator thinks")


def _expect_rest(server: JudgedServer, player: Player, when: str) -> None:
    # Over as soon as it has waited or computed for so long, whichever comes first.
    deadline = server.clock.deadline(IDLE_S)
    while not deadline.over:
        time.sleep(LOOK_PAUSE_S)
    if deadline.computed:
        player.connection.fail(f"a server that waits {when}", "one that computes all the time")


@CHECKS.check("P-10", need=Need.GAME, risk=1, hint=HINT_END)
def port_scan(server: JudgedServer) -> None:
    """Connections that say nothing and go do no harm."""
    others = server.bystanders()
    # Whoever does not accept any more would cost a wait for each of them.
    with contextlib.suppress(MismatchError):
        for port in (server.player_port, server.admin_port):
            for _ in range(SCANS):
                server.open(port).close()
                server.open(port).reset()
    server.expect_serves(*others)


@CHECKS.check("P-6", need=Need.GAME, risk=1, hint=HINT_GARBAGE)
def garbage(server: JudgedServer) -> None:
    """Random octets in every state do no harm."""
    others = server.bystanders()
    noise = bytes(server.rng.randrange(256) for _ in range(GARBAGE_OCTETS))
    for begin in (server.open_player, server.greeted, lambda: server.play().connection):
        connection = begin()
        connection.send(noise)
        connection.read_rest(server.timing.quiet_s)
        server.make_room(connection)
    if server.dialect.admin:
        connection = server.open(server.admin_port)
        connection.send(noise)
        connection.read_rest(server.timing.quiet_s)
    server.expect_serves(*others)


@CHECKS.check("F-2", need=Need.GAME, risk=1, hint=HINT_ENDLESS)
def endless_line(server: JudgedServer) -> None:
    """A line without an end does no harm."""
    others = server.bystanders()
    player = server.play()
    player.connection.send(b"x" * LONG_OCTETS)
    player.connection.read_rest(server.timing.quiet_s)
    server.make_room(player.connection)
    server.expect_serves(*others)


@CHECKS.check("P-2", "A-2", need=Need.SEVERAL, risk=1, hint=HINT_CROWD)
def crowd(server: JudgedServer) -> None:
    """Many players at once are all served and listed."""
    count = server.limits.crowd
    if server.limits.max_players is not None:
        count = min(count, server.limits.max_players - 2)
    players: list[Player] = []

    def join(_: int) -> None:
        for _ in range(count // 10):
            player = server.play()
            player.guess(server.dialect.low)
            players.append(player)

    try:
        in_threads(10, join)
    except MismatchError as error:
        served = f"{error.finding.came}; {len(players)} players were served before, at the same time"
        raise MismatchError(replace(error.finding, came=served, note=HINT_CROWD)) from error
    if server.dialect.admin and server.dialect.direct:
        still = [player for player in players if player.losing is not None]
        ports = {player.connection.address[1] for player in still}
        server.await_listed(
            lambda found: ports <= {port for _, port in found}, f"all of the {len(ports)} players in the list"
        )


@CHECKS.check("F-3", need=Need.GREETED_GAME, risk=1, hint=HINT_LINES)
def lines_in_order(server: JudgedServer) -> None:
    """A whole handshake in one segment is answered in order."""
    connection = server.open_player()
    player = Player(connection, server.dialect)
    lines = ["Hello", *server.dialect.begin, player.spell(server.dialect.low)]
    wanted = [{Meaning.GREETING}, *([{Meaning.READY}] if server.dialect.game else []), VERDICTS]
    connection.send_lines(*lines)
    for line, senses in zip(lines, wanted, strict=True):
        text = connection.read_line(f"a reply to {quoted(line)}")
        if classify(text) not in senses and classify(text) is not Meaning.OTHER:
            note = "answer the lines in the order in which they came"
            connection.fail(f"the reply to {quoted(line)}", quoted(text), note)


@CHECKS.check("F-3", need=Need.GREETING, risk=1, hint=HINT_LINES)
def slow_typist(server: JudgedServer) -> None:
    """Hello that comes octet by octet is greeted."""
    connection = server.open_player()
    for octet in b"Hello" + server.dialect.terminator:
        connection.send(bytes([octet]))
        time.sleep(0.01)
    if classify(connection.read_line("the line 'Greetings'")) is not Meaning.GREETING:
        connection.fail(
            "the line 'Greetings'", connection.last_line(), "gather octets until the line has ended"
        )


@CHECKS.check("P-1", risk=2, hint=HINT_SURVIVES)
def survives(server: JudgedServer) -> None:
    """The server goes on after each of the other checks, also those that it passed."""
    if server.deaths:
        raise MismatchError(
            Finding(
                "the server to go on after each of the other checks",
                "; ".join(f"gone after {check}: {how}" for check, how in server.deaths),
            )
        )


@CHECKS.check("P-1", need=Need.GAME, risk=2, hint=HINT_REUSE)
def rebound(server: JudgedServer) -> None:
    """Killed and restarted, the server has its ports back at once."""
    program = server.program
    if program is None:
        raise NotApplicableError("the kit may restart the server only with --server-command")
    # The server's side of a connection that it ends lingers, and must not keep the port from being bound
    # again. What a win, a second game or an administrator does to others is not asked here.
    winner = server.play()
    connection = winner.connection
    with contextlib.suppress(MismatchError):
        winner.sweep()
        connection.read_rest()
    connection.close()
    with contextlib.suppress(MismatchError):
        connection = server.another_game().connection
        if server.dialect.admin:
            server.who()
    program.kill()
    connection.read_rest(server.timing.quiet_s)
    connection.close()
    server.restart(connection)
