"""The cluster in containers: three servers behind a balancer, fifty bots, and one fault after another.

The tests share a cluster and mend what they break.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.cluster import (
    Cluster,
    Newcomers,
    ask_who,
    check_rounds,
    eventually,
    random_prefix,
    ready_player,
)
from tests.support.inside import output_of
from tests.support.line_client import LineClient
from tests.support.one_liners import check_story
from tests.support.proxy import proxy_header
from tests.support.topology import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container

    from tests.support.cluster import Slot
    from tests.support.log_contract import Event

pytestmark = pytest.mark.timeout(180)

BOTS = 50
CROWD = {
    "BOTS": "2",
    "BOT_PLAYERS": "25",
    "BOT_THINK": "0.5-2",
    "GAME_DRAIN_TIMEOUT": "2",
    # Bots that are held still in the middle of a handshake, on a busy machine for long, are waited for.
    "GAME_HANDSHAKE_TIMEOUT": "60",
}
REPLICAS = 3
ADMINISTRATORS = 10
RACES = 50
ROUNDS = 15
REFUSED_WITHIN_S = 2.0
GONE_AFTER_S = 8.0
"""So long after its last word the other side is taken for gone; a busy machine may take twice as long."""
BUSY_S = 60.0
"""A busy machine may take so long where nothing is promised."""
OUTAGES = {"stopped": 2.0, "paused": 3.0, "cut off": 10.0}
"""For how long Valkey is away, by how."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give a cluster whose players have secrets of their own."""
    settings = {**CROWD, "BALANCED_PREFIX": random_prefix()}
    with running(Cluster, tmp_path_factory.mktemp("cluster"), settings) as started:
        eventually(lambda: len(started.who()) == BOTS, "all bots at play", BUSY_S)
        started.follow()
        yield started


@pytest.fixture
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give a cluster whose players all guess at one number."""
    settings = {
        **CROWD,
        "BOT_THINK": "0.4-1.6",  # a round takes about thirty guesses
        "BALANCED_PREFIX": random_prefix(),
        "GAME_ROUND": "shared",
        "BOT_STRATEGY": "random",
    }
    with running(Cluster, tmp_path_factory.mktemp("shared"), settings) as started:
        started.follow()
        yield started


def agree(cluster: Cluster) -> None:
    """See the list of each server, the watch and the logs agree on who plays, while the bots hold still."""
    with cluster.still():

        def same() -> bool:
            truth = set(cluster.playing())
            with ExitStack() as stack:
                admins = [stack.enter_context(cluster.administrator()) for _ in range(REPLICAS)]
                lists = [ask_who(admin) for admin in admins]
            views = dict(zip(("one", "two", "three", "the watch"), [*lists, cluster.watched()], strict=True))
            different = {name: sorted(found ^ truth) for name, found in views.items() if found != truth}
            assert not different
            return bool(truth)

        eventually(same, "lists, watch and logs agree", BUSY_S)
        assert len(cluster.playing()) >= BOTS * 3 // 4  # the others are between two games


def lost_games(cluster: Cluster) -> list[Event]:
    """Return the games that ended without a message."""
    return [event for log in cluster.logs("bot") for event in log.events("game_lost")]


def lost_since(cluster: Cluster, before: list[Event]) -> list[list[Event]]:
    """Return the games that were lost since then, each as its bot and its servers told it."""
    servers = cluster.logs("server")
    return [
        [lost, *(event for log in servers for event in log.events() if event.get("peer") == lost["local"])]
        for lost in lost_games(cluster)
        if lost not in before
    ]


def test_everybody_is_listed_whichever_server_is_asked(cluster: Cluster) -> None:
    """Each server lists the players of all, by their own addresses, and so does the watch (A-2, A-4, X-1)."""
    agree(cluster)
    with cluster.still():
        by_server = list(cluster.playing().values())
        assert {by_server.count(str(one.name)) for one in cluster.servers()} <= set(range(12, 23)), by_server
        hosts = {peer.partition(" ")[0] for peer in cluster.playing()}
    assert hosts == cluster.hosts("bot")
    asked = [log for log in cluster.server_logs() if log.events("admin_listed")]
    assert len(asked) == REPLICAS


def test_a_game_is_told_by_all_who_saw_it(cluster: Cluster) -> None:
    """Behind the balancer, too, a player has one address in the logs of all who saw the game (X-1)."""
    check_story(cluster)


def test_playing_changes_nothing_in_a_cluster(cluster: Cluster) -> None:
    """From a shell with other settings, which may not know of the cluster, a player is all that starts."""
    before = cluster.lives()
    for files in (cluster.files, cluster.files[:1]):
        out = cluster.run_in_other_shell("run", "--rm", "--no-TTY", "player", "--help", files=files)
        assert "usage: " in out
    assert cluster.lives() == before


def test_servers_are_reached_over_one_network(cluster: Cluster) -> None:
    """The balancer knows servers by the address at which it, and nobody else, is believed (X-1)."""
    networks = [server.attrs["NetworkSettings"]["Networks"] for server in cluster.servers()]
    believed = {found[f"{cluster.project}_balanced"]["IPAddress"] for found in networks}
    assert {slot.address for slot in cluster.slots()} == believed
    shared = set.intersection(*({str(name) for name in found} for found in networks))
    assert f"{cluster.project}_observed" in shared  # the fault: a second way that led to the servers
    for server in cluster.servers():
        forger = proxy_header("203.0.113.7", 4711) + b"Hello\r\n"
        with LineClient((cluster.address_in("balanced", server), 4000)) as user_of_the_host:
            user_of_the_host.send(forger)
            assert user_of_the_host.read_line().startswith("Refused: ")


def test_a_header_forged_by_a_player_shows_up_nowhere(cluster: Cluster) -> None:
    """Neither through the balancer nor past it can a player claim another's address (X-1)."""
    forged = proxy_header("203.0.113.9", 4711) + b"Hello\r\nGame\r\n"
    with cluster.player() as player:
        player.send(forged)
        assert player.read_line().startswith("Refused: ")
    # Valkey's container shares a network with the servers, though not the balancer's.
    server = cluster.servers()[0]
    address = server.attrs["NetworkSettings"]["Networks"][f"{cluster.project}_lobby"]["IPAddress"]
    octets = "".join(f"\\x{octet:02x}" for octet in forged)
    speak = f"exec 3<>/dev/tcp/{address}/4000; printf '{octets}' >&3; head -n 1 <&3"
    assert output_of(cluster.container("valkey"), "bash", "-c", speak).startswith("Refused: ")
    assert "203.0.113.9" not in " ".join(cluster.who())
    everything = [event for log in cluster.server_logs() for event in log.events()]
    assert not [event for event in everything if str(event.get("peer")).startswith("203.0.113.9")]


def test_nothing_is_open_or_known_that_need_not_be(cluster: Cluster) -> None:
    """Only the balancer is published, the password is in no environment, and Valkey's user may do little."""
    published = {
        str(container.labels["com.docker.compose.service"])
        for container in cluster.containers("server") + cluster.containers("valkey") + [balancer(cluster)]
        if any(container.ports.values())
    }
    assert published == {"balancer"}
    server, valkey = cluster.servers()[0], cluster.container("valkey")
    password = output_of(server, "cat", "/lobby/password").strip()
    assert len(password) == 64
    for container in (server, valkey):
        assert password not in json.dumps(container.attrs)
    assert password not in cluster.run("logs", "--no-color")
    assert valkey.exec_run(["grep", "-r", password, "/lobby"]).exit_code == 1

    def ask_valkey(*words: str) -> str:
        return output_of(
            valkey, "valkey-cli", "--no-auth-warning", "--user", "game", "--pass", password, *words
        )

    assert int(ask_valkey("GET", "game:sequence")) > 0
    for refused in (("GET", "other"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("KEYS", "*"), ("ACL", "LIST")):
        assert "NOPERM" in ask_valkey(*refused)
    assert "NOAUTH" in output_of(valkey, "valkey-cli", "GET", "game:sequence")
    for container in (balancer(cluster), valkey, server):
        assert container.attrs["HostConfig"]["ReadonlyRootfs"]
        assert container.attrs["HostConfig"]["CapDrop"] == ["ALL"]
        assert output_of(container, "id", "-u").strip() == "10001"


def balancer(cluster: Cluster) -> Container:
    """Return the balancer."""
    return cluster.container("balancer")


def test_a_killed_server_costs_its_players_a_game_and_nobody_else(cluster: Cluster) -> None:
    """Its players come back; its ghosts are gone and the seat that was there is free in 5 s (A-4, A-7)."""
    agree(cluster)
    killed = cluster.seat_holder()
    with cluster.still():
        ghosts = {peer for peer, where in cluster.playing().items() if where == killed.name}
        lists = cluster.count("admin", "players_listed")
        killed.kill()
        killed_s = time.monotonic()
        eventually(lambda: not cluster.who() & ghosts, "no ghosts", 5 - (time.monotonic() - killed_s))
    assert ghosts

    def seated() -> bool:
        if cluster.count("admin", "players_listed") > lists:
            return True
        with cluster.administrator() as admin:
            return admin.ask("Hello") == "Admin-Greetings" and not admin.ask("Watch").startswith("Refused")

    eventually(seated, "the seat is free", max(0.1, 5 - (time.monotonic() - killed_s)))
    eventually(lambda: len(cluster.who()) >= BOTS - 4, "all bots at play again", BUSY_S)
    eventually(lambda: cluster.count("admin", "players_listed") > lists, "the watch goes on", BUSY_S)
    killed.start()
    eventually(lambda: is_healthy(killed), "the server is back", BUSY_S)
    agree(cluster)


def is_healthy(container: Container) -> bool:
    """Return whether the container's own check says so."""
    container.reload()
    return str(container.health) == "healthy"


def test_an_upgrade_is_no_outage(cluster: Cluster) -> None:
    """All servers get a new setting; 20 newcomers a second are let in meanwhile, or told (P-6)."""
    # Concurrent builds of shared steps differ in their dates; from now on the images are those of the cache.
    cluster.run("build", "--quiet")
    cluster.run("up", "--detach", "--no-deps", "--no-build", "admin", "bot")
    eventually(lambda: len(cluster.who()) == BOTS, "all bots at play", BUSY_S)
    cluster.follow()
    before, failed = lost_games(cluster), cluster.count("bot", "connection_failed")
    lives, old = cluster.lives(), {str(server.id) for server in cluster.servers()}
    with Newcomers(cluster.address(4000)) as newcomers:
        # What is not in use need not be within reach.
        told = cluster.script("upgrade", GAME_IDLE_TIMEOUT="299", PROMETHEUS_IMAGE="none/such")
    assert told.count("gave way") == REPLICAS
    new = {str(server.id) for server in cluster.servers()}
    assert len(new) == REPLICAS
    assert not new & old
    for server in cluster.servers():
        assert "GAME_IDLE_TIMEOUT=299" in server.attrs["Config"]["Env"]
    assert len(newcomers.answers) > 20
    assert set(newcomers.answers) <= {"Greetings", "Refused: server is stopping"}
    # Nobody else was touched, the bots were told and are at play again, and every server gets new players.
    assert lives.items() - cluster.lives().items() == {one for one in lives.items() if one[0] in old}
    eventually(lambda: len(cluster.who()) >= BOTS - 4, "all bots at play", BUSY_S)
    assert lost_since(cluster, before) == []
    assert cluster.count("bot", "connection_failed") == failed
    assert cluster.count("bot", "game_refused", reason="server is stopping") > 0
    assert len([slot for slot in cluster.slots() if slot.takes_players]) == 2 * REPLICAS
    eventually(cluster.watched, "the watch goes on", BUSY_S)
    agree(cluster)


def test_a_new_administrator_disturbs_nobody(cluster: Cluster) -> None:
    """The administrator is restarted: the watch is back, and bots and games never noticed (A-7)."""
    lives, before = cluster.lives(), lost_games(cluster)
    lists = cluster.count("admin", "players_listed")
    cluster.run("restart", "admin")
    eventually(lambda: cluster.count("admin", "players_listed") > lists, "the watch goes on", BUSY_S)
    assert {one for one, _ in lives.items() ^ cluster.lives().items()} == {cluster.container("admin").id}
    assert lost_since(cluster, before) == []
    agree(cluster)


def test_a_server_that_hangs_gets_nobody_new(cluster: Cluster) -> None:
    """A stopped process, whose kernel goes on accepting, is passed over within 5 s; then it serves again."""
    hung = cluster.servers()[0]
    address = cluster.address_in("balanced", hung)

    def slots() -> list[Slot]:
        return [slot for slot in cluster.slots() if slot.address == address]

    def takes_players() -> bool:
        return any(slot.takes_players for slot in slots())

    hung.exec_run(["sh", "-c", "kill -STOP -1"])
    hung_s = time.monotonic()
    try:
        eventually(lambda: not takes_players(), "nobody new is sent there", BUSY_S)
        # When the balancer noticed it tells itself, in whole seconds: a busy engine lets us ask late.
        asked_s = time.monotonic()
        assert asked_s - min(slot.unchanged_s for slot in slots()) - hung_s < 5 + 1
        for _ in range(2 * REPLICAS):
            with cluster.player() as player:
                assert player.ask("Hello") == "Greetings"
    finally:
        hung.kill("SIGCONT")  # to the init process, which passes it on
    eventually(takes_players, "it serves again", BUSY_S)
    # The checks themselves were in no log: the balancer's address is nobody's.
    balancer_host = cluster.address_in("balanced", balancer(cluster))
    peers = {str(event.get("peer")) for log in cluster.server_logs() for event in log.events()}
    assert not [peer for peer in peers if peer.startswith(balancer_host)]
    eventually(lambda: len(cluster.who()) >= BOTS - 4, "all bots at play", BUSY_S)
    agree(cluster)


def test_a_server_that_falls_silent_costs_its_players_a_game(cluster: Cluster) -> None:
    """Cut off without a word: its players are told and play elsewhere, and nobody is listed twice (A-4)."""
    silent = cluster.servers()[0]

    def rid_of_its_players() -> bool:
        return silent.name not in cluster.playing().values() and len(cluster.who()) >= BOTS - 4

    with cluster.cut_off(silent):
        eventually(rid_of_its_players, "its players play elsewhere", 2 * GONE_AFTER_S)

    def all_serve() -> bool:
        return len([slot for slot in cluster.slots() if slot.takes_players]) == 2 * REPLICAS

    eventually(all_serve, "it serves again", 15)
    agree(cluster)


def test_one_of_ten_administrators_is_seated(cluster: Cluster) -> None:
    """Ten who race through the balancer for the one seat: exactly one gets it, fifty times in a row (A-7)."""
    cluster.container("admin").stop()
    eventually(lambda: seats_free(cluster), "the seat is free", BUSY_S)
    try:
        for _ in range(RACES):
            with ExitStack() as stack:
                admins = [stack.enter_context(cluster.administrator()) for _ in range(ADMINISTRATORS)]
                for admin in admins:
                    assert admin.ask("Hello") == "Admin-Greetings"
                for admin in admins:
                    admin.send(b"Watch\r\n")
                answers = [admin.read_line() for admin in admins]
                taken = "Refused: another administrator is watching"
                assert answers.count(taken) == ADMINISTRATORS - 1, answers
                (seated,) = (admin for admin, answer in zip(admins, answers, strict=True) if answer != taken)
                seated.send(b"Bye\r\n")  # out of turn: the answer is that the seat is left
                seated.read_rest()
    finally:
        cluster.container("admin").start()
    lists = cluster.count("admin", "players_listed")
    eventually(
        lambda: cluster.count("admin", "players_listed") > lists or cluster.watched(), "a list", BUSY_S
    )


def seats_free(cluster: Cluster) -> bool:
    """Return whether every administrator who was seated has left again, as the logs tell."""
    seated = 0
    for log in cluster.server_logs():
        names = [str(event["event"]) for event in log.events()]
        since = len(names) - names[::-1].index("server_listening")
        seated += names[since:].count("admin_seated") - names[since:].count("admin_left")
    return seated == 0


@pytest.mark.parametrize("how", OUTAGES)
def test_own_rounds_go_on_without_valkey(cluster: Cluster, how: str) -> None:
    """Games go on, the list and the seat are refused in 2 s; afterwards all is well in 5 s (R-5)."""
    lost = lost_games(cluster)
    with ExitStack() as stack:
        admins = [stack.enter_context(cluster.administrator()) for _ in range(4)]
        for admin in admins:
            assert admin.ask("Hello") == "Admin-Greetings"
        stack.enter_context(cluster.without_valkey(how))
        begun_s = time.monotonic()
        won = cluster.count("bot", "game_won")
        for admin, asked in zip(admins, ("Who", "Watch", "Who", "Watch"), strict=True):
            asked_s = time.monotonic()
            assert admin.ask(asked).startswith("Refused: ")
            assert time.monotonic() - asked_s < REFUSED_WITHIN_S
        eventually(lambda: cluster.count("bot", "game_won") > won + BOTS, "games go on", BUSY_S)
        time.sleep(max(0.0, OUTAGES[how] - (time.monotonic() - begun_s)))
    begun_s = time.monotonic()
    eventually(lambda: len(cluster.who()) >= BOTS - 4, "the list is whole again", 5)
    assert time.monotonic() - begun_s < 5
    assert lost_since(cluster, lost) == []
    eventually(cluster.watched, "the watch goes on", BUSY_S)
    agree(cluster)


def test_stop_tells_everybody(cluster: Cluster) -> None:
    """`docker compose stop` lets all hear the last word of the servers, and every program ends well (P-6)."""

    def last_word(player: LineClient) -> str:
        with player:
            return player.read_line()

    players = [LineClient(cluster.address(4000), timeout_s=BUSY_S) for _ in range(2 * REPLICAS)]
    with ThreadPoolExecutor(len(players)) as people:
        assert {player.ask("Hello") for player in players} == {"Greetings"}
        assert {player.ask("Game") for player in players[::2]} == {"Ready"}
        heard = people.map(last_word, players)
        cluster.run("stop")
        assert set(heard) == {"Refused: server is stopping"}
    services = ("balancer", "server", "valkey", "admin", "bot")
    containers = [one for service in services for one in cluster.containers(service)]
    codes = {str(one.name): one.attrs["State"]["ExitCode"] for one in containers}
    assert codes == dict.fromkeys(codes, 0)


def test_shared_rounds_keep_their_word_whatever_fails(shared_cluster: Cluster) -> None:
    """Each round is won once, each verdict is of its round; what cannot be known is refused (R-1 to R-5)."""
    cluster = shared_cluster

    def won() -> int:
        return cluster.count("server", "game_won")

    eventually(lambda: won() >= ROUNDS, "rounds are won", BUSY_S)
    agree(cluster)

    with ExitStack() as stack:
        waiting = [stack.enter_context(ready_player(cluster.player)) for _ in range(3)]
        newcomer = stack.enter_context(cluster.player())
        assert newcomer.ask("Hello") == "Greetings"
        with cluster.without_valkey("paused"):
            for player, line in ((waiting[0], "15"), (waiting[1], "30"), (newcomer, "Game")):
                asked_s = time.monotonic()
                assert player.ask(line).startswith("Refused: ")
                assert time.monotonic() - asked_s < REFUSED_WITHIN_S
        before = won()
        eventually(lambda: won() >= before + ROUNDS, "rounds go on", BUSY_S)
        assert waiting[2].ask("15").startswith(("Too late", "Far", "Close", "Correct"))

    with cluster.without_valkey("stopped"):
        pass
    before = won()
    eventually(lambda: won() >= before + ROUNDS, "rounds go on", BUSY_S)
    agree(cluster)
    with cluster.still():
        events = [log.events() for log in cluster.server_logs()]
        assert not [event for log in events for event in log if event["event"] == "session_failed"]
        won_rounds, abandoned = check_rounds(events)
        assert won_rounds >= 3 * ROUNDS
        # What was in play when Valkey lost its memory cannot be won; its number is not used again.
        assert abandoned <= REPLICAS
        told = [event["round"] for event in cluster.log("admin").events("round_begun")]
    assert told == sorted(told)
    assert cluster.count("bot", "round_lost") > 0
    assert lost_since(cluster, []) == []
