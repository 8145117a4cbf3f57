"""A service by https, with real connections: what holds without, holds with it."""

import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import grpc
import httpx2
import pytest
import trustme
from optuna.storages._grpc.auto_generated import api_pb2, api_pb2_grpc

from lrtune.service.connections.certificates import LOOK_SECONDS
from lrtune.service.optuna_client import ServiceStorage
from tests.connections.conftest import HEAD, Served, everything, one_answer
from tests.connections.test_certificates import CA, Files
from tests.end_to_end.conftest import environ
from tests.support.processes import Programs

Secure = Callable[..., "SecureServed"]


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


class SecureServed(Served):
    """A service by https."""

    def connect(self, name: str | None = None) -> ssl.SSLSocket:  # type: ignore[override]
        """Trusting the authority. Without a `name` none is told: one asks for an address."""
        plain = socket.create_connection(("127.0.0.1", self.port))
        plain.settimeout(20)
        return trusting().wrap_socket(plain, server_hostname=name or "127.0.0.1")


def issued() -> trustme.LeafCert:
    return CA.issue_cert("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    files = Files(tmp_path_factory.mktemp("pair"))
    files.put(issued())
    return files


@pytest.fixture(scope="module")
def served(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureServed]:
    folder = tmp_path_factory.mktemp("tls")
    with Programs(folder / "programs") as programs:
        yield SecureServed(
            programs,
            folder,
            certificate=files.certificate,
            key=files.key,
            max_connections=16,
            head_timeout_seconds=2,
            optuna_port=0,
        )


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_it_is_served_to_who_trusts_the_authority(served: SecureServed, name: str) -> None:
    assert served.scheme == "https"
    answer = httpx2.get(f"https://{name}:{served.port}/healthz", verify=trusting())
    assert answer.json() == {"status": "alive"}
    with pytest.raises(httpx2.ConnectError, match=r"(?i)certificate"):
        httpx2.get(f"https://{name}:{served.port}/healthz")


def test_a_client_of_the_service_reaches_it_with_an_authority_of_ones_own(served: SecureServed, tmp_path: Path) -> None:
    CA.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with Programs(tmp_path / "programs") as programs:
        command = [sys.executable, "-m", "lrtune.service.cli.main", "study", "list"]
        ran = programs.run(
            command, environ(LRTUNE_SERVER=served.address, LRTUNE_CA_FILE=str(tmp_path / "authority.pem"))
        )
        assert ran.poll() == 0, ran
        refused = programs.run(command, environ(LRTUNE_SERVER=served.address, LRTUNE_RETRY_SECONDS="0"))
        assert refused.poll() != 0, refused
        assert "certificate" in refused.stderr.lower()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_old_versions_of_tls_are_refused(served: SecureServed) -> None:
    context = trusting()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", served.port)) as plain:
        assert context.wrap_socket(plain, server_hostname="localhost").version() == "TLSv1.2"
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", served.port)) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain, server_hostname="localhost")


def test_who_speaks_plain_http_is_not_kept_waiting(served: SecureServed) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as plain:
        plain.settimeout(5)
        plain.sendall(HEAD + b"\r\n")
        with suppress(ConnectionResetError):
            assert b"HTTP/1.1 200" not in everything(plain)
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://127.0.0.1:{served.port}/healthz")


def test_who_says_nothing_is_let_go(served: SecureServed) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", served.port)) as silent:
        silent.settimeout(20)
        with suppress(ConnectionResetError):
            everything(silent)
    assert 1 < time.monotonic() - begun < 10


def test_refusals_are_read_through_it(served: SecureServed) -> None:
    assert served.say(HEAD, b"X: ", *[b"a" * 1024] * 70).startswith(b"HTTP/1.1 431 ")
    assert served.say(b"what\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert served.say(b"GET /healthz HTTP/1.1\r\n").startswith(b"HTTP/1.1 408 ")
    with ExitStack() as stack:
        polls = [stack.enter_context(served.connect()) for _ in range(16)]
        for poll in polls:
            poll.sendall(b"POST /v1/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n")
        answer = served.say()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'"too-many-connections"' in answer
    assert answer.endswith(b"}")
    assert "Traceback" not in served.program.stderr


def test_optunas_protocol_is_served_by_the_same_certificate(served: SecureServed) -> None:
    said = served.program.wait_for_line(r"gRPC protocol on 127.0.0.1:(\d+)$", 5)
    trust = grpc.ssl_channel_credentials(CA.cert_pem.bytes())
    with grpc.secure_channel(f"localhost:{said[1]}", trust) as channel:
        stub = api_pb2_grpc.StorageServiceStub(channel)  # type: ignore[no-untyped-call]
        assert stub.GetAllStudies(api_pb2.GetAllStudiesRequest(), timeout=10) is not None
    with grpc.insecure_channel(f"localhost:{said[1]}") as channel:
        stub = api_pb2_grpc.StorageServiceStub(channel)  # type: ignore[no-untyped-call]
        with pytest.raises(grpc.RpcError) as refused:
            stub.GetAllStudies(api_pb2.GetAllStudiesRequest(), timeout=10)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_an_optuna_script_trusts_the_certificates_that_it_is_given(
    served: SecureServed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(served.program.wait_for_line(r"gRPC protocol on 127.0.0.1:(\d+)$", 5)[1])
    authority = tmp_path / "ca.pem"
    authority.write_bytes(CA.cert_pem.bytes())
    assert ServiceStorage(host="localhost", port=port, certificates=authority).get_all_studies() is not None
    with pytest.raises(grpc.RpcError):
        ServiceStorage(host="localhost", port=port, tls=True).get_all_studies()
    monkeypatch.setenv("LRTUNE_CA_FILE", str(authority))
    assert ServiceStorage(host="localhost", port=port, tls=True).get_all_studies() is not None


def certificate(served: SecureServed, name: str) -> bytes:
    with served.connect(name) as opened:
        return opened.getpeercert(binary_form=True) or b""


def grpc_certificate(port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port))


@pytest.mark.slow
def test_a_renewed_certificate_is_taken_and_no_connection_is_dropped(served: SecureServed, files: Files) -> None:
    port = int(served.program.wait_for_line(r"gRPC protocol on 127.0.0.1:(\d+)$", 5)[1])
    with served.connect() as kept:
        ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        kept.sendall(ask)
        one_answer(kept)
        before, before_grpc = certificate(served, "localhost"), grpc_certificate(port)
        files.put(issued())
        until = time.monotonic() + 3 * LOOK_SECONDS
        while certificate(served, "localhost") == before:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert certificate(served, "127.0.0.1") == certificate(served, "localhost")
        kept.sendall(ask)
        assert one_answer(kept).startswith(b"HTTP/1.1 200 ")
        grpc_certificate(port)  # gRPC takes it with the next who comes.
        assert grpc_certificate(port) != before_grpc


def test_it_ends_soon_with_connections_open(files: Files, tmp_path: Path) -> None:
    with Programs(tmp_path / "programs") as programs:
        served = SecureServed(programs, tmp_path, certificate=files.certificate, key=files.key)
        with ExitStack() as stack:
            opened = [stack.enter_context(served.connect()) for _ in range(4)]
            opened[0].sendall(b"GET /v1")
            stack.enter_context(socket.create_connection(("127.0.0.1", served.port)))
            begun = time.monotonic()
            assert served.program.terminate(15) == 0
            assert time.monotonic() - begun < 6
        assert "Traceback" not in served.program.stderr
        assert "level='error'" not in served.program.stderr
