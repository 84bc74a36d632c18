"""The private keys of issuers that are stored wrapped, as a thief of database and key-encryption key has them."""

from __future__ import annotations

import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import custody
from warrants.issuers.signing import wrapping_purpose
from warrants.models import IssuerKey


def private_key(issuer: IssuerKey) -> Ed25519PrivateKey:
    secret = custody.unwrap(bytes(issuer.wrapped_private_key), purpose=wrapping_purpose(issuer.name))
    return Ed25519PrivateKey.from_private_bytes(secret)


def tenuo_key(issuer: IssuerKey) -> tenuo_core.SigningKey:
    return tenuo_core.SigningKey.from_bytes(private_key(issuer).private_bytes_raw())
