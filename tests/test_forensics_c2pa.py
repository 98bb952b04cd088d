"""C2PA manifests are read and validated as facts, without a network, whatever the file holds."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import media
import pytest
from stubs import StubDetector, stub_models
from weights_local import local_server

from forensics.c2pa import NOT_INSTALLED, read_c2pa
from forensics.pipeline import analyze_video
from forensics.report.facts import C2paStatus
from forensics.settings import AnalysisSettings

c2pa = pytest.importorskip("c2pa", reason="the extra `c2pa` is not installed")
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def signer() -> Any:
    """A signer whose certificate, made here, an unknown authority issued."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.UTC)
    root_key, own_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def name(common: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Organisation")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])

    def certificate(common: str, key: ec.EllipticCurvePrivateKey, *, authority: bool) -> x509.Certificate:
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        )
        usage |= {"encipher_only": False, "decipher_only": False, "digital_signature": not authority}
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common))
            .issuer_name(name("root"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(x509.KeyUsage(**usage, key_cert_sign=authority, crl_sign=authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if not authority:
            mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
            builder = builder.add_extension(mail, critical=True).add_extension(issuer, critical=False)
        return builder.sign(root_key, hashes.SHA256())

    pem = serialization.Encoding.PEM
    chain = b"".join(
        one.public_bytes(pem)
        for one in (
            certificate("leaf", own_key, authority=False),
            certificate("root", root_key, authority=True),
        )
    )
    key = own_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))


def signed(signer: Any, plain: Path, target: Path, *, kept_at: str | None = None) -> Path:
    """A signed copy of `plain`; with `kept_at` its manifest is only at that address."""
    created = {
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
    }
    builder = c2pa.Builder(
        {
            "claim_generator_info": [{"name": "test tool", "version": "1.2"}],
            "title": "a\ntitle",
            "format": "video/mp4",
            "assertions": [{"label": "c2pa.actions", "data": {"actions": [created]}}],
        }
    )
    if kept_at is not None:
        builder.set_no_embed()
        builder.set_remote_url(kept_at)
    with plain.open("rb") as source, target.open("w+b") as file:
        builder.sign(signer, "video/mp4", source, file)
    return target


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return media.h264(tmp_path / "plain.mp4", count=3)


@pytest.fixture
def with_manifest(signer: Any, plain: Path, tmp_path: Path) -> Path:
    return signed(signer, plain, tmp_path / "signed.mp4")


def test_a_manifest_that_holds_is_told_with_who_claims_to_have_signed(with_manifest: Path) -> None:
    facts = read_c2pa(with_manifest)
    assert facts.status is C2paStatus.PRESENT
    assert facts.validation == "Valid"
    assert facts.failures == ("signingCredential.untrusted",)
    assert (facts.issuer, facts.claim_generator, facts.title) == (
        "Test Organisation",
        "test tool 1.2",
        "a title",
    )


def test_a_picture_changed_after_signing_is_invalid(with_manifest: Path) -> None:
    data = bytearray(with_manifest.read_bytes())
    data[-20] ^= 1
    with_manifest.write_bytes(data)
    facts = read_c2pa(with_manifest)
    assert (facts.status, facts.validation) == (C2paStatus.PRESENT, "Invalid")
    assert "assertion.bmffHash.mismatch" in facts.failures


def test_most_files_carry_no_manifest(plain: Path) -> None:
    facts = read_c2pa(plain)
    assert (facts.status, facts.reason) == (C2paStatus.ABSENT, None)


def test_a_file_that_is_cut_off_is_said_to_be_unreadable(with_manifest: Path) -> None:
    with_manifest.write_bytes(with_manifest.read_bytes()[:3000])
    facts = read_c2pa(with_manifest)
    assert facts.status is C2paStatus.UNREADABLE
    assert facts.reason


def test_a_container_that_knows_no_manifests_is_not_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"#EXTM3U\n")
    facts = read_c2pa(path)
    assert facts.status is C2paStatus.NOT_CHECKED
    assert facts.reason


def test_without_the_package_that_is_said(with_manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    facts = read_c2pa(with_manifest)
    assert (facts.status, facts.reason) == (C2paStatus.NOT_CHECKED, NOT_INSTALLED)


def test_a_manifest_kept_elsewhere_is_not_asked_for(signer: Any, plain: Path, tmp_path: Path) -> None:
    with local_server() as server:
        away = signed(signer, plain, tmp_path / "away.mp4", kept_at=server.url("/manifest"))
        assert server.url("/manifest").encode() in away.read_bytes()
        facts = read_c2pa(away)
        assert server.requests == []
    assert facts.status is C2paStatus.NOT_CHECKED
    assert server.url("/manifest") in str(facts.reason)


def test_a_file_whose_name_is_not_utf8_is_read(with_manifest: Path, tmp_path: Path) -> None:
    odd = with_manifest.rename(tmp_path / b"clip\xff.mp4".decode("utf-8", "surrogateescape"))
    assert read_c2pa(odd).status is C2paStatus.PRESENT


def test_the_manifest_stands_in_the_report_and_moves_no_score(with_manifest: Path, plain: Path) -> None:
    models = stub_models(StubDetector("a", float))
    settings = AnalysisSettings(detectors=("a",), device="cpu")
    report = analyze_video(with_manifest, models, settings)
    assert report.evidence.c2pa == read_c2pa(with_manifest)
    without = analyze_video(plain, models, settings)
    assert report.faces == without.faces
    assert report.verdict == without.verdict
