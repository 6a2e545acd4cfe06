"""How long the kit waits: by what the judged program does, and not by the time that passes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from services.conformance.clock import CALIBRATION_S, MOST_STRETCH, Clock, WallDeadline, measured_stretch
from services.conformance.procfs import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

STEP_S = 0.05
TIME = "services.conformance.clock.time"


class Machine:
    """A machine on which time passes only where the test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.used_s = 0.0
        self.working = False

    def usage(self) -> Usage:
        """Tell what the program does."""
        return Usage(self.used_s, self.working)

    def waits_until_over(self, over: Callable[[], bool], share: float = 0.0) -> float:
        """Let time pass until a wait is over, the program using that share of it; return how much passed."""
        start_s = self.now_s
        while not over():
            self.now_s += STEP_S
            self.used_s += STEP_S * share
        return self.now_s - start_s


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Give a machine whose time the kit goes by."""
    made = Machine()
    monkeypatch.setattr(TIME, SimpleNamespace(monotonic=lambda: made.now_s))
    return made


def test_program_that_waits_is_waited_for_no_longer(machine: Machine) -> None:
    """Who has nothing to do will not answer any more: the limit is over when it has passed."""
    deadline = Clock(machine.usage).deadline(1.0)
    assert machine.waits_until_over(lambda: deadline.over) == pytest.approx(1.0, abs=0.2)
    assert not deadline.computed


def test_program_that_is_starved_is_waited_for(machine: Machine) -> None:
    """Who has something to do and no processor is given time, up to a bound."""
    machine.working = True
    deadline = Clock(machine.usage).deadline(1.0)
    assert machine.waits_until_over(lambda: deadline.over) == pytest.approx(14.0, abs=0.2)


def test_program_that_computes_without_end_is_found_out(machine: Machine) -> None:
    """Who has used up the limit in processor time hangs, however slowly it got it."""
    machine.working = True
    deadline = Clock(machine.usage).deadline(1.0)
    assert machine.waits_until_over(lambda: deadline.over, share=0.5) == pytest.approx(2.0, abs=0.2)
    assert deadline.computed


def test_stranger_is_waited_for_longer_on_a_slow_machine(machine: Machine) -> None:
    """Where nothing is known of the program, time counts, stretched by how slow the machine is."""
    deadline = Clock(stretch=3.0).deadline(1.0)
    assert machine.waits_until_over(lambda: deadline.over) == pytest.approx(3.0, abs=0.3)


def test_check_has_a_limit_of_its_own(machine: Machine) -> None:
    """All waits of a check together end at its limit; the next check has it anew."""
    clock = Clock(machine.usage)
    clock.begin(2.0)
    first = clock.deadline(1.5)
    assert machine.waits_until_over(lambda: first.over) == pytest.approx(1.5, abs=0.2)
    second = clock.deadline(1.5)
    assert machine.waits_until_over(lambda: second.over) == pytest.approx(0.5, abs=0.3)
    clock.begin(2.0)
    assert not clock.deadline(1.5).over


def test_pause_of_the_kit_is_not_the_programs(machine: Machine) -> None:
    """If the kit itself was kept from running, that is not counted as silence of the program."""
    deadline = Clock(machine.usage).deadline(1.0)
    assert not deadline.over
    machine.now_s += 5
    assert not deadline.over


def test_servers_own_timeout_is_measured_by_time(machine: Machine) -> None:
    """A timeout of the server's is waited for by the time that passes, whatever the program does."""
    machine.working = True
    deadline = WallDeadline(2.0)
    assert deadline.remaining_s() == pytest.approx(2.0)
    assert machine.waits_until_over(lambda: deadline.over) == pytest.approx(2.0, abs=0.1)
    assert not deadline.computed


def test_stretch_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fast machine stretches nothing, and a very slow one no more than the bound."""
    for seconds, stretch in ((CALIBRATION_S / 4, 1.0), (CALIBRATION_S * 2, 2.0), (10.0, MOST_STRETCH)):
        ticks = iter([tick * seconds for tick in range(100)])
        monkeypatch.setattr(TIME, SimpleNamespace(perf_counter=ticks.__next__, sleep=lambda _: None))
        assert measured_stretch() == pytest.approx(stretch)
