"""An issuer's key in AWS KMS (``ECC_NIST_EDWARDS25519``), which signs with pure Ed25519.

KMS signs at most 4096 bytes at once. A warrant, or a list of what was revoked, that is longer is refused here: hashing
it first would be another signature, which nobody verifies. The role needs ``kms:Sign`` and ``kms:GetPublicKey``.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from audit.keepers.aws_kms import ask, kms_client
from audit.keepers.contracts import CustodyError

MAXIMUM_BYTES = 4096


class KmsKey:
    """The KMS key that ``key`` (id, ARN or alias) means."""

    def __init__(self, key: str) -> None:
        self._key = key

    def find(self) -> tuple[str, bytes]:
        """Return the key's ARN and its public key. Raises ``CustodyError``."""
        if not self._key:
            raise CustodyError("Set ISSUER_KMS_KEY_ID to an ECC_NIST_EDWARDS25519 key, as an ARN or an alias.")
        answer = ask(self._client, "get_public_key", KeyId=self._key)
        try:
            public = load_der_public_key(bytes(answer["PublicKey"]))
        except (ValueError, UnsupportedAlgorithm):
            public = None
        if not isinstance(public, Ed25519PublicKey):
            raise CustodyError(f"The KMS key {self._key!r} is not Ed25519. Make one of type ECC_NIST_EDWARDS25519.")
        return str(answer["KeyId"]), public.public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``. Raises ``CustodyError``."""
        if len(data) > MAXIMUM_BYTES:
            raise CustodyError(
                f"AWS KMS signs at most {MAXIMUM_BYTES} bytes at once, and this is {len(data)}. "
                "Name fewer approvers in a warrant; where more is revoked than fits, keep the issuer's key in a token."
            )
        answer = ask(
            self._client,
            "sign",
            KeyId=self._key,
            Message=data,
            MessageType="RAW",
            SigningAlgorithm="ED25519_SHA_512",
        )
        return bytes(answer["Signature"])

    @cached_property
    def _client(self) -> Any:
        return kms_client()


@lru_cache(maxsize=4)
def kms_key(key: str) -> KmsKey:
    """Return the key, with its client: that takes a third of a second to make."""
    return KmsKey(key)
