"""The manifests of a service: a Deployment with a standby, a Service, and a Secret with what nobody else may know."""

from lrtune.service.wire.access.credentials import concealed
from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.kubernetes.workers import (
    KubernetesOptions,
    Manifest,
    hardened,
    labels,
    metadata,
    secret_manifest,
)

NAME = "lrtune"
PORT = 8080
SERVICE_ADDRESS = f"http://{NAME}:{PORT}"
"""Within its namespace."""
SECRETS_FOLDER = "/run/secrets/lrtune"
STORAGE_KEY, ADMIN_KEY, WORKER_KEY = "storage", "admin-token", "worker-token"
REPLICAS = 2
"""One that writes, and one that stands by."""


def service_manifests(
    image: str, options: KubernetesOptions, storage: str, admin_token: str, worker_token: str
) -> list[Manifest]:
    """A service on the PostgreSQL that `storage`, an SQLAlchemy URL, names. Raises LaunchError for any other."""
    if not storage.startswith("postgresql"):
        raise LaunchError(
            f"LRTUNE_STORAGE: {concealed(storage.partition(':')[0])} serves one machine, and a pod is none; "
            "name a PostgreSQL, postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
        )
    secret = f"{NAME}-service"
    values = {STORAGE_KEY: storage, ADMIN_KEY: admin_token, WORKER_KEY: worker_token}
    return [
        secret_manifest(secret, options, values),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(NAME, options),
            "spec": {"selector": labels(NAME), "ports": [{"name": "http", "port": PORT, "targetPort": "http"}]},
        },
        _deployment(image, options, secret),
    ]


def _deployment(image: str, options: KubernetesOptions, secret: str) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(NAME, options),
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": labels(NAME)},
            "template": {
                "metadata": {"labels": labels(NAME)},
                "spec": {
                    "terminationGracePeriodSeconds": 30,  # To finish what is being committed.
                    "automountServiceAccountToken": False,
                    "securityContext": {"fsGroup": 10001},
                    "containers": [_container(image, secret)],
                    "volumes": [{"name": "secrets", "secret": {"secretName": secret, "defaultMode": 0o440}}],
                },
            },
        },
    }


def _container(image: str, secret: str) -> Manifest:
    return {
        "name": "service",
        "image": image,
        "args": ["lrtune", "serve"],
        "env": [
            {"name": "LRTUNE_HOST", "value": "0.0.0.0"},
            {"name": "LRTUNE_PORT", "value": str(PORT)},
            {"name": "LRTUNE_ALLOWED_HOSTS", "value": NAME},
            {"name": "LRTUNE_ADMIN_TOKEN_FILE", "value": f"{SECRETS_FOLDER}/{ADMIN_KEY}"},
            {"name": "LRTUNE_WORKER_TOKEN_FILE", "value": f"{SECRETS_FOLDER}/{WORKER_KEY}"},
            {"name": "LRTUNE_STORAGE", "valueFrom": {"secretKeyRef": {"name": secret, "key": STORAGE_KEY}}},
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 5},
        "securityContext": hardened(),
        "volumeMounts": [{"name": "secrets", "mountPath": SECRETS_FOLDER, "readOnly": True}],
    }
