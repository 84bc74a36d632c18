"""Secrets at rest: private keys and rings are stored only wrapped, by the keeper that ``KEY_CUSTODY`` names.

The first byte of a wrapped secret says which keeper opens it: 01 ``audit.keepers.local``, 02 ``aws_kms``,
03 ``pkcs11_token``. A wrapped secret opens only for the purpose it was wrapped for, so one stored key cannot be
passed off as another.
"""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from audit.keepers.aws_kms import KmsKeeper
from audit.keepers.contracts import CustodyError, Keeper, malformed
from audit.keepers.local import LocalKeeper
from audit.keepers.pkcs11_token import Pkcs11Keeper, Place

__all__ = ["CHOICES", "CustodyError", "is_current", "keeper", "unwrap", "wrap"]

CHOICES = ("local", "aws-kms", "pkcs11")


def wrap(secret: bytes, *, purpose: str) -> bytes:
    """Return ``secret`` encrypted for ``purpose``. Raises ``CustodyError`` if it cannot be kept."""
    return keeper().wrap(secret, purpose=purpose)


def unwrap(wrapped: bytes, *, purpose: str) -> bytes:
    """Return the secret in ``wrapped``. Raises ``CustodyError`` for another key, purpose or changed bytes."""
    wrapped = bytes(wrapped)
    for choice in CHOICES:
        found = keeper(choice)
        if wrapped[:1] == bytes([found.version]):
            return found.unwrap(wrapped, purpose=purpose)
    raise malformed(purpose)


def is_current(wrapped: bytes, *, purpose: str) -> bool:
    """Whether ``wrapped`` is in the custody, and under the key, that new secrets get. Raises ``CustodyError``."""
    return keeper().is_current(bytes(wrapped), purpose=purpose)


def keeper(choice: str = "") -> Keeper:
    """Return the keeper of ``choice``, or of ``settings.KEY_CUSTODY``."""
    choice = choice or settings.KEY_CUSTODY
    if choice == "aws-kms":
        return _kms(settings.KMS_KEY_ID, tuple(settings.KMS_KEY_ID_PREVIOUS))
    if choice == "pkcs11":
        place = Place(settings.PKCS11_MODULE, settings.PKCS11_TOKEN, settings.PKCS11_KEY)
        return Pkcs11Keeper(place, settings.PKCS11_PIN, settings.PKCS11_KEY_PREVIOUS)
    return LocalKeeper(settings.KEY_ENCRYPTION_KEY, settings.KEY_ENCRYPTION_KEY_PREVIOUS)


@lru_cache(maxsize=2)
def _kms(key: str, previous: tuple[str, ...]) -> KmsKeeper:
    # Its client takes a third of a second to make.
    return KmsKeeper(key, previous)
