"""What every server of the family must do (level classic)."""

from typing import Final

from services.conformance.checks import Checklist, Need
from services.conformance.dialect import ADDRESS, Sense, addresses, sense
from services.conformance.judged import JudgedServer
from services.conformance.results import Level
from services.conformance.wire import MismatchError, NotApplicableError, Wire, shown
from services.protocol.messages import Verdict

EXCHANGES: Final = 6
SECRETS: Final = 4
FEW: Final = 3

CHECKS: Final[Checklist[JudgedServer]] = Checklist(Level.CLASSIC)


@CHECKS.check("F-5")
def no_banner(server: JudgedServer) -> None:
    """The server says nothing before it is spoken to."""
    wire = server.open(server.player_port)
    wire.expect_silence("nothing, until the client has said something")


@CHECKS.check("P-1")
def greets(server: JudgedServer) -> None:
    """Hello is answered Greetings."""
    wire = server.open_player()
    wire.say("Hello")
    wire.expect("Greetings")


@CHECKS.check("F-1", need=Need.GREETING)
def crlf(server: JudgedServer) -> None:
    """Each line that the server sends ends with CRLF."""
    wire = server.open_player()
    wire.say("Hello")
    _expect_crlf(wire)
    wire.close()
    if server.dialect.plays:
        player = server.play()
        player.wire.say(player.spell(server.dialect.low))
        _expect_crlf(player.wire)


def _expect_crlf(wire: Wire) -> None:
    octets = wire.line_octets("a line")
    if octets.endswith(b"\r\n"):
        return
    if octets.endswith(b"\n"):
        how, note = "LF alone", ""
    else:
        how, note = "no line end", "send the text and \\r\\n together: a client waits for the end of the line"
    wire.fail("each line to end with CR and LF (\\r\\n)", f"'{shown(octets)}', with {how}", note)


@CHECKS.check("F-4", need=Need.GREETING)
def one_write(server: JudgedServer) -> None:
    """Each reply comes in one piece."""
    if server.dialect.plays:
        player = server.bystander()
        wire, exchanges = player.wire, [player.spell(player.losing)] * EXCHANGES
    else:
        wire, exchanges = server.open_player(), ["Hello"]
    wire.delays_acknowledgement = True
    for said in exchanges:
        before = len(wire.pieces)
        wire.say(said)
        wire.line("a reply")
        pieces = wire.pieces[before:]
        if len(pieces) > 1:
            wire.fail(
                "the reply in one piece",
                f"{len(pieces)} pieces: {' and '.join(map(shown, pieces))}",
                "put the whole line, \\r\\n included, into one send",
            )
        if wire.pending() or wire.ended:
            break


@CHECKS.check("P-2", need=Need.GREETING)
def starts_game(server: JudgedServer) -> None:
    """Game is answered Ready."""
    wire = server.greeted()
    wire.say("Game")
    wire.expect("Ready")


@CHECKS.check("P-3", need=Need.GAME)
def guess_spelling(server: JudgedServer) -> None:
    """My Guess is: N is judged."""
    player = server.play()
    line = f"My Guess is: {server.dialect.low}"
    player.wire.say(line)
    player.verdict(server.dialect.low)


@CHECKS.check("P-4", need=Need.GAME)
def verdict_words(server: JudgedServer) -> None:
    """A verdict is Far, Close or Correct, and nothing else."""
    player = server.play()
    known = [str(verdict) for verdict in Verdict]
    for number in (server.dialect.low, server.dialect.high):
        player.wire.say(player.spell(number))
        text = player.wire.line("Far, Close or Correct")
        if text not in known:
            player.wire.fail("one of the lines 'Far', 'Close' and 'Correct'", repr(text))
        if text == "Correct":
            break


@CHECKS.check("P-4", need=Need.GAME)
def verdict_distances(server: JudgedServer) -> None:
    """Whole games: every verdict fits the distance from the secret."""
    most = server.limits.close_distance
    for _ in range(FEW):
        player = server.play()
        seen = player.sweep()
        secret = seen[-1][0]
        if all(meant in {Sense.MISS, Sense.CORRECT} for _, meant in seen) and len(seen) > most:
            continue
        for number, meant in seen[:-1]:
            distance = abs(number - secret)
            right = Sense.CLOSE if distance <= most else Sense.FAR
            if meant is not right:
                player.wire.fail(
                    f"{right} for the guess {number}",
                    f"{meant}",
                    f"the secret was {secret}, so the distance is {distance}; Close is up to {most}",
                )


@CHECKS.check("P-5", need=Need.GAME)
def prompt(server: JudgedServer) -> None:
    """A number out of range is answered by the prompt, and the game goes on."""
    player = server.play()
    low, high = server.dialect.low, server.dialect.high
    for number in (high + 1, low - 1):
        player.wire.say(player.spell(number))
        player.expect_prompt(player.spell(number))
    player.guess(low)


@CHECKS.check("P-5", need=Need.GAME)
def prompt_words(server: JudgedServer) -> None:
    """The prompt is Pick a number between LOW-HIGH."""
    player = server.play()
    player.wire.say(player.spell(server.dialect.high + 1))
    text = player.wire.line("the prompt")
    wanted = f"Pick a number between {server.dialect.low}-{server.dialect.high}"
    if text != wanted:
        player.wire.fail(f"the line {wanted!r}", repr(text))


@CHECKS.check("P-6", need=Need.GREETING)
def refusal(server: JudgedServer) -> None:
    """Who does not begin with Hello gets a negative answer and is disconnected."""
    wire = server.open_player()
    wire.say("Game")
    text = wire.line("a negative answer: Hello was not said")
    if sense(text) in {Sense.READY, Sense.GREETING, Sense.FAR, Sense.CLOSE, Sense.CORRECT}:
        wire.fail("a negative answer: Hello was not said", repr(text))
    wire.expect_end("the negative answer")


@CHECKS.check("P-6", need=Need.GREETING)
def refusal_words(server: JudgedServer) -> None:
    """The negative answer is Refused: REASON."""
    wire = server.open_player()
    wire.say("Nonsense")
    text = wire.line("a line 'Refused: REASON'")
    if not text.startswith("Refused: ") or text == "Refused: ":
        wire.fail("a line 'Refused: REASON'", repr(text))


@CHECKS.check("P-8", need=Need.GAME)
def closes_after_correct(server: JudgedServer) -> None:
    """After Correct the server closes."""
    player = server.play()
    player.sweep()
    player.wire.expect_end("Correct")


@CHECKS.check("P-9", need=Need.GAME)
def own_secret(server: JudgedServer) -> None:
    """Each player has a secret of their own."""
    if server.dialect.rounds:
        raise NotApplicableError("the players share one secret: see one-secret")
    # All of them begin before any of them ends, if they can: a secret that the players share shows.
    players = [server.play() for _ in range(SECRETS if server.dialect.several else 1)]
    secrets = [player.sweep()[-1][0] for player in players]
    while len(secrets) < SECRETS:
        players[-1].wire.close()
        players.append(server.play())
        secrets.append(players[-1].sweep()[-1][0])
    if len(set(secrets)) == 1:
        players[-1].wire.fail(
            "each player to have a secret of their own, drawn at random",
            f"{SECRETS} players all had the secret {secrets[0]}",
            "draw the secret when the player's game begins, and keep it with the player",
        )


@CHECKS.check("P-2", need=Need.GAME)
def two_players(server: JudgedServer) -> None:
    """Two players play at once."""
    first, second = server.bystander(), server.bystander()
    for player in (first, second, first, second):
        player.guess(player.losing)


@CHECKS.check("A-1")
def admin_greets(server: JudgedServer) -> None:
    """The administrator's Hello or Admin-Hello is answered Admin-Greetings."""
    wire = server.open(server.admin_port)
    wire.say("Hello")
    wire.expect("Admin-Greetings")
    wire.close()
    wire = server.open(server.admin_port)
    wire.say("Admin-Hello")
    wire.expect("Admin-Greetings")


@CHECKS.check("A-2", need=Need.BOTH)
def who(server: JudgedServer) -> None:
    """Who is answered by a line for each player."""
    players = [server.play() for _ in range(FEW)]
    own = [server.seen_address(player.wire) for player in players]
    wire, lines = server.who()
    found = addresses("\n".join(lines))
    for address in own:
        if address is not None and address[1] not in [port for _, port in found]:
            wire.fail(f"the player {address} in the list", f"the list {lines!r}")
    if len(set(found)) < FEW:
        wire.fail(f"a line for each of {FEW} players", f"the list {lines!r}")


@CHECKS.check("A-2", need=Need.ADMIN)
def who_closes(server: JudgedServer) -> None:
    """After the list the server closes."""
    wire = server.greeted_admin()
    wire.say("Who")
    wire.rest()
    if not wire.ended:
        wire.fail("the connection to be closed after the list", "it stayed open")
    if wire.was_reset:
        wire.fail("the connection to be closed after the list", wire.ended)


@CHECKS.check("A-6", need=Need.BOTH)
def who_form(server: JudgedServer) -> None:
    """A player is listed as IP port, as the player's own socket has it."""
    player = server.play()
    own = server.seen_address(player.wire)
    wire, lines = server.who()
    for line in lines:
        found = ADDRESS.search(line)
        if found is None:
            continue
        host = found["host"] or found["host4"]
        port = int(found["port"] or found["port4"])
        if line != f"{host} {port}":
            wire.fail("each line as 'IP port': the address, one blank, the port", repr(line))
        if "." in host and ":" in host:
            wire.fail("an IPv4 address as 127.0.0.1", repr(line), "never write it as IPv6 (::ffff:127.0.0.1)")
    if own is not None and str(own) not in lines:
        wire.fail(f"the line '{own}'", f"the list {lines!r}")


@CHECKS.check("A-2", need=Need.ADMIN)
def who_empty(server: JudgedServer) -> None:
    """Nobody plays: the list is one empty line."""
    try:
        server.await_listed(lambda found: not found, "nobody to be listed")
    except MismatchError as error:
        raise NotApplicableError("somebody plays, or is still listed") from error
    wire, lines = server.who()
    if lines != [""]:
        wire.fail("one empty line, since nobody is playing", repr(lines))


@CHECKS.check("A-2", need=Need.BOTH)
def who_left(server: JudgedServer) -> None:
    """Who has left or won is not listed any more."""
    if not server.dialect.direct:
        raise NotApplicableError("the server sees the kit under another address")
    leaver, winner = server.play(), server.play()
    leaver.wire.close()
    winner.sweep()
    gone = {leaver.wire.address[1], winner.wire.address[1]}
    server.await_listed(
        lambda found: not gone & {port for _, port in found},
        "neither the player who left nor the player who has won to be listed any more",
    )
