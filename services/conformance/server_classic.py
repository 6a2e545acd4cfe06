"""What every server of the family must do (level classic)."""

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
from services.conformance.dialect import ADDRESS, Meaning, addresses, classify
from services.conformance.judged import JudgedServer, Player
from services.conformance.results import Level
from services.protocol.messages import Verdict

EXCHANGES: Final = 6
SECRETS: Final = 4
FEW: Final = 3

HINT_PROMPT: Final = (
    "compare the number with both ends of the range before you compare it with the secret, and spell the "
    "prompt exactly: 'Pick a number between 1-30\\r\\n'"
)

CHECKS: Final[Checklist[JudgedServer]] = Checklist(Level.CLASSIC)


@CHECKS.check(
    "F-5", risk=1, hint="answer only when a whole line has come: send nothing straight after accept"
)
def no_banner(server: JudgedServer) -> None:
    """The server says nothing before it is spoken to."""
    connection = server.open(server.player_port)
    connection.expect_silence("nothing, until the client has said something")


@CHECKS.check(
    "P-1",
    hint="compare the stripped line with hello in lower case, and answer with the text 'Greetings\\r\\n'",
)
def greets(server: JudgedServer) -> None:
    """Hello is answered Greetings."""
    connection = server.open_player()
    connection.send_lines("Hello")
    connection.expect("Greetings")


@CHECKS.check(
    "F-1",
    need=Need.GREETING,
    hint="end each line that you send with \\r\\n, not with \\n, and not without an end",
)
def crlf(server: JudgedServer) -> None:
    """Each line that the server sends ends with CRLF."""
    # On one connection: whoever leaves does no harm, but that is not what this is about.
    connection = server.open_player()
    player = Player(connection, server.dialect)
    said = ["Hello"]
    if server.dialect.plays:
        said += [*server.dialect.begin, player.spell(server.dialect.low)]
    answer = ""
    for line in said:
        connection.send_lines(line)
        answer = _expect_crlf(connection)
    if server.dialect.admin:
        # What dies of a game that is won, by chance of this guess, is not what this is about either.
        if classify(answer) is Meaning.CORRECT and server.is_gone():
            server.start()
        asking = server.open(server.admin_port)
        asking.send_lines(server.dialect.admin_hello)
        _expect_crlf(asking)
        asking.send_lines("Who")
        listed = asking.read_rest(None if server.dialect.who_closes else server.timing.quiet_s)
        if listed.replace(b"\r\n", b"").count(b"\n") or not (b"\r\n" + listed).endswith(b"\r\n"):
            asking.fail("each line of the list to end with CR and LF (\\r\\n)", f"'{shown(listed)}'")


def _expect_crlf(connection: Connection) -> str:
    octets = connection.read_line_octets("a line")
    if not octets.endswith(b"\r\n"):
        if octets.endswith(b"\n"):
            how, note = "LF alone", ""
        else:
            how = "no line end"
            note = "send the text and \\r\\n together: a client waits for the end of the line"
        expected = "each line to end with CR and LF (\\r\\n)"
        connection.fail(expected, f"'{shown(octets)}', with {how}", note)
    return octets.decode("latin-1").removesuffix("\r\n")


@CHECKS.check("F-4", need=Need.GREETING, hint="put the whole line, \\r\\n included, into one send")
def one_write(server: JudgedServer) -> None:
    """Each reply comes in one piece."""
    if server.dialect.plays:
        player = server.bystander()
        connection, exchanges = player.connection, [player.spell(player.losing)] * EXCHANGES
    else:
        connection, exchanges = server.open_player(), ["Hello"]
    connection.delays_acknowledgement = True
    for said in exchanges:
        before = len(connection.pieces)
        connection.send_lines(said)
        text = connection.read_line("a reply")
        pieces = connection.pieces[before:]
        if len(pieces) > 1:
            connection.fail(
                "the reply in one piece",
                f"{len(pieces)} pieces: {' and '.join(map(shown, pieces))}",
            )
        if connection.pending() or connection.ended or classify(text) is Meaning.CORRECT:
            break


@CHECKS.check(
    "P-2", need=Need.GREETING, hint="after Greetings the line Game, in any case, is answered 'Ready\\r\\n'"
)
def starts_game(server: JudgedServer) -> None:
    """Game is answered Ready."""
    connection = server.greeted()
    connection.send_lines("Game")
    connection.expect("Ready")


@CHECKS.check("P-3", need=Need.GAME, hint="take the number from what follows the colon in 'My Guess is: N'")
def guess_spelling(server: JudgedServer) -> None:
    """My Guess is: N is judged."""
    player = server.play()
    line = f"My Guess is: {server.dialect.low}"
    player.connection.send_lines(line)
    player.verdict(server.dialect.low)


@CHECKS.check("P-4", need=Need.GAME, hint="answer a guess with nothing but Far, Close or Correct")
def verdict_words(server: JudgedServer) -> None:
    """A verdict is Far, Close or Correct, and nothing else."""
    player = server.play()
    known = [str(verdict) for verdict in Verdict]
    for number in (server.dialect.low, server.dialect.high):
        player.connection.send_lines(player.spell(number))
        text = player.connection.read_line("Far, Close or Correct")
        if text not in known:
            player.connection.fail("one of the lines 'Far', 'Close' and 'Correct'", quoted(text))
        if text == "Correct":
            break


@CHECKS.check("P-4", need=Need.GAME, hint="the distance is the absolute difference between guess and secret")
def verdict_distances(server: JudgedServer) -> None:
    """Whole games: every verdict fits the distance from the secret."""
    most = server.limits.close_distance
    for _ in range(FEW):
        player = server.another_game()
        seen = player.sweep(tries=1)
        player.connection.close()
        secret = seen[-1][0]
        if all(meant in {Meaning.MISS, Meaning.CORRECT} for _, meant in seen) and len(seen) > most:
            continue
        for number, meant in seen[:-1]:
            distance = abs(number - secret)
            right = Meaning.CLOSE if distance <= most else Meaning.FAR
            if meant is not right:
                player.connection.fail(
                    f"{right} for the guess {number}",
                    f"{meant}",
                    f"the secret was {secret}, at distance {distance}; --close-distance is {most}",
                )


@CHECKS.check(
    "P-5",
    need=Need.GAME,
    hint=HINT_PROMPT,
)
def prompt(server: JudgedServer) -> None:
    """A number out of range is answered by the prompt, and the game goes on."""
    player = server.play()
    low, high = server.dialect.low, server.dialect.high
    for number in (high + 1, low - 1):
        player.connection.send_lines(player.spell(number))
        player.expect_prompt(player.spell(number))
    player.guess(low)


@CHECKS.check("P-5", need=Need.GAME, hint=HINT_PROMPT)
def prompt_words(server: JudgedServer) -> None:
    """The prompt is Pick a number between LOW-HIGH."""
    player = server.play()
    player.connection.send_lines(player.spell(server.dialect.high + 1))
    text = player.connection.read_line("the prompt")
    wanted = f"Pick a number between {server.dialect.low}-{server.dialect.high}"
    if text != wanted:
        player.connection.fail(f"the line {quoted(wanted)}", quoted(text))


@CHECKS.check(
    "P-6",
    need=Need.GREETING,
    hint="a client that does not begin with Hello is answered 'Refused: REASON\\r\\n', and closed",
)
def refusal(server: JudgedServer) -> None:
    """A client that does not begin with Hello gets a negative answer and is disconnected."""
    wanted = "a line that refuses, such as 'Refused: REASON', since Hello was not said"
    connection = server.open_player()
    connection.send_lines("Game")
    text = connection.read_line(wanted)
    if classify(text) in {Meaning.READY, Meaning.GREETING, Meaning.FAR, Meaning.CLOSE, Meaning.CORRECT}:
        connection.fail(wanted, quoted(text))
    connection.expect_end("the negative answer")


@CHECKS.check("P-6", need=Need.GREETING, hint="begin the negative answer with 'Refused: ', and say why")
def refusal_words(server: JudgedServer) -> None:
    """The negative answer is Refused: REASON."""
    connection = server.open_player()
    connection.send_lines("Nonsense")
    text = connection.read_line("a line 'Refused: REASON'")
    if not text.startswith("Refused: ") or text == "Refused: ":
        connection.fail("a line 'Refused: REASON'", quoted(text))


@CHECKS.check(
    "P-8", need=Need.GAME, hint="close the connection after Correct: leave the loop, then close the socket"
)
def closes_after_correct(server: JudgedServer) -> None:
    """After Correct the server closes."""
    player = server.play()
    player.sweep()
    player.connection.expect_end("Correct")


@CHECKS.check(
    "P-9", need=Need.GAME, hint="draw the secret when the player's game begins, and keep it with the player"
)
def own_secret(server: JudgedServer) -> None:
    """Each player has a secret of their own."""
    if server.dialect.rounds:
        raise NotApplicableError("the players share one secret: see one-secret")
    # All of them begin before any of them ends, if they can: a secret that the players share shows.
    players = [server.play() for _ in range(SECRETS if server.dialect.several else 1)]
    secrets: list[int] = []
    for player in players:
        try:
            secrets.append(player.sweep()[-1][0])
        except MismatchError:
            if not (secrets and server.is_gone()):
                raise
            break
    while len(secrets) < SECRETS:
        for player in players:
            player.connection.close()
        players.append(server.another_game())
        secrets.append(players[-1].sweep()[-1][0])
    if len(set(secrets)) == 1:
        players[-1].connection.fail(
            "each player to have a secret of their own, drawn at random",
            f"{SECRETS} players all had the secret {secrets[0]}",
        )


@CHECKS.check(
    "P-2",
    need=Need.GAME,
    hint="serve each connection beside the others: a thread for each, or select over all of them",
)
def two_players(server: JudgedServer) -> None:
    """Two players play at once."""
    first, second = server.bystander(), server.bystander()
    for player in (first, second, first, second):
        player.guess(player.losing)


@CHECKS.check(
    "A-1", hint="the administrator's port answers Hello (or Admin-Hello) with 'Admin-Greetings\\r\\n'"
)
def admin_greets(server: JudgedServer) -> None:
    """The administrator's Hello or Admin-Hello is answered Admin-Greetings."""
    connection = server.open(server.admin_port)
    connection.send_lines(server.dialect.admin_hello)
    connection.expect("Admin-Greetings")


@CHECKS.check(
    "A-2",
    need=Need.BOTH,
    hint="keep a list of the players who play, and send a line 'IP port' for each of them",
)
def who(server: JudgedServer) -> None:
    """Who is answered by a line for each player."""
    players = [server.play() for _ in range(FEW)]
    own = [server.seen_address(player.connection) for player in players]
    connection, lines = server.who()
    found = addresses("\n".join(lines))
    for address in own:
        if address is not None and address[1] not in [port for _, port in found]:
            connection.fail(f"the player {address} in the list", f"the list: {quoted_lines(lines)}")
    if len(set(found)) < FEW:
        connection.fail(f"a line for each of {FEW} players", f"the list: {quoted_lines(lines)}")
    # Nobody else can play where the kit has started the server for this check.
    if server.program is not None and len(lines) > FEW:
        connection.fail(
            f"a line for each of {FEW} players, and no other line", f"the list: {quoted_lines(lines)}"
        )


@CHECKS.check("A-2", need=Need.ADMIN, hint="close the administrator's connection after the list")
def who_closes(server: JudgedServer) -> None:
    """After the list the server closes."""
    connection = server.greeted_admin()
    connection.send_lines("Who")
    connection.read_rest()
    if not connection.ended:
        connection.fail("the connection to be closed after the list", "it stayed open")
    if connection.was_reset:
        connection.fail("the connection to be closed after the list", connection.ended)


@CHECKS.check(
    "A-6",
    need=Need.PLAYER_AND_ADMIN,
    hint="take the address and the port from accept, with one blank between them",
)
def who_form(server: JudgedServer) -> None:
    """A player is listed as IP port, as the player's own socket has it."""
    player = server.play()
    own = server.seen_address(player.connection)
    connection, lines = server.who()
    for line in lines:
        found = ADDRESS.search(line)
        if found is None:
            continue
        host = found["host"] or found["host4"]
        port = int(found["port"] or found["port4"])
        if line != f"{host} {port}":
            connection.fail("each line as 'IP port': the address, one blank, the port", quoted(line))
        if "." in host and ":" in host:
            connection.fail(
                "an IPv4 address as 127.0.0.1", quoted(line), "never write it as IPv6 (::ffff:127.0.0.1)"
            )
    if own is not None and str(own) not in lines:
        connection.fail(f"the line '{own}'", f"the list: {quoted_lines(lines)}")


@CHECKS.check("A-2", need=Need.ADMIN, hint="an empty list is one empty line: send '\\r\\n'")
def who_empty(server: JudgedServer) -> None:
    """Nobody plays: the list is one empty line."""
    try:
        server.await_listed(lambda found: not found, "nobody to be listed")
    except MismatchError as error:
        if server.program is not None:  # started for this check: nobody can have played
            raise
        raise NotApplicableError("somebody plays, or is still listed") from error
    connection, lines = server.who()
    if lines != [""]:
        connection.fail("one empty line, since nobody is playing", quoted_lines(lines))


@CHECKS.check(
    "A-2",
    need=Need.BOTH,
    hint="take a player off the list at the end of the connection, and when the game is won",
)
def who_left(server: JudgedServer) -> None:
    """A player that has left or won is not listed any more."""
    if not server.dialect.direct:
        raise NotApplicableError("the server sees the kit under another address")
    leaver, winner = server.play(), server.play()
    leaver.connection.close()
    winner.sweep()
    gone = {leaver.connection.address[1], winner.connection.address[1]}
    server.await_listed(
        lambda found: not gone & {port for _, port in found},
        "neither the player who left nor the player who has won to be listed any more",
    )
