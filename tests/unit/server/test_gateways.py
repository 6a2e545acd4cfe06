"""Which addresses may stand for many peers."""

from __future__ import annotations

from services.server.gateways import gateways, read_gateways

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth1\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_gateways_and_bridges() -> None:
    """The default gateway is one, and the first address of each network, where its bridge is."""
    assert gateways(ROUTES.splitlines()) == {"172.17.0.1", "172.18.0.1"}


def test_a_machine_without_routes() -> None:
    """Without a route there is none, and reading those of this machine never fails."""
    assert gateways(ROUTES.splitlines()[:1]) == set()
    assert "127.0.0.1" not in read_gateways()
