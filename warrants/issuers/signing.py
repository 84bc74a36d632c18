"""The issuer's private key. Open it where something is signed, and keep it nowhere: it is in memory only meanwhile."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tenuo_core import SigningKey

from audit import custody
from warrants.models import IssuerKey


def wrapping_purpose(name: str) -> str:
    """Return the purpose under which custody wraps the key of the issuer ``name``."""
    return f"issuer-key:{name}"


def tenuo_key(issuer: IssuerKey) -> SigningKey:
    """Return the key that signs warrants and revocation lists. Raises ``CustodyError``."""
    return SigningKey.from_bytes(_secret(issuer))


def statement_key(issuer: IssuerKey) -> Ed25519PrivateKey:
    """Return the key that signs our own statements. Raises ``CustodyError``."""
    return Ed25519PrivateKey.from_private_bytes(_secret(issuer))


def _secret(issuer: IssuerKey) -> bytes:
    return custody.unwrap(bytes(issuer.wrapped_private_key), purpose=wrapping_purpose(issuer.name))
