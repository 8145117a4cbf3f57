"""Optuna's gRPC proxy protocol over the engine: an Optuna script with a `GrpcStorageProxy` uses the service as its
storage, unchanged.

Its clients have no patience: where Optuna's own server would fail a call because the database is away, this one tries
again for a while before it says so. Those of `lrtune.service.optuna_client` have a token, Optuna's own have none.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from optuna.storages._grpc.auto_generated import api_pb2_grpc
from optuna.storages._grpc.servicer import OptunaStorageProxyService

from lrtune.service.access.limits import Limiter
from lrtune.service.access.registry import Registry
from lrtune.service.api.optuna.budgets import NotBegun
from lrtune.service.api.optuna.letting_in import LettingIn
from lrtune.service.api.optuna.limiting import CallLimits
from lrtune.service.connections.addresses import address_of
from lrtune.service.connections.certificates import Certificates
from lrtune.service.connections.pairs import Pair
from lrtune.service.storage import OptunaStorage
from lrtune.service.storage.errors import NotStorable, StorageUnavailable

_THREADS = 32
"""Calls under way at a time; each mostly waits for the commit it shares with the others."""
_PATIENCE_SECONDS = 30.0
_DRAIN_SECONDS = 5.0


@contextlib.asynccontextmanager
async def optuna_served(
    storage: OptunaStorage,
    host: str,
    port: int | None,
    *,
    max_bytes: int,
    registry: Registry,
    gate: Limiter,
    certificates: Certificates | None = None,
) -> AsyncIterator[str | None]:
    """Serve `storage` on `host` and `port` for the length of the block, to the holders of the tokens in `registry`;
    yields its `host:port`.

    Port 0 takes a free one; None serves nothing. With `certificates`, by TLS. Messages beyond `max_bytes` are refused,
    as bodies are. At the end, calls under way have 5 s to finish; the event loop, which may have to commit for them,
    goes on meanwhile. Raises OSError where it cannot listen there.
    """
    if port is None:
        yield None
        return
    address = address_of(host)  # gRPC would listen on all addresses of a name.
    shown = f"[{address}]" if ":" in address else address
    closing = threading.Event()
    limits = CallLimits(gate, asyncio.get_running_loop())
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="lrtune-optuna")
    server = grpc.server(
        pool,
        interceptors=[
            _Patience(closing, storage.engine.database.concealed),
            LettingIn(storage, registry, limits),
        ],
        options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", max_bytes)],
    )
    api_pb2_grpc.add_StorageServiceServicer_to_server(OptunaStorageProxyService(storage), server)  # type: ignore[no-untyped-call]
    try:
        if certificates is None:
            bound = server.add_insecure_port(f"{shown}:{port}")
        else:
            bound = server.add_secure_port(f"{shown}:{port}", _credentials(certificates))
    except RuntimeError as error:
        raise OSError(f"cannot listen on {shown}:{port} for Optuna: {error}") from error
    server.start()
    try:
        yield f"{shown}:{bound}"
    finally:
        closing.set()
        await asyncio.to_thread(server.stop(_DRAIN_SECONDS).wait, 2 * _DRAIN_SECONDS)
        pool.shutdown(wait=False, cancel_futures=True)


def _credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """gRPC asks for a newer pair at each handshake."""
    given = [certificates.pair]

    def newer() -> grpc.ServerCertificateConfiguration | None:
        pair = certificates.pair
        if pair is given[0]:
            return None
        given[0] = pair
        return _configuration(pair)

    return grpc.dynamic_ssl_server_credentials(_configuration(given[0]), newer)


def _configuration(pair: Pair) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pair.key, pair.certificate)])


class _Patience(grpc.ServerInterceptor):  # type: ignore[misc]
    """Makes a call that found the storage away try again, and answer UNAVAILABLE where it stays away.

    Nothing of such a call was kept, except where the connection broke in the very commit: then a new trial may be
    there twice, of which one stays `running`.
    """

    def __init__(self, closing: threading.Event, concealed: Callable[[str], str]) -> None:
        self._closing = closing
        self._concealed = concealed

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        answer = handler.unary_unary

        def patient(request: Any, context: grpc.ServicerContext) -> Any:
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while True:
                try:
                    return answer(request, context)
                except StorageUnavailable as error:
                    over = time.monotonic() > deadline or not context.is_active()
                    if over or self._closing.wait(error.retry_after_seconds):
                        context.abort(grpc.StatusCode.UNAVAILABLE, self._concealed(str(error)))
                except NotBegun as error:
                    context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
                except NotStorable as error:
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, self._concealed(str(error)))

        return grpc.unary_unary_rpc_method_handler(
            patient,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
