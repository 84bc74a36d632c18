"""Secrets wrapped with data keys of AWS KMS: the key that opens those never leaves it, and no secret goes there.

wrapped = 02 || length (2 bytes) || what GenerateDataKey returned || nonce (12 bytes) || AES-256-GCM(secret),
          encryption context = {"countersign-purpose": purpose}, additional data = purpose

Needs boto3 (``requirements/aws.txt``), which is loaded only here. Region, credentials and endpoint come from where
boto3 takes them. The role needs ``kms:GenerateDataKey`` and ``kms:Decrypt`` on these keys, and on no others.
"""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.keepers.contracts import CustodyError, does_not_open, malformed

CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 3, 5, 3
_BLOB_AT = 3
_NONCE_BYTES = 12
_TAG_BYTES = 16
# What KMS says when a secret belongs to another key or purpose, or was changed.
_NOT_THIS_KEY = {"IncorrectKeyException", "InvalidCiphertextException"}


class KmsKeeper:
    """``key`` wraps and opens, ``previous`` only open: key ids, ARNs or aliases. No other key is ever asked."""

    version = 2

    def __init__(self, key: str, previous: Sequence[str] = ()) -> None:
        self._key, self._previous = key, list(previous)

    def wrap(self, secret: bytes, *, purpose: str) -> bytes:
        answer = self._ask("generate_data_key", KeyId=self._key, KeySpec="AES_256", EncryptionContext=_context(purpose))
        blob, nonce = bytes(answer["CiphertextBlob"]), secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(bytes(answer["Plaintext"])).encrypt(nonce, secret, purpose.encode())
        return bytes([self.version]) + len(blob).to_bytes(2, "big") + blob + nonce + sealed

    def unwrap(self, wrapped: bytes, *, purpose: str) -> bytes:
        for key in (self._key, *self._previous):
            secret = self._open(key, wrapped, purpose)
            if secret is not None:
                return secret
        raise does_not_open(purpose, "Set KMS_KEY_ID, or KMS_KEY_ID_PREVIOUS, to the key it was stored under.")

    def is_current(self, wrapped: bytes, *, purpose: str) -> bool:
        return wrapped[:1] == bytes([self.version]) and self._open(self._key, wrapped, purpose) is not None

    def _open(self, key: str, wrapped: bytes, purpose: str) -> bytes | None:
        end = _BLOB_AT + int.from_bytes(wrapped[1:_BLOB_AT], "big")
        blob, nonce, sealed = wrapped[_BLOB_AT:end], wrapped[end : end + _NONCE_BYTES], wrapped[end + _NONCE_BYTES :]
        if wrapped[:1] != bytes([self.version]) or not blob or len(sealed) < _TAG_BYTES:
            raise malformed(purpose)
        try:
            answer = self._ask("decrypt", KeyId=key, CiphertextBlob=blob, EncryptionContext=_context(purpose))
            return AESGCM(bytes(answer["Plaintext"])).decrypt(nonce, sealed, purpose.encode())
        except InvalidTag:
            return None
        except KmsRefused as error:
            if error.code in _NOT_THIS_KEY:
                return None
            raise

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        if not self._key:
            raise CustodyError("KMS_KEY_ID is not set. Set it to the key that wraps secrets, as an ARN or an alias.")
        return ask(self._client, operation, **arguments)

    @cached_property
    def _client(self) -> Any:
        return kms_client()


class KmsRefused(CustodyError):
    """AWS KMS said no; ``code`` is its word for why."""

    def __init__(self, code: str, operation: str, key: str) -> None:
        super().__init__(
            f"AWS KMS refused {operation} with {key!r} ({code}). Check the key, its policy and this process's role."
        )
        self.code = code


def kms_client() -> Any:
    """Return a client that gives up after seconds. Raises ``CustodyError``."""
    options = _sdk("botocore.config").Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": ATTEMPTS}
    )
    try:
        return _sdk("boto3").session.Session().client("kms", config=options)
    except _sdk("botocore.exceptions").BotoCoreError as error:
        raise CustodyError(f"AWS KMS cannot be used ({type(error).__name__}). Set AWS_REGION.") from None


def ask(client: Any, operation: str, **arguments: Any) -> dict[str, Any]:
    """Return KMS's answer to ``operation`` with the key ``KeyId``. Raises ``KmsRefused`` and ``CustodyError``."""
    errors = _sdk("botocore.exceptions")
    try:
        answer: dict[str, Any] = getattr(client, operation)(**arguments)
    except errors.ClientError as error:
        # What AWS says may repeat what it was sent; the code is enough.
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        raise KmsRefused(code, operation, str(arguments.get("KeyId"))) from None
    except errors.BotoCoreError as error:
        raise CustodyError(
            f"AWS KMS does not answer ({type(error).__name__}). Check region, credentials and network."
        ) from None
    return answer


def _context(purpose: str) -> dict[str, str]:
    return {"countersign-purpose": purpose}


def _sdk(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CustodyError(
            "Keys in AWS KMS need boto3: pip install --require-hashes -r requirements/aws.txt."
        ) from error
