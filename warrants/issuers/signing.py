"""Signing with an issuer's key, whoever keeps it: in memory only while it signs, or in a token or KMS for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from audit import custody
from audit.custody import CustodyError
from audit.keepers.pkcs11_token import Place
from audit.statements.statements import Signer
from warrants.errors import IssuerUnavailable
from warrants.issuers.contracts import Keeper
from warrants.issuers.keepers.aws_kms import kms_key
from warrants.issuers.keepers.pkcs11_token import TokenKey
from warrants.models import IssuerKey


@dataclass(frozen=True, slots=True)
class IssuerSigner:
    """One issuer's key as a ``Signer``. What it returns verifies: a keeper that signs with another key is refused."""

    _key: bytes
    _sign: Callable[[bytes], bytes]

    def public_key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self._key)

    def sign(self, data: bytes, /) -> bytes:
        """Return the 64-byte signature over ``data``. Raises ``IssuerUnavailable``."""
        try:
            signature = self._sign(data)
            self.public_key().verify(signature, data)
        except CustodyError as error:
            raise IssuerUnavailable(str(error)) from error
        except InvalidSignature as error:
            raise IssuerUnavailable("What keeps the issuer's key signed with another key.") from error
        return signature


def wrapping_purpose(name: str) -> str:
    """Return the purpose under which custody wraps the key of the issuer ``name``."""
    return f"issuer-key:{name}"


def signer_of(issuer: IssuerKey) -> Signer:
    """Return what signs warrants, revocation lists and our own statements with ``issuer``'s key."""
    return IssuerSigner(bytes(issuer.public_key), _signing(issuer))


def token_key(label: str) -> TokenKey:
    """Return the key ``label`` of the token that the settings name."""
    return TokenKey(Place(settings.PKCS11_MODULE, settings.PKCS11_TOKEN, label), settings.PKCS11_PIN)


def _signing(issuer: IssuerKey) -> Callable[[bytes], bytes]:
    if issuer.keeper == Keeper.PKCS11:
        return token_key(issuer.kept_as).sign
    if issuer.keeper == Keeper.AWS_KMS:
        return kms_key(issuer.kept_as).sign
    return lambda data: _private_key(issuer).sign(data)


def _private_key(issuer: IssuerKey) -> Ed25519PrivateKey:
    secret = custody.unwrap(bytes(issuer.wrapped_private_key), purpose=wrapping_purpose(issuer.name))
    return Ed25519PrivateKey.from_private_bytes(secret)
