"""From what was typed to manifests for Kubernetes."""

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrtune.service.cli.commands.workers.engines import (
    ENGINE_SECONDS,
    Asked,
    grace_seconds_of,
    launch_of,
    resources_of,
)
from lrtune.service.cli.commands.workers.options import pairs
from lrtune.trainers.errors import LaunchError

if TYPE_CHECKING:
    from lrtune.trainers.launchers.kubernetes.workers import KubernetesOptions, Manifest

STORAGE, ADMIN_FILE, WORKER_FILE = "LRTUNE_STORAGE", "LRTUNE_ADMIN_TOKEN_FILE", "LRTUNE_WORKER_TOKEN_FILE"


def written(ctx: Any, asked: Asked) -> None:
    """Prints manifests, as YAML; asks no service, which may be within reach of pods alone."""
    import yaml

    from lrtune.trainers.launchers.kubernetes.service import SERVICE_ADDRESS
    from lrtune.trainers.launchers.kubernetes.workers import worker_manifests
    from lrtune.trainers.launchers.reach import environment

    options = _options(asked)
    manifests: list[Manifest] = []
    if asked["service_image"] is None:
        server, token = _server_and_token(asked, options)
    else:
        server, (manifests, token) = SERVICE_ADDRESS, _service(asked, options)
    name = asked["name"] or f"lrtune-{secrets.token_hex(2)}"
    launch = launch_of(ctx, asked, name, resources_of(asked), environment(server, {}))
    grace_seconds = grace_seconds_of(ctx) + ENGINE_SECONDS
    manifests += worker_manifests(launch, options, asked["number"], token, grace_seconds=grace_seconds)
    yaml.safe_dump_all(manifests, sys.stdout, sort_keys=False)


def _options(asked: Asked) -> "KubernetesOptions":
    from lrtune.trainers.launchers.kubernetes.workers import KubernetesOptions

    if asked["image"] is None or asked["number"] is None:
        raise LaunchError("--on kubernetes wants --image and -n, as in --image registry/worker:1 -n 8")
    return KubernetesOptions(
        node_selector=pairs(asked["node_selector"], "--node-selector", "pool=gpu"),
        **{key: asked[key] for key in ("image", "namespace", "secret", "service_account", "gpu_resource")},
    )


def _server_and_token(asked: Asked, options: "KubernetesOptions") -> tuple[str, str | None]:
    from lrtune.trainers.client.http.connection import server_address
    from lrtune.trainers.launchers.reach import check_reachable, check_served, credential

    check_served(asked["server"] or os.environ.get("LRTUNE_SERVER") or "")
    server = server_address(asked["server"])
    check_reachable(server, "in pods")
    found = credential() if options.secret is None else None
    return server, None if found is None else found.secret


def _service(asked: Asked, options: "KubernetesOptions") -> "tuple[list[Manifest], str]":
    """The manifests of a service, from the settings of `lrtune serve`, and the token of its workers."""
    from lrtune.trainers.launchers.kubernetes.service import service_manifests

    if asked["secret"] is not None:
        raise LaunchError("--secret goes without --service-image, which writes Secrets itself: leave one of them out")
    storage = os.environ.get(STORAGE)
    if not storage:
        raise LaunchError(f"{STORAGE}: set it to the database, postgresql+psycopg://USER:PASSWORD@HOST/DATABASE")
    worker = _token_of(WORKER_FILE)
    return service_manifests(asked["service_image"], options, storage, _token_of(ADMIN_FILE), worker), worker


def _token_of(variable: str) -> str:
    from lrtune.service.wire.access.credentials import CredentialUnusable, read_file

    name = os.environ.get(variable)
    if not name:
        raise LaunchError(f"{variable}: set it to the name of a file with a token, as for `lrtune serve`")
    try:
        return read_file(Path(name).expanduser(), f"{name} ({variable})").secret
    except CredentialUnusable as error:
        raise LaunchError(str(error)) from None
