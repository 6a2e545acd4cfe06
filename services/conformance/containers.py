"""Containers in which strangers' programs are judged: made, bounded, and ended whatever becomes of us.

Each has a loopback and no other network, a file system that cannot be written to but for one bounded place,
and limits on memory, processes, processors and time. The deadline is the container's own, and it removes
itself: it is gone in time even if the kit was killed.
"""

import contextlib
import importlib
import itertools
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import services
from services.conformance import procfs
from services.conformance.export import from_dict
from services.conformance.results import Report
from services.conformance.submission import UnfitError

IMAGE: Final = "python:3.13-slim"
LABEL: Final = {"guessing-game.conformance": "batch"}
OWNER: Final = "guessing-game.conformance.process"
"""The label that says whose a container is: the process that made it."""
BUILD_S: Final = 120.0
JUDGING_S: Final = 300.0
"""After this time what was judged so far counts. A run of the kit usually takes less than a minute."""
GRACE_S: Final = 30
"""So much more the container has for everything besides, such as checks that have begun."""
ENGINE_S: Final = 60
"""The engine answers within this time, or not at all."""
MOST_REPORT_OCTETS: Final = 64 << 20
MOST_COMPLAINT_OCTETS: Final = 4096
FIRST_USER: Final = 64_000
USERS: Final = 1000
"""Each submission is a user of its own: the kernel counts a user's processes on the whole machine."""
MOST_PROCESSES: Final = 320
"""For the submission: a thread for each of a crowd of 200 players, and some more."""
MOST_PROCESSORS: Final = 2
MEMORY: Final = "1g"
DISK: Final = "256m"
"""In memory, as part of it."""
CONFINED: Final[dict[str, Any]] = {
    "init": True,
    "auto_remove": True,
    "network_mode": "none",
    "hostname": "localhost",  # so that a program can look its own host's name up
    "user": "0:0",
    "read_only": True,
    "tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,size={DISK},nr_inodes=64k,mode=1777"},  # noqa: S108 - inside
    "cap_drop": ["ALL"],
    # Of the judge: to start, own and end what is another user's. The submission has none.
    "cap_add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"],
    "security_opt": ["no-new-privileges:true"],
    "mem_limit": MEMORY,
    "memswap_limit": MEMORY,
    "pids_limit": 2 * MOST_PROCESSES,
    "log_config": {"type": "none", "config": {}},
    "environment": {"PYTHONDONTWRITEBYTECODE": "1"},
    "working_dir": "/kit",
    "labels": {**LABEL, OWNER: procfs.identity(os.getpid())},
}


class EngineError(Exception):
    """Containers cannot be had."""


class Containers:
    """The containers of one run of the kit, on one image; all of them end with it."""

    def __init__(self, image: str, jobs: int = 1) -> None:
        """Find an engine and the image; `jobs` is how many are to run at once.

        Raises:
            EngineError: there is none.
        """
        try:
            self._docker: Any = importlib.import_module("docker")
        except ImportError:
            raise EngineError("install the extra: pip install 'guessing-game[conformance]'") from None
        self._image = image
        self._lock = threading.Lock()
        self._live: set[Any] = set()
        self._ended = False
        self._users = itertools.count(os.getpid())
        try:
            self._engine = self._docker.from_env(timeout=ENGINE_S)
            try:
                self._engine.images.get(image)
            except self._docker.errors.ImageNotFound:
                self._engine.images.pull(image)
            self._remove_left_over()
            # One that computes without end must not slow the others down.
            processors = min(MOST_PROCESSORS, max(1, self._engine.info()["NCPU"] // jobs))
        except (self._docker.errors.DockerException, OSError) as error:
            raise EngineError(f"no container engine answers, or it lacks an image: {error}") from error
        limit = self._docker.types.Ulimit
        self._limits = {
            "nano_cpus": processors * 1_000_000_000,
            # Root is not counted: a submission that forks without end leaves the judge its threads.
            "ulimits": [
                limit(name="nproc", soft=MOST_PROCESSES, hard=MOST_PROCESSES),
                limit(name="core", soft=0, hard=0),
            ],
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._engine.close()

    def end(self) -> None:
        """End all that are left. None can be started any more."""
        with self._lock:
            self._ended = True
            left = list(self._live)
        for container in left:
            self._remove(container)

    def judge(
        self,
        folder: Path,
        arguments: Sequence[str],
        *,
        build: str = "",
        build_s: float = BUILD_S,
        judging_s: float = JUDGING_S,
    ) -> Report:
        """Judge a submission that was inspected, as the kit's command line would with these arguments.

        Raises:
            UnfitError: it cannot be judged; the message says why.
        """
        deadline_s = round(build_s + judging_s) + GRACE_S
        user = FIRST_USER + next(self._users) % USERS
        asked = {
            "uid": user,
            "deadline_s": deadline_s,
            "build": build,
            "build_s": build_s,
            "judging_s": judging_s,
            "arguments": list(arguments),
        }
        container = self._engine.containers.create(
            self._image,
            ["python3", "-m", "services.conformance.confined", json.dumps(asked)],
            volumes={
                str(Path(services.__file__).parent): {"bind": "/kit/services", "mode": "ro"},
                str(folder.resolve()): {"bind": "/submission", "mode": "ro"},
            },
            **CONFINED,
            **self._limits,
        )  # fmt: skip
        with self._lock:
            self._live.add(container)
        # Should the container's own deadline fail: what waits for it must not wait forever.
        last = threading.Timer(deadline_s + GRACE_S, self._remove, [container])
        last.daemon = True
        last.start()
        try:
            output = container.attach(stream=True, stdout=True, stderr=True, demux=True)
            # The package itself leaves this connection to the engine open.
            with contextlib.closing(output._response):  # noqa: SLF001
                with self._lock:
                    if self._ended:
                        raise UnfitError("not judged: the run was ended")
                container.start()
                answer, complaint = _read(output)
        except (self._docker.errors.DockerException, OSError) as error:
            raise UnfitError(f"could not be judged: {error}") from error
        finally:
            last.cancel()
            self._remove(container)
            with self._lock:
                self._live.discard(container)
        return _report(answer, complaint)

    def _remove_left_over(self) -> None:
        """Remove what a run that was killed has left: one that was never started has no deadline."""
        label = "=".join(*LABEL.items())
        for container in self._engine.containers.list(
            all=True, filters={"label": label}, ignore_removed=True
        ):
            if procfs.has_ended(container.labels.get(OWNER, "")):
                self._remove(container)

    def _remove(self, container: Any) -> None:
        # It may be removing itself, or have done so.
        with contextlib.suppress(self._docker.errors.DockerException, OSError):
            try:
                container.remove(force=True)
            except self._docker.errors.APIError:
                container.wait(condition="removed", timeout=ENGINE_S)


def _read(output: Any) -> tuple[bytes, str]:
    """Read what a container prints until it ends: the report, and what there is to complain of."""
    answer, complaint = bytearray(), bytearray()
    for printed, complained in output:
        answer += (printed or b"")[: MOST_REPORT_OCTETS - len(answer)]
        complaint += (complained or b"")[: MOST_COMPLAINT_OCTETS - len(complaint)]
    return bytes(answer), complaint.decode("utf-8", "backslashreplace").strip()


def _report(answer: bytes, complaint: str) -> Report:
    try:
        read = json.loads(answer)
        if "note" in read:
            raise UnfitError(read["note"])
        return from_dict(read["report"])
    except (ValueError, KeyError) as error:
        raise UnfitError(f"no report came: {complaint or 'its container was ended'}") from error
