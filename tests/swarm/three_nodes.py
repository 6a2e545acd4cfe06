"""The game on a Swarm of three real engines: `make e2e-swarm`, minutes, so no other target runs this.

The tests come in this order, share the Swarm and mend what they break, but for the last. Each prints the
figure it has found beside the promise. Players have to be back in the time that is promised to them; the rest
fails only beyond about twice that, for the machine may be busy.
"""

from __future__ import annotations

import re
import signal
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.cluster import eventually
from tests.support.line_client import handed_over
from tests.support.swarm import can_encrypt, measure_s, running_swarm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from tests.support.line_client import LineClient
    from tests.support.swarm import Node, Swarm

NODES = 3
BOTS_EACH = 10
BOTS = NODES * BOTS_EACH
SETTINGS = {"BOTS": str(NODES), "BOT_PLAYERS": str(BOTS_EACH), "BOT_THINK": "0.3-0.9"}

ROLLOUT_TIMEOUT_S = 300.0
BACK_WITHIN_S = 15.0
SEAT_WITHIN_S = 5.0
"""After its lease has ended."""
LEASE_S = 3.5
BUSY = 2
"""A machine with much else to do may take this many times as long."""

pytestmark = [
    pytest.mark.timeout(900),
    # The client of an engine that died leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def _terminated() -> Iterator[None]:
    """Let SIGTERM end the tests as Ctrl-C does, so that they clean up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, previous)


@pytest.fixture(scope="module")
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swarm]:
    """Give the game on three machines, with all bots at play."""
    begun_s = time.monotonic()
    with running_swarm(tmp_path_factory.mktemp("swarm"), NODES, SETTINGS) as swarm:
        tell(f"three engines with the images: {time.monotonic() - begun_s:.0f} s")
        if not can_encrypt(swarm.nodes[0]):
            stack = swarm.nodes[0].folder / "deploy" / "swarm.yml"
            encrypted = stack.read_text()
            assert encrypted.count('driver_opts: {encrypted: ""}') == 3
            stack.write_text(encrypted.replace('driver_opts: {encrypted: ""}', ""))
            tell("this kernel has no IPsec: the networks between the machines are not encrypted in this run")
        swarm.deploy()
        took_s = measure_s(lambda: all_play(swarm), "all bots play", ROLLOUT_TIMEOUT_S, begun_s)
        tell(f"deployed, and all bots at play: {took_s:.0f} s")
        yield swarm


def tell(text: str) -> None:
    """Print a figure."""
    print(f"\n  {text}", flush=True)  # noqa: T201 - that is what it is for


def all_play(swarm: Swarm) -> bool:
    """Tell whether bots play on all machines, as asked through each of them; and begin to read their logs."""
    swarm.logs("bot")
    swarm.logs("server")
    return len(swarm.containers("bot")) == NODES and all(
        len(swarm.who(one)) >= BOTS - 4 for one in swarm.nodes
    )


def lists_are_true(swarm: Swarm) -> bool:
    """Tell whether the lists are true through all machines that run."""
    return all(swarm.list_is_true(node) for node in swarm.alive)


def now() -> str:
    """Return the time as logs spell it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def since_s(event: dict[str, object], moment: str) -> float:
    """Return how long after a moment an event was logged."""
    return (datetime.fromisoformat(str(event["timestamp"])) - datetime.fromisoformat(moment)).total_seconds()


def seated_at(swarm: Swarm, through: Node) -> tuple[LineClient, Node]:
    """Return an administrator in the seat, and the machine whose server it was that seated him."""
    before = now()

    def seat() -> list[Node]:
        return [
            node
            for node, server in swarm.containers("server")
            if [one for one in node.log(server).events("admin_seated") if str(one["timestamp"]) > before]
        ]

    with handed_over(swarm.administrator(through)) as admin:
        assert admin.ask("Hello") == "Admin-Greetings"
        admin.send(b"Watch\r\n")
        while (line := admin.read_line()) != "End":
            assert not line.startswith("Refused"), line

        [node] = eventually(seat, "the seat is in a server's log", 10)
    return admin, node


def test_all_machines_serve_one_game(swarm: Swarm) -> None:
    """Servers and balancers are on all machines, and Who through any of them lists everybody (A-2)."""
    assert {node for node, _ in swarm.containers("server")} == set(swarm.nodes)
    assert {node for node, _ in swarm.containers("balancer")} == set(swarm.nodes)
    eventually(lambda: lists_are_true(swarm), "the lists are true", 30)

    def play_everywhere() -> bool:
        playing = swarm.playing()
        return set(playing.values()) == set(swarm.nodes) and len(playing) >= BOTS // 2

    eventually(play_everywhere, "there are players at the servers of all machines", 60)


def test_there_is_one_seat(swarm: Swarm) -> None:
    """An administrator seated through one machine keeps the seat from everybody, through any (A-7)."""
    admin, _ = seated_at(swarm, swarm.nodes[0])
    with admin:
        for node in swarm.nodes:
            with swarm.administrator(node) as other:
                assert other.ask("Hello") == "Admin-Greetings"
                assert other.ask("Watch") == "Refused: another administrator is watching"
    for node in swarm.nodes:
        eventually(lambda node=node: takes_seat(swarm, node), "the seat is free", 10)  # type: ignore[misc]


def takes_seat(swarm: Swarm, node: Node) -> bool:
    """Try to be seated, for a moment."""
    with swarm.administrator(node) as admin:
        assert admin.ask("Hello") == "Admin-Greetings"
        return not admin.ask("Watch").startswith("Refused")


def test_nothing_secret_is_in_an_environment_or_a_log(swarm: Swarm) -> None:
    """Password and keys are in no environment, command, service or log; one user can read their files."""
    secrets = [swarm.secret("password").read_text().strip()]
    for name in ("server", "admin"):
        secrets += swarm.secret(f"certificates/{name}/key.pem").read_text().splitlines()[1:-1]
    text = [str(service.attrs) for service in swarm.nodes[0].engine.services.list()]
    for service in ("balancer", "server", "valkey", "bot"):
        for _, container in swarm.containers(service):
            text += [str(container.attrs), str(container.logs())]
    assert not [secret for secret in secrets if secret in "".join(text)]
    node, server = swarm.containers("server")[0]
    seen = node.output_of(server, "sh", "-c", "stat -c '%a %u' /run/secrets/*")
    assert set(seen.splitlines()) == {"400 10001"}


def test_containers_are_hardened(swarm: Swarm) -> None:
    """Each is read-only, without capabilities or privileges to gain, not root, and bounded."""
    for service in ("balancer", "server", "valkey", "bot"):
        for node, container in swarm.containers(service):
            host = container.attrs["HostConfig"]
            assert host["ReadonlyRootfs"], service
            assert host["CapDrop"] == ["ALL"], service
            assert host["Init"], service
            assert host["Memory"], service
            assert host["NanoCpus"], service
            assert host["PidsLimit"] == 64, service
            status = node.output_of(container, "cat", "/proc/self/status")
            assert "NoNewPrivs:\t1" in status, service
            assert "CapBnd:\t0000000000000000" in status, service
            assert "Uid:\t10001" in status, service


def test_an_update_is_no_outage(swarm: Swarm) -> None:
    """One server after the other takes a new setting; no game breaks off without the server's word."""
    begun, begun_s = now(), time.monotonic()
    before = {container.id for _, container in swarm.containers("server")}
    swarm.deploy(GAME_CLOSE_DISTANCE="3")

    def updated() -> bool:
        swarm.logs("server")  # of each from its beginning
        assert swarm.rolled_out("server")
        servers = {container.id for _, container in swarm.containers("server")}
        return len(servers) == NODES and not servers & before

    took_s = measure_s(updated, "the update is over", ROLLOUT_TIMEOUT_S, begun_s)
    eventually(lambda: lists_are_true(swarm), "the lists are true", 30)
    told = swarm.bot_events("game_refused", begun)
    lost = swarm.bot_events("game_lost", begun)
    failed = swarm.bot_events("connection_failed", begun)
    won = swarm.bot_events("game_won", begun)
    tell(
        f"rolling update: {took_s:.0f} s; {len(won)} games won meanwhile, {len(told)} told of the stop, "
        f"{len(lost)} ended without a message (promised: 0), {len(failed)} connections failed"
    )
    assert {event["reason"] for event in told} <= {"server is stopping"}
    assert not lost
    assert won


def test_an_update_that_fails_is_taken_back(swarm: Swarm) -> None:
    """A setting with which no server starts is taken back, and costs nobody a game or the way in."""
    begun, begun_s = now(), time.monotonic()
    before = {container.id for _, container in swarm.containers("server")}
    swarm.deploy(GAME_LOW="31")  # above GAME_HIGH
    took_s = measure_s(lambda: swarm.rolled_back("server"), "all is as before", ROLLOUT_TIMEOUT_S, begun_s)
    assert {container.id for _, container in swarm.containers("server")} == before
    lost, failed = (swarm.bot_events(name, begun) for name in ("game_lost", "connection_failed"))
    tell(f"a wrong setting taken back: {took_s:.0f} s; {len(lost)} games lost, {len(failed)} not let in")
    assert not lost
    assert not failed
    swarm.deploy(GAME_LOW="1")
    eventually(lambda: swarm.rolled_out("server"), "the setting is right again", ROLLOUT_TIMEOUT_S)


def test_password_and_certificates_are_rotated(swarm: Swarm) -> None:
    """A new password and a new CA come into force while people play; what was before is good for nothing."""
    begun_s = time.monotonic()
    old_ca = swarm.secret("certificates/public/ca.pem").read_text()
    old_password = swarm.secret("password").read_text()
    swarm.deploy("new-password")
    swarm.deploy("secrets", GAME_TLS_NAMES="another.example")
    new_ca = swarm.secret("certificates/public/ca.pem").read_text()
    assert new_ca != old_ca
    assert old_ca in new_ca
    assert swarm.secret("password").read_text() != old_password
    swarm.deploy()

    def updated() -> bool:
        return all(swarm.rolled_out(one) for one in ("server", "valkey", "bot")) and all_play(swarm)

    took_s = measure_s(updated, "all play again", ROLLOUT_TIMEOUT_S, begun_s)
    eventually(lambda: lists_are_true(swarm), "the lists are true", 30)
    tell(f"new password and certificates in force: {took_s:.0f} s")


def test_a_machine_dies(swarm: Swarm) -> None:
    """Its players are back elsewhere, the seat is free soon after its lease, and the list is true again."""
    valkey = swarm.containers("valkey")[0][0]
    with ExitStack() as stack:
        for _ in range(20):
            admin, victim = seated_at(swarm, next(node for node in swarm.nodes if node is valkey))
            if victim is not valkey:
                stack.enter_context(admin)
                break
            admin.close()
            eventually(lambda: takes_seat(swarm, valkey), "the seat is free", 10)
        else:
            pytest.fail("the seat was always on Valkey's machine")
        there = [peer for peer, node in swarm.playing().items() if node is victim]
        assert there
        moment, moment_s = now(), time.monotonic()
        victim.kill()
        seat_s = measure_s(
            lambda: takes_seat(swarm, valkey), "the seat is free", BUSY * (LEASE_S + SEAT_WITHIN_S), moment_s
        )
    list_s = measure_s(lambda: lists_are_true(swarm), "the lists are true", BUSY * BACK_WITHIN_S, moment_s)
    back_s = players_back_s(swarm, moment, moment_s)
    tell(
        f"a machine killed with {len(there)} players at its server: back after {back_s:.1f} s (promised: "
        f"{BACK_WITHIN_S:g}), the seat free after {seat_s:.1f} s (promised: the lease of {LEASE_S:g}, and "
        f"{SEAT_WITHIN_S:g}), the lists true after {list_s:.1f} s"
    )
    victim.start()
    eventually(lambda: swarm.ready() == NODES, "the machine is back", ROLLOUT_TIMEOUT_S)


def test_a_machine_that_came_back_is_filled(swarm: Swarm) -> None:
    """One server more, then one less, as docs/cluster.md says: all machines have one, and no game is lost."""
    begun, begun_s = now(), time.monotonic()
    swarm.scale("server", NODES + 1)
    eventually(lambda: swarm.running("server") == NODES + 1, "there is one more", ROLLOUT_TIMEOUT_S)
    swarm.scale("server", NODES)

    def filled() -> bool:
        servers = [node for node, _ in swarm.containers("server")]
        return len(servers) == NODES and set(servers) == set(swarm.nodes)

    took_s = measure_s(filled, "all machines have a server", ROLLOUT_TIMEOUT_S, begun_s)
    lost = swarm.bot_events("game_lost", begun)
    tell(f"a machine that came back has a server again: {took_s:.0f} s; {len(lost)} games lost")
    assert not lost


def players_back_s(swarm: Swarm, moment: str, moment_s: float) -> float:
    """See all play again who played where a machine died; return how long after its death that was."""
    deadline_s = moment_s + BUSY * BACK_WITHIN_S

    def back() -> dict[str, float]:
        before, playing, after = swarm.connected(), swarm.playing().keys(), swarm.connected()
        assert before & after <= playing, f"wait in vain: {sorted((before & after) - playing)}"
        broken = {event["bot"]: str(event["timestamp"]) for event in swarm.bot_events("game_lost", moment)}
        found: dict[str, float] = {}
        for event in swarm.bot_events("connection_opened", moment):
            if str(event["timestamp"]) > broken.get(event["bot"], "~"):
                found.setdefault(event["bot"], since_s(event, moment))
        assert found.keys() == broken.keys(), f"not back: {sorted(broken.keys() - found.keys())}"
        assert len(after & playing) >= BOTS - BOTS_EACH - 4
        return found

    found: dict[str, float] = eventually(
        back, "the players are back", max(10.0, deadline_s - time.monotonic())
    )
    late = {bot: at_s for bot, at_s in found.items() if at_s > BACK_WITHIN_S}
    assert not late, f"back too late: {late}"
    return max(found.values())


def test_valkeys_machine_dies(swarm: Swarm) -> None:
    """Games go on, and when the managers have started Valkey elsewhere, lists and seat are there again."""
    victim = swarm.containers("valkey")[0][0]
    moment, moment_s = now(), time.monotonic()
    victim.kill()
    list_s = measure_s(lambda: lists_are_true(swarm), "the lists are true", ROLLOUT_TIMEOUT_S, moment_s)
    seat_s = measure_s(lambda: takes_seat(swarm, swarm.alive[0]), "the seat is free", 30, moment_s)
    back_s = players_back_s(swarm, moment, moment_s)
    tell(
        f"Valkey's machine killed: players back after {back_s:.1f} s (promised: {BACK_WITHIN_S:g}), the "
        f"lists true after {list_s:.1f} s, the seat free after {seat_s:.1f} s"
    )
    victim.start()
    eventually(lambda: swarm.ready() == NODES, "the machine is back", ROLLOUT_TIMEOUT_S)


def test_managers_are_not_needed_to_play(swarm: Swarm) -> None:
    """With two of three managers gone nobody manages; on the last machine people play on."""

    def able() -> list[Node]:
        return [node for node in swarm.nodes if node.containers("server") and node.containers("bot")]

    eventually(able, "servers and bots on one machine", ROLLOUT_TIMEOUT_S)
    leader = swarm.leader()
    last = min(able(), key=lambda node: node is leader)
    moment, moment_s = now(), time.monotonic()
    for node in swarm.nodes:
        if node is not last:
            node.kill()

    def nobody_manages() -> bool:
        try:
            last.run("docker", "node", "ls")
        except AssertionError as error:
            return bool(re.search(r"lost quorum|does not have a leader|deadline", str(error)))
        return False

    eventually(nobody_manages, "the last manager knows that it is alone", 60)

    def won() -> int:
        events = [event for log in swarm.logs("server") for event in log.events("game_won")]
        return len([event for event in events if since_s(event, moment) > BACK_WITHIN_S])

    took_s = measure_s(lambda: won() >= 10, "ten games are won", 90, moment_s)
    tell(f"no quorum of managers: ten games won from second {BACK_WITHIN_S:g} to {took_s:.0f} after")
