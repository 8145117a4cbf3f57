"""The manifests of workers: a Job, and a Secret with the token."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lrtune.service.wire.access.credentials import TOKEN_FILE
from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.launch import Launch, whole_gpus
from lrtune.trainers.launchers.process import NAME_VARIABLE

Manifest = dict[str, Any]

TOKEN_KEY = "token"
TOKEN_FOLDER = "/run/secrets/lrtune"
USER = 10001
"""Of the images, as the Dockerfile has it."""
FAILURES_EACH = 3
"""Pods that may fail for each that is wanted, before the Job has failed; what the cluster ends is not counted."""
ENDED_BY_SIGNAL = 143
KEPT_SECONDS = 86_400
"""A Job that has ended, with the logs of its pods."""

_ENDS_WITH_143 = "\"$@\" & w=$!; trap 'kill -TERM $w; wait $w; exit 143' TERM; wait $w"
"""A worker that is told to end gives its trial back and exits with 0, which a Job takes for the end of the work."""
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?")


@dataclass(frozen=True)
class KubernetesOptions:
    """In Kubernetes' own terms."""

    image: str
    namespace: str | None = None
    secret: str | None = None
    """The name of a Secret that is there, with the token under `token`; else one is made."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    service_account: str | None = None
    gpu_resource: str = "nvidia.com/gpu"


def worker_manifests(
    launch: Launch, options: KubernetesOptions, count: int, token: str | None, *, grace_seconds: float
) -> list[Manifest]:
    """A Job of `count` pods, and before it the Secret with `token`, unless `options` name one, or there is none.

    `launch.environment` must hold no secret: it is written down. Raises LaunchError for a name that Kubernetes does not
    take.
    """
    check_name(launch.name, "--name")
    made = token is not None and options.secret is None
    secret = f"{launch.name}-token" if made else options.secret
    manifests = [secret_manifest(f"{launch.name}-token", options, {TOKEN_KEY: token})] if made and token else []
    return [*manifests, _job(launch, options, count, secret, grace_seconds)]


def secret_manifest(name: str, options: KubernetesOptions, values: Mapping[str, str]) -> Manifest:
    """A Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(name, options),
        "type": "Opaque",
        "stringData": dict(values),
    }


def metadata(name: str, options: KubernetesOptions) -> Manifest:
    """Of anything."""
    place = {"namespace": options.namespace} if options.namespace else {}
    return {"name": name, **place, "labels": labels(name)}


def labels(name: str) -> dict[str, str]:
    """What selects it."""
    return {"app.kubernetes.io/name": "lrtune", "app.kubernetes.io/instance": name}


def check_name(name: str, option: str) -> None:
    """Raises LaunchError."""
    if not _LABEL.fullmatch(name):
        raise LaunchError(f"{option}: {name!r} is no name for Kubernetes; at most 52 small letters, digits and inner -")


def hardened() -> Manifest:
    """The security context of a container that needs nothing."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _job(launch: Launch, options: KubernetesOptions, count: int, secret: str | None, grace_seconds: float) -> Manifest:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(launch.name, options),
        "spec": {
            "parallelism": count,  # And no `completions`: the first that finds the study finished ends the Job.
            "backoffLimit": FAILURES_EACH * count,
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [ENDED_BY_SIGNAL]}},
                ]
            },
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": {"labels": labels(launch.name)},
                "spec": _pod(launch, options, secret, grace_seconds),
            },
        },
    }


def _pod(launch: Launch, options: KubernetesOptions, secret: str | None, grace_seconds: float) -> Manifest:
    pod: Manifest = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": math.ceil(grace_seconds),
        "automountServiceAccountToken": options.service_account is not None,
        "securityContext": {"fsGroup": USER},
        "containers": [_container(launch, options, secret)],
    }
    if options.service_account is not None:
        pod["serviceAccountName"] = options.service_account
    if options.node_selector:
        pod["nodeSelector"] = dict(options.node_selector)
    if secret is not None:
        pod["volumes"] = [{"name": "token", "secret": {"secretName": secret, "defaultMode": 0o440}}]
    return pod


def _container(launch: Launch, options: KubernetesOptions, secret: str | None) -> Manifest:
    environment = {**launch.environment, **({TOKEN_FILE: f"{TOKEN_FOLDER}/{TOKEN_KEY}"} if secret else {})}
    variables: list[Manifest] = [{"name": name, "value": value} for name, value in environment.items()]
    variables.append({"name": NAME_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}})
    container: Manifest = {
        "name": "worker",
        "image": options.image,
        "command": ["sh", "-c", _ENDS_WITH_143, "worker"],
        "args": ["lrtune", *_unexpanded(launch.arguments)],
        "env": variables,
        "securityContext": hardened(),
    }
    if resources := _resources(launch, options):
        container["resources"] = resources
    if secret is not None:
        container["volumeMounts"] = [{"name": "token", "mountPath": TOKEN_FOLDER, "readOnly": True}]
    return container


def _unexpanded(arguments: Sequence[str]) -> list[str]:
    """So that Kubernetes fills in nothing for `$(…)`."""
    return [argument.replace("$(", "$$(") for argument in arguments]


def _resources(launch: Launch, options: KubernetesOptions) -> Manifest:
    """Requests are limits of what cannot be taken back: memory, GPUs."""
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    if launch.resources.cpus is not None:
        requests["cpu"] = f"{launch.resources.cpus:g}"
    if launch.resources.memory_bytes is not None:
        requests["memory"] = limits["memory"] = str(launch.resources.memory_bytes)
    if gpus := whole_gpus(launch.resources, "Kubernetes"):
        limits[options.gpu_resource] = str(gpus)
    return {name: values for name, values in (("requests", requests), ("limits", limits)) if values}
