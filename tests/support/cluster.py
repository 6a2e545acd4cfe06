"""The cluster: a balancer, several servers and Valkey, and the truth about them from the logs."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import docker.errors

from services.protocol.refusals import ROUND_UNREACHABLE
from tests.support.inside import output_of
from tests.support.line_client import LineClient
from tests.support.topology import Topology

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from docker.models.containers import Container

    from tests.support.container_log import ContainerLog
    from tests.support.log_contract import Event

POLL_S = 0.25


class Slot(NamedTuple):
    """One port of a server, as the balancer knows it."""

    backend: str
    address: str
    takes_players: bool
    unchanged_s: int
    """For so many whole seconds it has been as it is."""


class Cluster(Topology):
    """The services while they run."""

    files = ("docker-compose.yml", "compose.cluster.yml")
    door = "balancer"

    def address(self, port: int) -> tuple[str, int]:
        """Return where the balancer's port is published; asked for once, for it takes a while."""
        if port not in self._addresses:
            self._addresses[port] = super().address(port)
        return self._addresses[port]

    @cached_property
    def _addresses(self) -> dict[int, tuple[str, int]]:
        return {}

    @cached_property
    def administrators_tls(self) -> ssl.SSLContext:
        """What an administrator shows; asked for once, for it takes a while."""
        return self.client_tls("admin")

    def administrator(self) -> LineClient:
        """Connect to the published administrator port, by way of the balancer."""
        return LineClient(self.address(4001), tls=self.administrators_tls)

    def who(self) -> set[str]:
        """Ask one of the servers who is playing in all of the cluster."""
        with self.administrator() as admin:
            return ask_who(admin)

    def servers(self) -> list[Container]:
        """Return the servers that run."""
        return [one for one in self.containers("server") if one.status == "running"]

    def address_in(self, network: str, container: Container) -> str:
        """Return a container's address in one of the cluster's networks."""
        networks = container.attrs["NetworkSettings"]["Networks"]
        return str(networks[f"{self.project}_{network}"]["IPAddress"])

    def slots(self) -> list[Slot]:
        """Return what the balancer sends connections to."""
        ask = 'exec 3<>/dev/tcp/127.0.0.1/9999; echo "show servers state" >&3; cat <&3'
        output = output_of(self.container("balancer"), "bash", "-c", ask)
        assert output.startswith("1\n# be_id "), output
        rows = [line.split() for line in output.splitlines()[2:] if line]
        return [
            Slot(
                backend=row[1], address=row[4], takes_players=row[5:7] == ["2", "0"], unchanged_s=int(row[9])
            )
            for row in rows
            if row[4] not in {"-", "0.0.0.0"}
        ]

    def playing(self) -> dict[str, str]:
        """Return who plays, and on which server, as the servers' logs tell."""
        found: dict[str, str] = {}
        for log in self.server_logs():
            here: dict[str, str] = {}
            for event in log.events():
                match event["event"]:
                    case "server_listening":
                        here = {}
                    case "handshake_completed" if event["dialect"] != "admin":
                        here[str(event["peer"])] = str(log.container.name)
                    case "game_won" | "session_closed":
                        here.pop(str(event["peer"]), None)
                    case _:
                        pass
            assert not here.keys() & found.keys(), "somebody plays in two places"
            found |= here
        return found

    def watched(self) -> set[str]:
        """Return who plays as the administrator's watch tells: its last list, and the events after it."""
        found: set[str] = set()
        for event in self.log("admin").events():
            match event["event"]:
                case "players_listed":
                    players = event["players"]
                    assert isinstance(players, list)
                    found = set(players)
                case "player_joined":
                    assert event["peer"] not in found, "joined twice"
                    found.add(str(event["peer"]))
                case "player_won" | "player_left":
                    found.remove(str(event["peer"]))
                case _:
                    pass
        return found

    def seat_holder(self) -> Container:
        """Return the server at which the administrator was seated last."""
        seated = {
            str(events[-1]["timestamp"]): log.container
            for log in self.server_logs()
            if (events := log.events("admin_seated"))
        }
        return seated[max(seated)]

    def server_logs(self) -> list[ContainerLog]:
        """Return the logs of the servers that run."""
        return self.logs("server", running=True)

    def follow(self) -> None:
        """Begin to read the logs that are counted on."""
        for service in ("bot", "server", "admin"):
            for log in self.logs(service):
                log.wait_until(log.events, what="the first line")

    def count(self, service: str, name: str, /, **fields: object) -> int:
        """Return how many such events all containers of a service have logged."""
        return sum(len(log.events(name, **fields)) for log in self.logs(service))

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let the bots hold still, in the middle of their games."""
        bots = self.containers("bot")
        for bot in bots:
            pause(bot)
        try:
            yield
        finally:
            for bot in bots:
                bot.unpause()

    @contextmanager
    def cut_off(self, server: Container) -> Iterator[None]:
        """Let balancer and server hear nothing of each other any more, without a word."""
        network = self._engine.networks.get(f"{self.project}_balanced")
        network.disconnect(server)
        try:
            yield
        finally:
            network.connect(server, aliases=["replica"])

    @contextmanager
    def without_valkey(self, how: str) -> Iterator[None]:
        """Let Valkey be stopped, paused or cut off."""
        valkey = self.container("valkey")
        network = self._engine.networks.get(f"{self.project}_lobby")
        match how:
            case "stopped":
                valkey.kill()
            case "paused":
                pause(valkey)
            case _:
                network.disconnect(valkey)
        try:
            yield
        finally:
            match how:
                case "stopped":
                    valkey.start()
                case "paused":
                    valkey.unpause()
                case _:
                    network.connect(valkey, aliases=["valkey"])


class Newcomers:
    """Somebody new comes 20 times a second, says Hello, hears the answer and leaves."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.answers: list[str] = []
        self._address = address
        self._enough = threading.Event()
        self._knocking = threading.Thread(target=self._knock)

    def __enter__(self) -> Self:
        self._knocking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._knocking.join()

    def _knock(self) -> None:
        # Each in a thread of its own: an answer that is late holds up nobody.
        with ThreadPoolExecutor(64) as visitors:
            visits = []
            while not self._enough.wait(0.05):
                visits.append(visitors.submit(self._visit))
        self.answers = [visit.result() for visit in visits]

    def _visit(self) -> str:
        try:
            with LineClient(self._address) as client:
                return client.ask("Hello")
        except (OSError, AssertionError) as error:
            return repr(error)


def pause(container: Container) -> None:
    """Freeze a container; the kernel needs several goes at a busy one sometimes."""
    for tries_left in reversed(range(5)):
        try:
            container.pause()
        except docker.errors.APIError as error:
            if "unable to freeze" not in str(error) or not tries_left:
                raise
        else:
            return


def random_prefix() -> str:
    """Return the beginning of a network for the balancer that hardly anybody uses."""
    return f"10.{random.randint(64, 127)}.{random.randint(0, 255)}"


def ask_who(admin: LineClient) -> set[str]:
    """Ask who plays, on a new connection."""
    admin.send(b"Hello\r\nWho\r\n")
    greeting, *players = admin.read_rest().decode().splitlines()
    assert greeting == "Admin-Greetings"
    assert not [line for line in players if line.startswith("Refused")], players
    return {line for line in players if line}


def ready_player(connect: Callable[[], LineClient]) -> LineClient:
    """Return a player who is in a game, as soon as the shared game can be reached."""

    def ready() -> LineClient | None:
        with ExitStack() as stack:
            player = stack.enter_context(connect())
            assert player.ask("Hello") == "Greetings"
            answer = player.ask("Game")
            if answer == f"Refused: {ROUND_UNREACHABLE}":
                return None
            assert answer == "Ready"
            stack.pop_all()
        return player

    found: LineClient = eventually(ready, "a game of the shared round", 20)
    return found


def eventually(found: Callable[[], Any], what: str, timeout_s: float = 5.0) -> Any:
    """Ask again and again until the answer is true, and return it; assertions count as a no."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            answer, fault = found(), ""
        except (AssertionError, OSError) as error:
            answer, fault = None, repr(error)
        if answer:
            return answer
        assert time.monotonic() < deadline_s, f"{what} within {timeout_s} s: {fault}"
        time.sleep(POLL_S)


def check_rounds(servers: list[list[Event]]) -> tuple[int, int]:
    """Hold the logs of all servers to R-2 and R-3; return how many rounds were won, and how many given up."""
    judged: dict[int, list[tuple[int, str]]] = {}
    for events in servers:
        for event in events:
            if event["event"] == "round_guess_judged":
                judged.setdefault(int(str(event["round"])), []).append(
                    (int(str(event["number"])), str(event["verdict"]))
                )
    wins = abandoned = 0
    for number, guesses in judged.items():
        found = [guess for guess, verdict in guesses if verdict == "Correct"]
        assert len(found) <= 1, f"round {number} was won {len(found)} times"
        if not found:
            abandoned += number != max(judged)
            continue
        wins += 1
        for guess, verdict in guesses:
            distance = abs(guess - found[0])
            expected = "Correct" if distance == 0 else "Close" if distance <= 2 else "Far"
            assert verdict == expected, f"round {number}: {guess} is {verdict}, but the secret was {found[0]}"
    return wins, abandoned
