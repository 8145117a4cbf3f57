import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from lrtune.service.wire.access.secrets import new_secret
from lrtune.trainers.client.client import Client
from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.kubernetes.service import SERVICE_ADDRESS, service_manifests
from lrtune.trainers.launchers.kubernetes.workers import KubernetesOptions, Manifest, worker_manifests
from lrtune.trainers.launchers.launch import Launch, Resources
from tests.end_to_end.conftest import environ
from tests.support.processes import Program, Programs, until
from tests.trainers.launchers.conftest import leased

IMAGE = "registry.example/worker:1"
STORAGE = "postgresql+psycopg://lrtune:pass@db/lrtune"


def launch(resources: Resources | None = None, arguments: tuple[str, ...] = (), name: str = "digits") -> Launch:
    told = {"LRTUNE_SERVER": "https://lrtune.example"}
    return Launch(["worker", "--study=digits", *arguments], told, resources or Resources(), name)


def manifests(token: str | None = None, options: KubernetesOptions | None = None, **given: Any) -> list[Manifest]:
    return worker_manifests(launch(**given), options or KubernetesOptions(IMAGE), 8, token, grace_seconds=24.5)


def job(made: list[Manifest]) -> Any:
    return next(manifest for manifest in made if manifest["kind"] == "Job")["spec"]


def container(made: list[Manifest]) -> Any:
    (found,) = job(made)["template"]["spec"]["containers"]
    return found


FULL = KubernetesOptions(
    IMAGE, namespace="ml", node_selector={"pool": "gpu"}, service_account="trainer", gpu_resource="amd.com/gpu"
)


@pytest.mark.parametrize("version", ["1.32", "1.37"])
def test_all_manifests_are_as_the_published_schemas_say(version: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="the extra lrtune[launchers] is not installed")
    everything = [
        *manifests(),
        *manifests(new_secret(), FULL, resources=Resources(2, 3.5, 16 * 1024**3)),
        *manifests(options=KubernetesOptions(IMAGE, secret="there")),
        *service_manifests("registry.example/service:1", FULL, STORAGE, new_secret(), new_secret()),
    ]
    assert {manifest["kind"] for manifest in everything} == {"Job", "Secret", "Service", "Deployment"}
    for manifest in everything:
        validate.validate(manifest, version, strict=True)


def test_a_manifest_that_is_wrong_would_be_found() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="the extra lrtune[launchers] is not installed")
    (made,) = manifests()
    made["spec"]["paralellism"] = 3
    with pytest.raises(validate.ValidationError):
        validate.validate(made, "1.37", strict=True)


def test_the_token_is_in_the_secret_and_nowhere_else_and_comes_as_a_file() -> None:
    token = new_secret()
    secret, work = made = manifests(token)
    assert secret["stringData"] == {"token": token}
    assert token not in str(work)
    pod = job(made)["template"]["spec"]
    assert pod["volumes"] == [{"name": "token", "secret": {"secretName": "digits-token", "defaultMode": 0o440}}]
    assert {"name": "LRTUNE_TOKEN_FILE", "value": "/run/secrets/lrtune/token"} in container(made)["env"]
    assert container(made)["volumeMounts"][0]["readOnly"]


def test_a_secret_that_is_there_is_used_and_none_is_written() -> None:
    made = manifests(new_secret(), KubernetesOptions(IMAGE, secret="there"))
    assert [manifest["kind"] for manifest in made] == ["Job"]
    assert job(made)["template"]["spec"]["volumes"][0]["secret"]["secretName"] == "there"


def test_without_a_token_there_is_no_secret() -> None:
    made = manifests()
    assert [manifest["kind"] for manifest in made] == ["Job"]
    assert "volumes" not in job(made)["template"]["spec"]


def test_resources_are_what_was_asked_for() -> None:
    made = manifests(options=FULL, resources=Resources(2, 3.5, 16 * 1024**3))
    assert container(made)["resources"] == {
        "requests": {"cpu": "3.5", "memory": "17179869184"},
        "limits": {"memory": "17179869184", "amd.com/gpu": "2"},
    }
    assert job(made)["template"]["spec"]["nodeSelector"] == {"pool": "gpu"}
    assert "resources" not in container(manifests())


def test_pods_are_as_many_as_asked_for_and_the_first_to_find_the_study_finished_ends_the_job() -> None:
    spec = job(manifests())
    assert spec["parallelism"] == 8
    assert "completions" not in spec
    assert spec["backoffLimit"] == 24


def test_kubernetes_fills_nothing_into_the_arguments() -> None:
    made = manifests(arguments=("--", "sh", "-c", "echo $(LRTUNE_SERVER) $(date)"))
    assert container(made)["args"][-1] == "echo $$(LRTUNE_SERVER) $$(date)"


@pytest.mark.parametrize("name", ["Digits", "a_b", "-a", "a-", "", "x" * 60])
def test_a_name_that_kubernetes_does_not_take_is_one_line(name: str) -> None:
    with pytest.raises(LaunchError, match=r"^--name: .* is no name for Kubernetes; at most 52 small letters"):
        manifests(name=name)


def test_a_service_needs_a_database_that_pods_share() -> None:
    with pytest.raises(LaunchError, match=r"^LRTUNE_STORAGE: sqlite serves one machine, and a pod is none; name"):
        service_manifests("a", FULL, "sqlite:///a.db", new_secret(), new_secret())


def test_what_is_secret_of_a_service_is_in_its_secret_alone() -> None:
    admin, worker = new_secret(), new_secret()
    secret, *others = service_manifests("a", FULL, STORAGE, admin, worker)
    assert secret["stringData"] == {"storage": STORAGE, "admin-token": admin, "worker-token": worker}
    assert not any(one in str(others) for one in (admin, worker, "pass@db"))


def test_a_service_is_reached_by_the_name_that_it_answers_to() -> None:
    _, service, deployment = service_manifests("a", FULL, STORAGE, new_secret(), new_secret())
    (pod,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value") for one in pod["env"]}
    port = service["spec"]["ports"][0]["port"]
    assert f"http://{service['metadata']['name']}:{port}" == SERVICE_ADDRESS
    assert variables["LRTUNE_ALLOWED_HOSTS"] == service["metadata"]["name"]
    assert variables["LRTUNE_PORT"] == str(port)
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]


# What a container runs


def run(programs: Programs, folder: Path, study: str, task: str, address: str) -> Program:
    """The command of a rendered container, with a `lrtune` that is this checkout's."""
    command = folder / "lrtune"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m lrtune.service.cli.main "$@"\n')
    command.chmod(0o755)
    told = Launch(["worker", f"--study={study}", f"--task={task}"], {"LRTUNE_SERVER": address}, Resources(), "k")
    rendered = container(worker_manifests(told, KubernetesOptions(IMAGE), 1, None, grace_seconds=20))
    variables = {one["name"]: one["value"] for one in rendered["env"] if "value" in one}
    path = f"{folder}:{os.environ['PATH']}"
    return programs.start([*rendered["command"], *rendered["args"]], environ(PATH=path, **variables), cwd=folder)


def test_a_container_ends_with_0_when_the_study_is_finished(
    client: Client, programs: Programs, folder: Path, address: str
) -> None:
    client.create_study("pods", max_trials=2, max_steps=1)
    pod = run(programs, folder, "pods", "tasks.py:quick", address)
    assert pod.wait(60) == 0, pod
    assert client.status("pods").trials.complete == 2


def test_a_container_that_is_told_to_end_gives_its_trial_back_and_is_no_success(
    client: Client, programs: Programs, folder: Path, address: str
) -> None:
    client.create_study("drained", max_trials=2, max_steps=1)
    pod = run(programs, folder, "drained", "tasks.py:held", address)
    until(lambda: len(leased(client, "drained")) == 1, 60)
    os.kill(pod.pid, signal.SIGTERM)
    assert pod.wait(30) == 143, pod
    assert [(trial.state, trial.attempt) for trial in client.trials("drained")] == [("waiting", 1)]
    ignored = job(manifests())["podFailurePolicy"]["rules"]
    assert {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [143]}} in ignored


def test_a_container_whose_worker_fails_fails(client: Client, programs: Programs, folder: Path, address: str) -> None:
    client.create_study("unloadable-pod", max_trials=2, max_steps=1)
    assert run(programs, folder, "unloadable-pod", "nowhere.py:train", address).wait(60) == 1
