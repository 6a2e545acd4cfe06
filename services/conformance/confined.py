"""The judge inside a container: takes the submission in, builds it, and judges it as another user.

The judge is root in a container that has no network and next to no capabilities; the submission is a user who
has none. So it can neither end the judge nor touch the report, which leaves through the judge's own output.
It is killed by its user: nothing that it starts is left over for the next check.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from services.conformance.cli import judge, parser
from services.conformance.export import as_dict
from services.conformance.program import Process, Program
from services.conformance.server_run import UnreachableError

SOURCE: Final = Path("/submission")
HOME: Final = Path(tempfile.gettempdir()) / "submission"
"""It lies in the one place of the container that can be written to, and is bounded."""
LAST: Final = ("nice", "-n", "19")
"""Where hundreds of its processes compute without end, the judge has to have its turn before them."""
FAILED_LINES: Final = 8


def main(instruction: str, environ: Mapping[str, str]) -> None:
    """Judge, and print one JSON object: a `report`, or the `note` that says why there is none."""
    asked = json.loads(instruction)
    # The end of this process ends the container. Whatever it is stuck in then, the kernel ends it.
    signal.alarm(asked["deadline_s"])
    cell = _Cell(asked["uid"], environ)
    try:
        _take_in(asked["uid"])
        cell.build(asked["build"], asked["build_s"])
        options = parser().parse_args(asked["arguments"])
        report = judge(options, cell.environ, cell.launch, asked["judging_s"])
    except (UnreachableError, OSError) as error:
        answer: dict[str, Any] = {"note": str(error)}
    else:
        answer = {"report": as_dict(report)}
    # In one go: `json.dump` spells a report, which has thousands of events, ten times as slowly.
    sys.stdout.write(json.dumps(answer))


def _take_in(uid: int) -> None:
    """Copy the submission to where it may write, and make it the user's."""
    shutil.copytree(SOURCE, HOME, symlinks=True)
    for parent, folders, files in os.walk(HOME):
        for name in (".", *folders, *files):
            path = Path(parent, name)
            if not path.is_symlink():
                # What came out of an archive of another system may not be executable any more.
                path.chmod(0o700)
            os.lchown(path, uid, uid)


class _Cell:
    """Starts programs as the submission's user, in its folder."""

    def __init__(self, uid: int, environ: Mapping[str, str]) -> None:
        self._uid = uid
        self.environ = {
            **environ,
            "HOME": str(HOME),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            # A program in Python is started fifty times, and an image like python:slim holds no bytecode.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(HOME.with_name("bytecode")),
        }

    def launch(self, command: Sequence[str], environ: Mapping[str, str]) -> Program:
        """Make a program of a command."""
        return Program(command, environ, spawn=self._spawn, user=self._uid)

    def _spawn(self, command: Sequence[str], environ: Mapping[str, str]) -> Process:
        return subprocess.Popen(
            [*LAST, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            cwd=HOME,
            bufsize=0,
            start_new_session=True,
            user=self._uid,
            group=self._uid,
            extra_groups=[],
        )

    def build(self, command: str, within_s: float) -> None:
        """Build the submission.

        Raises:
            UnreachableError: that failed, or took too long.
        """
        if not command:
            return
        program = self.launch(["sh", "-c", command], self.environ)
        program.start()
        program.wait(within_s)
        how = program.ended()
        program.stop()
        if how != "exit status 0":
            printed = " / ".join(program.new_output()[-FAILED_LINES:])
            became = how or f"was not done within {within_s:g} s"
            raise UnreachableError(
                f"the build ({command}) failed: {became}; it printed: {printed or 'nothing'}"
            )


if __name__ == "__main__":
    main(sys.argv[1], os.environ)  # noqa: TID251 - the entry point inside the container
