"""An issuer of tokens, and certificates, for tests of the gateway."""

from __future__ import annotations

import datetime
import ipaddress
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID
from jwt.algorithms import OKPAlgorithm

ISSUER = "https://identity.example"
AUDIENCE = "temporal"


class Issuer:
    """Signs tokens with a key of its own, and publishes that in a JWKS file."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "jwks.json"
        self._published: list[dict[str, Any]] = []
        self.renew("first")

    def renew(self, key_id: str) -> None:
        """Begin to sign with another key; the one before is published no more."""
        self.add(key_id)
        self.withdraw()

    def add(self, key_id: str) -> None:
        """Begin to sign with another key; those before are published still."""
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.key_id = key_id
        key = OKPAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        self._publish([*self._published, {**key, "kid": key_id, "use": "sig"}])

    def withdraw(self) -> None:
        """Publish the key that signs, and no other."""
        self._publish(self._published[-1:])

    def _publish(self, keys: list[dict[str, Any]]) -> None:
        self._published = keys
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps({"keys": keys}))
        partial.replace(self.file)

    def token(self, *permissions: str, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a token that holds, with ``claims`` instead of or beside the usual; None leaves one out."""
        whole = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "worker-7",
            "jti": "token-1",
            "exp": time.time() + 600,
            "permissions": list(permissions),
            **claims,
        }
        kept = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(kept, self.key, algorithm="EdDSA", headers={"kid": self.key_id, **(headers or {})})

    def public_pem(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


@dataclass(frozen=True)
class Certified:
    """A certificate with its key, both in PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """A certificate authority of a test."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        certificate = _builder(self._name, self._name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.certificate = certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def certify(self, name: str) -> Certified:
        """Return a certificate for ``name`` on 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        certificate = _builder(subject, self._name, key.public_key()).add_extension(names, critical=False)
        return Certified(
            certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
    )
