"""Stock Optuna behind its own gRPC proxy server, a process of its own."""

import os
import socket
import warnings

import optuna
from optuna.storages import get_storage, run_grpc_proxy_server

from lrtune.trainers.worker.parent_watch import end_with_owner


def serve(storage: str) -> None:
    """Serve `storage` on a free loopback port until SIGTERM, as Optuna's documentation shows it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    print(f"gRPC proxy serving on grpc://127.0.0.1:{port}", flush=True)
    run_grpc_proxy_server(get_storage(storage), host="127.0.0.1", port=port)


if __name__ == "__main__":
    end_with_owner()
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    serve(os.environ.pop("LRTUNE_BENCH_STORAGE"))
