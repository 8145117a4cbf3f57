"""The service as the storage of an Optuna script, with a token: Optuna's own `GrpcStorageProxy` has nowhere to put one.

storage = ServiceStorage(host="lrtune.example", port=13000)
study = optuna.load_study(study_name="cifar10-resnet", storage=storage)
"""

import ipaddress
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.storages import GrpcStorageProxy
from optuna.storages._grpc.auto_generated import api_pb2_grpc
from optuna.storages._grpc.client import GrpcClientCache
from optuna.trial import FrozenTrial

from lrtune.service.wire.access.credentials import Credential, find_credential

CA_FILE = "LRTUNE_CA_FILE"
_OPTIONS = [("grpc.max_receive_message_length", -1)]
_REFUSED = grpc.StatusCode.UNAUTHENTICATED


class TrialRefused(OptunaError):
    """The study lets no trial begin: its budget is spent, or it is paused or stopped. `study.optimize` ends with it."""


class ServiceStorage(GrpcStorageProxy):
    """Optuna's `GrpcStorageProxy`, which shows a token with each call; to be pickled like that one.

    Without `token`, it is that of LRTUNE_TOKEN, LRTUNE_TOKEN_FILE or ~/.config/lrtune/token; one from a file is read
    anew where it was renewed. With `tls=True` the service is spoken to by TLS, and trusted by the certificates (PEM) in
    the file `certificates`, or that LRTUNE_CA_FILE names, else by those that gRPC brings along; `certificates` alone
    says so, too. A UserWarning tells of a token that goes over the network unencrypted.

    Raises CredentialUnusable where a token was given that can be none, OSError where the certificates cannot be read.
    Calls raise `grpc.RpcError`, whose details say what to do; TrialRefused where a study gives no trial.
    """

    def __init__(
        self,
        *,
        host: str = "localhost",
        port: int = 13000,
        token: str | None = None,
        tls: bool = False,
        certificates: Path | str | None = None,
    ) -> None:
        self._token = token
        self._tls = tls or certificates is not None
        trusted = certificates or os.environ.get(CA_FILE)
        self._roots = Path(trusted).read_bytes() if self._tls and trusted else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            super().__init__(host=host, port=port)

    def _setup(self) -> None:
        shows = _ShowsToken(self._token)
        if shows.has_one and not self._tls and not _is_loopback(self._host):
            warnings.warn(
                f"the token goes to {self._host} unencrypted: let the service have a certificate, and say tls=True",
                UserWarning,
                stacklevel=5,
            )
        self._channel = grpc.intercept_channel(self._connected(), shows)
        self._stub = api_pb2_grpc.StorageServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._cache = GrpcClientCache(self._stub)

    def _connected(self) -> grpc.Channel:
        address = f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        if not self._tls:
            return grpc.insecure_channel(address, options=_OPTIONS)
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(self._roots), options=_OPTIONS)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Begin a trial, or queue one. Raises TrialRefused where the study's budget is spent, or it is paused."""
        try:
            number: int = super().create_new_trial(study_id, template_trial)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise
            raise TrialRefused(error.details()) from None
        return number

    def wait_server_ready(self, timeout: float | None = None) -> None:
        """Wait until the service can be reached, `timeout` seconds or for ever. Raises ConnectionError."""
        try:
            with self._connected() as channel:
                grpc.channel_ready_future(channel).result(timeout=timeout)
        except grpc.FutureTimeoutError as error:
            raise ConnectionError(f"{self._host}:{self._port} could not be reached in {timeout} s") from error


class _ShowsToken(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Puts the token into a call's metadata. Any thread may call."""

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._credential: Credential | None = find_credential(token)

    @property
    def has_one(self) -> bool:
        """Whether there is a token."""
        return self._credential is not None

    def intercept_unary_unary(self, continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        """Make a call, and again where a limit was reached, as long as the service says to wait."""
        answer = self._call(continuation, details, request)
        while (seconds := _wait_seconds(answer)) is not None:
            time.sleep(seconds)
            answer = self._call(continuation, details, request)
        return answer

    def _call(self, continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        """Once more, where it was refused and there is another token by now."""
        shown = self._credential
        answer = continuation(_with_token(details, shown), request)
        if answer.code() is not _REFUSED or self._token is not None:
            return answer
        self._credential = find_credential(again=True)
        return answer if self._credential == shown else continuation(_with_token(details, self._credential), request)


class _Details(grpc.ClientCallDetails):  # type: ignore[misc]
    """Of a call, with other metadata."""

    def __init__(self, details: Any, metadata: list[tuple[str, str]]) -> None:
        self.method, self.timeout, self.credentials = details.method, details.timeout, details.credentials
        self.wait_for_ready, self.compression = details.wait_for_ready, details.compression
        self.metadata = metadata


def _wait_seconds(answer: Any) -> float | None:
    """How long to wait before the call is made again: nothing of it was done. None where that is not so."""
    if answer.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return None
    return next((float(value) for name, value in answer.trailing_metadata() or () if name == "retry-after"), None)


def _with_token(details: Any, credential: Credential | None) -> Any:
    if credential is None:
        return details
    return _Details(details, [*(details.metadata or ()), ("authorization", f"Bearer {credential.secret}")])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
