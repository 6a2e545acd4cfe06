"""A well-behaved player, to be seen finishing a game whatever else goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.line_client import handed_over

if TYPE_CHECKING:
    from tests.support.line_client import LineClient
    from tests.support.server_process import ServerProcess

RANGE = range(1, 31)


def win(player: LineClient) -> int:
    """Guess 1, 2, 3 and so on to the end, and return how many guesses it took."""
    for number in RANGE:
        verdict = player.ask(f"My Guess is: {number}")
        if verdict == "Correct":
            assert player.read_rest() == b""
            return number
        assert verdict in {"Far", "Close"}
    raise AssertionError("every number was guessed, and none was correct")


def finish_a_game(server: ServerProcess) -> None:
    """See a player greeted, ready, winning and let go."""
    with server.new_player() as player:
        assert player.ask("Hello") == "Greetings"
        assert player.ask("Game") == "Ready"
        win(player)


def start_a_game(server: ServerProcess, **options: Any) -> tuple[LineClient, bytes, bytes]:
    """Return a player who plays, a guess of 16 octets that is wrong, and the reply to it."""
    guess = b"My Guess is: 8\r\n"
    while True:
        with handed_over(server.new_player("Hello", "Game", **options)) as player:
            reply = player.ask("My Guess is: 8")
        if reply != "Correct":
            return player, guess, f"{reply}\r\n".encode()
        player.close()
