"""What the exercise's programs usually get wrong; a server survives it and goes on serving (level robust)."""

import contextlib
import time
from typing import Final

from services.conformance.checks import Checklist, Need
from services.conformance.dialect import VERDICTS, Sense, sense
from services.conformance.judged import TRIES, JudgedServer, Player, in_threads
from services.conformance.results import Level
from services.conformance.wire import MismatchError, NotApplicableError, Wire, shown

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
RESET_NOTE: Final = "say that you have finished sending (shutdown), read until the client closes, then close"
LONG_OCTETS: Final = 100_000
GARBAGE_OCTETS: Final = 4000

FORGED_HOST: Final = "192.0.2.7"
FORGED_HEADER: Final = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x01\xc3\x50\x0f\xa0"
"""The header of the PROXY protocol, version 2, for a player of that address."""

CHECKS: Final[Checklist[JudgedServer]] = Checklist(Level.ROBUST)


@CHECKS.check("P-1", "P-2", "P-3", need=Need.GAME)
def any_case(server: JudgedServer) -> None:
    """Commands match in any case, with blanks around them."""
    wire = server.open_player()
    wire.say(" hELLO\t")
    if sense(wire.line("the line 'Greetings'")) is not Sense.GREETING:
        wire.fail("the line 'Greetings'", wire.conversation()[-1], "commands match without regard to case")
    if server.dialect.game:
        wire.say("game")
        if sense(wire.line("the line 'Ready'")) is not Sense.READY:
            wire.fail("the line 'Ready'", wire.conversation()[-1], "commands match without regard to case")
    player = Player(wire, server.dialect)
    wire.say(player.spell(server.dialect.low).upper())
    player.verdict(server.dialect.low)


@CHECKS.check("X-1", need=Need.BOTH)
def forged_header(server: JudgedServer) -> None:
    """A player who claims to be a balancer is not believed, and does no harm."""
    other = server.bystander()
    wire = server.open(server.player_port)
    wire.send(FORGED_HEADER)
    wire.say("Hello")
    server.expect_serves(other)
    if FORGED_HOST in str(server.listed()):
        wire.fail("no player in the list who only claims to be there", FORGED_HOST)


@CHECKS.check("F-1", need=Need.GREETING)
def lone_lf(server: JudgedServer) -> None:
    """A line that is ended by LF alone is understood."""
    wire = server.open_player()
    wire.send(b"Hello\n")
    if sense(wire.line("the line 'Greetings'")) is not Sense.GREETING:
        wire.fail("the line 'Greetings'", wire.conversation()[-1])


@CHECKS.check("F-3", need=Need.GAME)
def two_lines(server: JudgedServer) -> None:
    """Several guesses in one segment get a verdict each."""
    player = server.bystander()
    spelled = player.spell(player.losing)
    player.wire.say(spelled, spelled, spelled)
    for _ in range(3):
        player.verdict(player.losing)


@CHECKS.check("F-3", need=Need.GAME)
def split_line(server: JudgedServer) -> None:
    """A guess that comes in several pieces gets one verdict."""
    player = server.bystander()
    line = player.spell(player.losing).encode() + server.dialect.terminator
    cuts = sorted(server.chance.sample(range(1, len(line)), k=min(3, len(line) - 1)))
    for start, end in zip((0, *cuts), (*cuts, len(line)), strict=True):
        if start:
            player.wire.expect_silence("no reply before the end of the line")
        player.wire.send(line[start:end])
    player.verdict(player.losing)
    player.wire.expect_silence("one reply to one line")


@CHECKS.check("P-5", need=Need.GAME)
def nonsense(server: JudgedServer) -> None:
    """What is no guess is answered by the prompt, and the game goes on."""
    player = server.bystander()
    for line in NONSENSE:
        player.wire.say(line)
        player.expect_prompt(line)
    player.guess(player.losing)


@CHECKS.check("P-3", need=Need.GAME)
def no_numbers(server: JudgedServer) -> None:
    """+5, 0x10, 1e1 and their like are no numbers."""
    player = server.bystander()
    for number in NO_NUMBERS:
        line = player.spell(number)
        player.wire.say(line)
        player.expect_prompt(line)
    player.guess(player.losing)


@CHECKS.check("F-6", need=Need.GAME)
def half_close(server: JudgedServer) -> None:
    """A client that half-closes after its last line gets every reply."""
    player = server.play()
    player.wire.say(player.spell(server.dialect.low))
    player.wire.half_close()
    player.verdict(server.dialect.low)
    player.wire.expect_end("the last reply")


@CHECKS.check("F-7", "P-8", need=Need.GAME)
def no_reset(server: JudgedServer) -> None:
    """Correct arrives, and nothing after it, even if more was sent."""
    player, numbers = _nearly_won(server)
    lines = [player.spell(number) for number in numbers]
    player.wire.say(*lines, *lines[:1] * TRAILING_LINES)
    if Sense.CORRECT not in map(player.verdict, numbers):
        player.wire.fail(f"Correct for one of {numbers}", "none")
    wanted = "nothing after Correct, although more lines were sent"
    more = player.wire.rest()
    if more:
        player.wire.fail(wanted, shown(more))
    if player.wire.was_reset:
        player.wire.fail("the connection to be closed without a reset", player.wire.ended, RESET_NOTE)


def _nearly_won(server: JudgedServer) -> tuple[Player, list[int]]:
    """Return a player and the numbers of which one is the secret: just one where verdicts tell distances."""
    numbers = range(server.dialect.low, server.dialect.high + 1)
    for _ in range(TRIES):
        player = server.play()
        seen = dict(player.sweep(leave=1))
        if Sense.CORRECT not in seen.values():
            return player, [number for number in numbers if number not in seen]
    return server.play(), list(numbers)


@CHECKS.check("A-2", need=Need.SEVERAL)
def vanished_player(server: JudgedServer) -> None:
    """A player's connection breaks off: the others play on, the list forgets it."""
    other = server.bystander()
    resetting = [server.play(), server.play()]
    resetting[1].wire.say(resetting[1].spell(server.dialect.low))
    for player in resetting:
        player.wire.reset()
    server.expect_serves(other)
    if server.dialect.admin and server.dialect.direct:
        ports = {player.wire.address[1] for player in resetting}
        server.await_listed(
            lambda found: not ports & {port for _, port in found},
            "players who broke the connection off not to be listed any more",
        )


@CHECKS.check("F-1", need=Need.SEVERAL)
def cut_line(server: JudgedServer) -> None:
    """A connection ends within a line: the others play on."""
    other = server.bystander()
    for end in (Wire.close, Wire.reset):
        player = server.play()
        player.wire.send(b"My Gu")
        end(player.wire)
        wire = server.open_player()
        wire.send(b"Hel")
        end(wire)
    server.expect_serves(other)


@CHECKS.check("P-1", "P-2", need=Need.GAME)
def idle_player(server: JudgedServer) -> None:
    """Idle players keep nobody from playing."""
    server.open_player()
    server.greeted()
    idle = server.play()
    half = server.play()
    half.wire.send(b"My Guess")
    for _ in range(2):
        server.expect_serves()
    idle.guess(server.dialect.low)


@CHECKS.check("A-2", need=Need.BOTH)
def idle_admin(server: JudgedServer) -> None:
    """An idle administrator keeps nobody from playing or asking."""
    player = server.bystander()
    server.open(server.admin_port)
    server.greeted_admin()
    server.expect_serves(player)
    wire, lines = server.who()
    if not lines:
        wire.fail("the list, although another administrator is connected and idle", "nothing")


@CHECKS.check("P-10", need=Need.SEVERAL)
def port_scan(server: JudgedServer) -> None:
    """Connections that say nothing and go do no harm."""
    other = server.bystander()
    for _ in range(SCANS):
        for port in (server.player_port, server.admin_port):
            with contextlib.suppress(MismatchError):
                server.open(port).close()
                server.open(port).reset()
    server.expect_serves(other)


@CHECKS.check("P-6", need=Need.SEVERAL)
def garbage(server: JudgedServer) -> None:
    """Random octets in every state do no harm."""
    other = server.bystander()
    noise = bytes(server.chance.randrange(256) for _ in range(GARBAGE_OCTETS))
    for begin in (server.open_player, server.greeted, lambda: server.play().wire):
        wire = begin()
        wire.send(noise)
        wire.rest(server.pace.quiet_s)
        wire.close()
    if server.dialect.admin:
        wire = server.open(server.admin_port)
        wire.send(noise)
        wire.rest(server.pace.quiet_s)
    server.expect_serves(other)


@CHECKS.check("F-2", need=Need.SEVERAL)
def endless_line(server: JudgedServer) -> None:
    """A line without an end does no harm."""
    other = server.bystander()
    player = server.play()
    player.wire.send(b"x" * LONG_OCTETS)
    player.wire.rest(server.pace.quiet_s)
    server.expect_serves(other)


@CHECKS.check("P-2", "A-2", need=Need.SEVERAL)
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

    in_threads(10, join)
    if server.dialect.admin and server.dialect.direct:
        still = [player for player in players if player.losing is not None]
        ports = {player.wire.address[1] for player in still}
        server.await_listed(
            lambda found: ports <= {port for _, port in found}, f"all of the {len(ports)} players in the list"
        )


@CHECKS.check("P-1", need=Need.GREETING)
def rebound(server: JudgedServer) -> None:
    """Killed and restarted, the server has its ports back at once."""
    if server.program is None:
        raise NotApplicableError("the kit may restart the server only with --server-command")
    player = server.play()
    server.program.kill()
    # The server's side of this connection lingers, and must not keep the port from being bound again.
    player.wire.rest(server.pace.quiet_s)
    if not server.revive():
        printed = server.program.news()
        player.wire.fail(
            f"the server to serve again on {server.player_port} as soon as it is restarted",
            f"no answer; it printed: {' / '.join(printed) or 'nothing'}",
            "set SO_REUSEADDR on the listening socket before bind",
        )


@CHECKS.check("F-3", need=Need.GAME)
def lines_in_order(server: JudgedServer) -> None:
    """A whole handshake in one segment is answered in order."""
    wire = server.open_player()
    player = Player(wire, server.dialect)
    lines = ["Hello", *(["Game"] if server.dialect.game else []), player.spell(server.dialect.low)]
    wanted = [{Sense.GREETING}, *([{Sense.READY}] if server.dialect.game else []), VERDICTS]
    wire.say(*lines)
    for line, senses in zip(lines, wanted, strict=True):
        text = wire.line(f"a reply to {line!r}")
        if sense(text) not in senses and sense(text) is not Sense.OTHER:
            wire.fail(
                f"the reply to {line!r}", repr(text), "answer the lines in the order in which they came"
            )


@CHECKS.check("F-3", need=Need.GREETING)
def slow_typist(server: JudgedServer) -> None:
    """Hello that comes octet by octet is greeted."""
    wire = server.open_player()
    for octet in b"Hello" + server.dialect.terminator:
        wire.send(bytes([octet]))
        time.sleep(0.01)
    if sense(wire.line("the line 'Greetings'")) is not Sense.GREETING:
        wire.fail("the line 'Greetings'", wire.conversation()[-1], "gather octets until the line has ended")
