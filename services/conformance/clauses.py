"""The clauses of docs/protocol.md in brief, for the reports; a test compares the ids with the document."""

from typing import Final

CLAUSES: Final[dict[str, str]] = {
    "F-1": "a message is one line, ended by CRLF; a lone LF ends a line too",
    "F-2": "a line has 512 octets at most",
    "F-3": "lines may arrive in any pieces, and several at once; each gets its reply, in order",
    "F-4": "each reply is one line and one write",
    "F-5": "the server speaks only when spoken to",
    "F-6": "a client that half-closes still gets every reply",
    "F-7": "no reset overtakes a reply",
    "P-1": "Hello is answered Greetings",
    "P-2": "Game is answered Ready",
    "P-3": "how a guess is spelled, and what is no number",
    "P-4": "Correct, Close or Far by the distance from the secret",
    "P-5": "what is no guess in range is answered by the prompt, and the game goes on",
    "P-6": "the negative answer is Refused: REASON, then the server closes",
    "P-7": "a guess straight after Greetings begins the game",
    "P-8": "after Correct the server closes",
    "P-9": "each game has a secret of its own, drawn at random",
    "P-10": "who does not begin to play within the handshake timeout is disconnected",
    "P-11": "an idle player is disconnected",
    "P-12": "a connection over the limit is refused",
    "P-13": "too many lines in a row that are no valid guess are refused",
    "A-1": "Hello or Admin-Hello is answered Admin-Greetings",
    "A-2": "Who is answered by the list of players, then the server closes",
    "A-3": "Watch is answered by the list and End",
    "A-4": "a watcher is told what happens, as it happens",
    "A-5": "Who within a watch is answered by the list and End",
    "A-6": "an address is IP, one blank, port",
    "A-7": "there is one administrator who watches",
    "A-8": "a watcher answers Ping with Pong, which has no reply",
    "A-9": "no player waits for a watcher that does not read",
    "A-10": "anything else is refused",
    "R-1": "in a shared round there is one secret for all players",
    "R-2": "the first Correct wins the round, and a new one begins",
    "R-3": "each other player's next guess is answered Too late",
    "R-4": "a watcher is told of each new round",
    "R-5": "without what the servers share, a refusal comes within 2 s",
    "X-1": "only a balancer is believed whose connection it passes on",
    "S-1": "one table says which message may follow in which state",
    "S-2": "a refusal names what was expected",
    "C-1": "a client says Hello, Game and its guesses, and waits for each reply",
    "C-2": "a client reads a reply by its first word and takes Correct as the end",
    "C-3": "a client never sends a number out of range",
    "C-4": "a client takes Refused and the end of the stream as the end",
    "T-1": "the first octet tells TLS from plain text",
    "T-2": "plain text where TLS is required is told so in one plain line",
    "T-3": "nobody is the administrator without a certificate that says so",
    "T-4": "a client that speaks TLS never falls back to plain text",
}


def clause_order(clause: str) -> int:
    """Return the place of a clause in the document; an unknown one comes last."""
    return list(CLAUSES).index(clause) if clause in CLAUSES else len(CLAUSES)
