"""A very short benchmark against a reference server."""

import dataclasses

import pytest

from benchmarks import generator, host
from benchmarks.plan import LOADS, REFERENCES, SERVER, Plan
from benchmarks.rounds import idle_kib, interleave
from benchmarks.subject import Process, running

PLAN = Plan(rounds=1, run_s=0.02, warm_s=0.01)
PATIENT = dataclasses.replace(PLAN, run_s=2.0)
"""On a busy machine a server may not get its turn in so short a time as PLAN gives it."""
SMALL_LOADS = [dataclasses.replace(load, connections=min(4, load.connections)) for load in LOADS]


@pytest.fixture(autouse=True)
def _cores_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bind nothing to a core: the tests share the machine."""
    monkeypatch.setattr(host, "settle_on", lambda *_: None)


@pytest.mark.parametrize("name", REFERENCES)
def test_every_reference_server_plays_by_the_rules(name: str) -> None:
    """Each load finds the replies that it expects, and something is done."""
    said: list[str] = []
    with running(Process(name)) as subjects:
        samples = interleave(subjects, SMALL_LOADS, PLAN, said.append)
        done = {sample.load for sample in samples}
        late = [load for load in SMALL_LOADS if load.name not in done]
        assert all("nothing was done in time" in complaint for complaint in said)
        samples += interleave(subjects, late, PATIENT, pytest.fail)

    assert {sample.load for sample in samples} == {load.name for load in SMALL_LOADS}
    assert all(sample.per_s > 0 and sample.p50_us > 0 for sample in samples)


def test_the_server_logs_each_guess_of_a_load() -> None:
    """What is measured is the server as shipped: a line for every guess that the generator saw answered."""
    with running(Process(SERVER)) as [subject]:
        interleave([subject], SMALL_LOADS[:1], PATIENT, pytest.fail)
        kib = idle_kib(subject, 50)

    assert subject.answered > 0
    assert subject.lines >= subject.answered
    assert kib < 100


def test_a_wrong_reply_ends_the_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer as the load expects is not measured, however fast it is."""
    said: list[str] = []
    with running(Process("protocol")) as subjects:
        monkeypatch.setattr(generator, "GREETINGS", b"Good day\r\n")
        samples = interleave(subjects, SMALL_LOADS, PLAN, said.append)

    assert samples == []
    assert len(said) == len(SMALL_LOADS)
