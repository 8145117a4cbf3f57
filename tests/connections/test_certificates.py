"""Certificate and key in their files: what cannot be used is said, and what was renewed is taken."""

import logging
import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from lrtune.service.connections.certificates import Certificates
from lrtune.service.connections.pairs import CertificateUnusable, shake_hands
from lrtune.service.listening import CannotServe
from lrtune.service.server import run
from lrtune.service.settings import Settings

CA = trustme.CA()


class Files:
    """A certificate and its key, as an administrator has them."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"

    def put(self, pair: trustme.LeafCert) -> None:
        self.put_certificate(pair)
        self.put_key(pair)

    def put_certificate(self, pair: trustme.LeafCert) -> None:
        _replace(self.certificate, b"".join(blob.bytes() for blob in pair.cert_chain_pems))

    def put_key(self, pair: trustme.LeafCert) -> None:
        _replace(self.key, pair.private_key_pem.bytes())


def _replace(file: Path, content: bytes) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o600)
    new.replace(file)


def pair(**more: object) -> trustme.LeafCert:
    return CA.issue_cert("lrtune.example", **more)  # type: ignore[arg-type]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path)
    files.put(pair())
    return files


def serial(certificates: Certificates) -> str:
    """Of the certificate that who connects is shown."""
    context = ssl.create_default_context()
    CA.configure_trust(context)
    context.check_hostname = False
    return str(shake_hands(context, certificates.context).getpeercert()["serialNumber"])  # type: ignore[index]


def test_a_renewed_pair_is_shown_to_who_connects_from_then_on(files: Files) -> None:
    certificates = Certificates(files.certificate, files.key)
    shown = [serial(certificates)]
    certificates.look()
    shown.append(serial(certificates))
    files.put(pair())
    shown.append(serial(certificates))
    certificates.look()
    shown.append(serial(certificates))
    assert shown[0] == shown[1] == shown[2] != shown[3]


def test_a_folder_that_is_swapped_by_its_link_is_a_renewal(tmp_path: Path) -> None:
    """As Kubernetes does with secrets."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        Files(tmp_path / name).put(pair())
    link = tmp_path / "data"
    link.symlink_to("first")
    certificates = Certificates(link / "cert.pem", link / "key.pem")
    before = serial(certificates)
    (tmp_path / "new").symlink_to("second")
    os.replace(tmp_path / "new", link)
    certificates.look()
    assert serial(certificates) != before


def test_both_may_stand_in_one_file(tmp_path: Path) -> None:
    file = tmp_path / "both.pem"
    pair().private_key_and_cert_chain_pem.write_to_path(str(file))
    assert serial(Certificates(file))


def test_a_new_pair_that_cannot_be_used_is_not_taken_and_said_once(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = Certificates(files.certificate, files.key)
    before = serial(certificates)
    with caplog.at_level(logging.INFO):
        files.put_certificate(pair())
        certificates.look()  # It may be between the two steps of a renewal.
        assert caplog.messages == []
        for _ in range(3):
            certificates.look()
        files.certificate.unlink()
        for _ in range(3):
            certificates.look()
        assert serial(certificates) == before
        files.put(pair())
        certificates.look()
    belongs, gone, read = caplog.messages
    assert "the one before is kept" in belongs
    assert "does not belong to the certificate" in belongs
    assert "No such file" in gone
    assert read == "the certificate was read anew"
    assert serial(certificates) != before


def encrypted(files: Files) -> None:
    key = load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")))


UNUSABLE: dict[str, tuple[Callable[[Files], object], str]] = {
    "no certificate": (lambda files: files.certificate.unlink(), r"cert.pem cannot be read: No such file"),
    "no key": (lambda files: files.key.unlink(), r"key.pem cannot be read: No such file"),
    "a folder": (lambda files: (files.key.unlink(), files.key.mkdir()), r"key.pem cannot be read: Is a directory"),
    "empty": (lambda files: files.certificate.write_bytes(b""), r"cert.pem holds no certificate in PEM"),
    "swapped": (lambda files: files.certificate.write_bytes(files.key.read_bytes()), "holds no certificate in PEM"),
    "key is none": (lambda files: files.key.write_bytes(files.certificate.read_bytes()), "holds no private key in PEM"),
    "another's key": (lambda files: files.put_key(pair()), "does not belong to the certificate in"),
    "encrypted": (encrypted, "key.pem is encrypted, .* `openssl pkey -in"),
    "cut off": (
        lambda files: files.certificate.write_bytes(
            files.certificate.read_bytes()[:200] + b"\n-----END CERTIFICATE-----\n"
        ),
        "cannot be used",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_used_is_said_with_the_file_and_the_remedy(files: Files, case: str) -> None:
    spoil, words = UNUSABLE[case]
    spoil(files)
    with pytest.raises(CertificateUnusable, match=words):
        Certificates(files.certificate, files.key)


def test_the_service_does_not_start_with_it(files: Files, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/lrtune.db"
    files.put_key(pair())
    with pytest.raises(CannotServe, match="does not belong") as refused:
        run(Settings(storage=storage, certificate=files.certificate, key=files.key))
    assert refused.value.exit_code == 2
    with pytest.raises(CannotServe, match="without --certificate"):
        run(Settings(storage=storage, key=files.key))


def _of_a_rare_curve(files: Files) -> None:
    """A pair on a curve that no client takes unless it is told to."""
    key = ec.generate_private_key(ec.SECP256K1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lrtune.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    _replace(files.certificate, made.public_bytes(Encoding.PEM))
    _replace(files.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_a_pair_that_no_client_takes_is_refused_at_the_start_and_not_taken_later(files: Files) -> None:
    certificates = Certificates(files.certificate, files.key)
    before = serial(certificates)
    _of_a_rare_curve(files)
    with pytest.raises(CertificateUnusable, match="no client can connect"):
        Certificates(files.certificate, files.key)
    certificates.look()
    assert serial(certificates) == before
    files.put(pair())
    certificates.look()
    assert serial(certificates) != before


def test_what_is_not_right_and_can_be_used_is_a_warning(tmp_path: Path) -> None:
    files, now = Files(tmp_path), datetime.now(UTC)
    files.put(pair())
    assert Certificates(files.certificate, files.key).concerns() == []
    files.put(pair(not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)))
    files.key.chmod(0o604)
    readable, expired = Certificates(files.certificate, files.key).concerns()
    assert f"chmod o= {files.key}" in readable
    assert "has expired" in expired
    files.put(pair(not_before=now + timedelta(days=1), not_after=now + timedelta(days=9)))
    (early,) = Certificates(files.certificate, files.key).concerns()
    assert "is not valid yet" in early
