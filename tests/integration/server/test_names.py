"""Names on the wire, from the player who gives one to the watcher who is told."""

from __future__ import annotations

from tests.support.server_process import ServerProcess


def test_a_watcher_is_told_names() -> None:
    """A name is in the list and in Joined within a watch, and in the log, not in a one-shot list (N-3)."""
    with (
        ServerProcess() as server,
        server.new_player("Hello", "Name: Bob", "Name: Ada_1", "Game") as first,
        server.new_admin("Hello") as watcher,
    ):
        assert watcher.ask("Watch") == "{} {} Ada_1".format(*first.address)
        assert watcher.read_line() == "End"
        with (
            server.new_player("Hello", "Name: x-2", "Game") as second,
            server.new_player("Hello", "Game") as third,
        ):
            assert watcher.read_line() == "Joined {} {} x-2".format(*second.address)
            assert watcher.read_line() == "Joined {} {}".format(*third.address)
            with server.new_admin("Hello") as admin:
                assert admin.ask("Who") == "{} {}".format(*first.address)
        named = server.wait_for("player_named", count=3)
        assert named["name"] == "x-2"


def test_what_is_no_name_is_refused_and_escaped() -> None:
    """Only letters, digits, `-` and `_` make a name: the reason says so, the log is escaped (N-2)."""
    with ServerProcess() as server, server.new_player("Hello") as player:
        reply = player.ask("Name: \x1b[31mred")
        assert reply.startswith("Refused: ")
        assert "letters" in reply
        assert server.wait_for("handshake_refused")["input"].isprintable()
