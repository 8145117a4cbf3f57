"""deploy/kubernetes: valid for Kubernetes, confined, and told the same as docker-compose.yml."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from lrtune.service.environment import unknown_variables
from tests.deploy.compose import ROOT, load, secrets

FOLDER = ROOT / "deploy/kubernetes"
KUBECTL = shutil.which("kubectl")


def _has_kustomize() -> bool:
    """Whether there is a kubectl, 1.24 or newer: it says which kustomize it has."""
    if KUBECTL is None:
        return False
    shown = subprocess.run([KUBECTL, "version", "--client", "--output", "yaml"], capture_output=True, timeout=60)
    return b"kustomizeVersion" in shown.stdout


needs_kubectl = pytest.mark.skipif(not _has_kustomize(), reason="needs kubectl 1.24 or newer, for its kustomize")
VERSIONS = ("1.31", "1.37")
"""The oldest and the newest of Kubernetes' own versions that the files are held against."""


def _documents(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """What stands in the files, as it is written."""
    files = [file for file in sorted(folder.rglob("*.yaml")) if file.name != "kustomization.yaml"]
    return [one for file in files for one in yaml.safe_load_all(file.read_text())]


DOCUMENTS = _documents()


def _name(document: dict[str, Any]) -> str:
    return f"{document['kind']}-{document['metadata']['name']}"


def _pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The specs of all pods, with the value of their label `part`."""
    for document in DOCUMENTS:
        spec = document.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template is not None:
            yield template["metadata"]["labels"]["part"], template["spec"]


PODS = dict(_pods())


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
@pytest.mark.parametrize("version", VERSIONS)
def test_each_object_is_one_that_kubernetes_knows(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


@needs_kubectl
@pytest.mark.parametrize("folder", [FOLDER, FOLDER / "worker"], ids=["fleet", "worker"])
def test_kustomize_puts_all_of_it_into_one_namespace(folder: Path) -> None:
    assert KUBECTL is not None
    built = subprocess.run(
        [KUBECTL, "kustomize", str(folder)], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    objects = list(yaml.safe_load_all(built))
    for one in objects:
        kubernetes_validate.validate(one, VERSIONS[-1], strict=True)
        assert one["metadata"].get("namespace", one["metadata"]["name"]) == "lrtune"
    if folder != FOLDER:
        assert [one["kind"] for one in objects] == ["Job"]
        return
    (configuration,) = [one for one in objects if one["kind"] == "ConfigMap"]
    assert configuration["data"]["haproxy.cfg"] == (ROOT / "deploy/proxy/haproxy.cfg").read_text()
    (proxy,) = [one for one in objects if one["kind"] == "Deployment"]
    mounted = proxy["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"]
    assert mounted == configuration["metadata"]["name"]  # A changed file makes new pods.


@pytest.mark.parametrize("part", PODS)
def test_a_pod_may_do_no_more_than_it_must(part: str) -> None:
    pod = PODS[part]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("part", PODS)
def test_a_pod_is_given_the_secrets_that_its_variables_name_and_no_other(part: str) -> None:
    pod = PODS[part]
    given = {
        f"/run/secrets/lrtune/{item['path']}"
        for volume in pod["volumes"]
        for item in volume.get("secret", {}).get("items", [])
    }
    values = [str(one.get("value", "")) for container in pod["containers"] for one in container.get("env", [])]
    named = {value[value.index("/run/secrets") :] for value in values if "/run/secrets" in value}
    assert named == given
    assert {path.rsplit("/", 1)[1] for path in given} <= secrets().keys()


def test_no_variable_is_one_that_lrtune_does_not_know() -> None:
    names = [
        one["name"] for pod in PODS.values() for container in pod["containers"] for one in container.get("env", [])
    ]
    assert unknown_variables(names) == []
    assert all(pod["enableServiceLinks"] is False for pod in PODS.values())  # LRTUNE_SERVICE_HOST and the like.


def test_the_images_are_those_of_the_compose_file() -> None:
    known = {one["image"] for one in load().values()}
    assert {container["image"] for pod in PODS.values() for container in pod["containers"]} <= known


def test_the_proxy_asks_the_processes_by_the_names_that_they_have() -> None:
    by_name = {_name(document): document for document in DOCUMENTS}
    processes, headless = by_name["StatefulSet-lrtune"]["spec"], by_name["Service-lrtune-processes"]["spec"]
    assert headless["clusterIP"] == "None"
    assert headless["publishNotReadyAddresses"] is True
    assert processes["serviceName"] == "lrtune-processes"
    names = [f"lrtune-{n}.lrtune-processes.lrtune.svc.cluster.local:8080" for n in range(processes["replicas"])]
    env = {one["name"]: one["value"] for one in PODS["proxy"]["containers"][0]["env"]}
    assert [env["SERVICE_1"], env["SERVICE_2"]] == names
    allowed = {one["name"]: one.get("value") for one in PODS["service"]["containers"][0]["env"]}["LRTUNE_ALLOWED_HOSTS"]
    assert {"lrtune", "proxy"} <= set(str(allowed).split(","))


def test_a_rolling_update_does_not_wait_for_the_standby_to_serve() -> None:
    """Or it would wait for ever: of two processes one serves."""
    (container,) = PODS["service"]["containers"]
    assert {container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe", "startupProbe")} == {
        "/healthz"
    }


def test_workers_reach_the_proxy_and_not_the_database() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in DOCUMENTS if one["kind"] == "NetworkPolicy"}
    database = policies["lrtune-database"]["ingress"][0]["from"][0]["podSelector"]["matchExpressions"][0]
    assert database == {"key": "part", "operator": "In", "values": ["service", "backup"]}
    worker = policies["lrtune-worker"]
    assert worker["podSelector"]["matchLabels"]["part"] == "worker"
    assert worker["ingress"] == []
    pods = [to["podSelector"] for rule in worker["egress"] for to in rule["to"] if "podSelector" in to]
    assert pods == [{"matchLabels": {"app": "lrtune", "part": "proxy"}}]


def test_the_services_ports_are_those_of_their_pods() -> None:
    for service in (one for one in DOCUMENTS if one["kind"] == "Service"):
        pod = PODS[service["spec"]["selector"]["part"]]
        there = {port["containerPort"] for container in pod["containers"] for port in container["ports"]}
        assert {port["port"] for port in service["spec"]["ports"]} <= there
