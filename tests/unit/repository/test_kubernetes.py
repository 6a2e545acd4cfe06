"""The base for Kubernetes holds together; `make audit` holds each resource to the official schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "deploy" / "kubernetes"
PROGRAMS = ("server", "balancer", "valkey")


def resources() -> list[dict[str, Any]]:
    """Return all resources of the base."""
    return [
        found
        for file in FOLDER.glob("*.yaml")
        if file.name != "kustomization.yaml"
        for found in yaml.safe_load_all(file.read_text())
    ]


def test_the_base_names_every_file() -> None:
    """What lies in the folder is part of the base, and its settings come from files that are there."""
    base = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    assert set(base["resources"]) == {file.name for file in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    [settings] = base["configMapGenerator"]
    assert all((FOLDER / file).exists() for file in settings["files"])


def test_what_is_mounted_is_made_by_the_base() -> None:
    """Each Secret and ConfigMap that a pod mounts is one that the base generates."""
    base = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    made = {one["name"] for one in base["secretGenerator"] + base["configMapGenerator"]}
    volumes = [
        volume
        for one in resources()
        if one["kind"] == "Deployment"
        for volume in one["spec"]["template"]["spec"]["volumes"]
    ]
    mounted = {volume["secret"]["secretName"] for volume in volumes if "secret" in volume}
    mounted |= {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}
    assert mounted == made


@pytest.mark.parametrize("program", PROGRAMS)
def test_pods_are_hardened_and_bounded(program: str) -> None:
    """Each is not root, read-only, without capabilities, bounded, probed, and covered by a policy."""
    [deployment] = [
        one for one in resources() if one["kind"] == "Deployment" and one["metadata"]["name"] == program
    ]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"].keys() == {"cpu", "memory"}
    assert {"readinessProbe", "livenessProbe"} <= container.keys()
    selectors = [one["spec"]["podSelector"] for one in resources() if one["kind"] == "NetworkPolicy"]
    assert {"matchLabels": {"app.kubernetes.io/name": program}} in selectors
    assert {} in selectors
