"""What watches the cluster: its rules and settings, held against the programs that read them."""

from __future__ import annotations

import os

import docker
import pytest

from tests.support.topology import ROOT

PROMETHEUS = os.environ.get("PROMETHEUS_IMAGE", "prom/prometheus")
HAPROXY = os.environ.get("HAPROXY_IMAGE", "haproxy:3.0")


@pytest.mark.parametrize(
    ("image", "command"),
    [
        (PROMETHEUS, ["promtool", "check", "config", "/cluster/prometheus.yml"]),
        (PROMETHEUS, ["promtool", "check", "rules", "--lint-fatal", "/cluster/rules.yml"]),
        (PROMETHEUS, ["promtool", "test", "rules", "/cluster/rules.test.yml"]),
        (HAPROXY, ["haproxy", "-c", "-f", "/cluster/haproxy.cfg"]),
    ],
    ids=lambda one: "-".join(one[:3]) if isinstance(one, list) else "",
)
def test_settings_are_sound(image: str, command: list[str]) -> None:
    """The program itself finds no fault, and the rules tell what they are meant to of made-up figures."""
    engine = docker.from_env()
    try:
        mounts = {str(ROOT / "cluster"): {"bind": "/cluster", "mode": "ro"}}
        engine.containers.run(image, command[1:], entrypoint=command[:1], volumes=mounts, remove=True)
    finally:
        engine.close()
