"""Who keeps an issuer's private key. Pure."""

from __future__ import annotations

from enum import StrEnum


class Keeper(StrEnum):
    """Values are stored and are those of the setting ``ISSUER_KEEPER``; none is ever reused."""

    WRAPPED = "wrapped"  # in the database, wrapped as KEY_CUSTODY says; in memory while it signs
    PKCS11 = "pkcs11"  # in a token, which signs
    AWS_KMS = "aws-kms"  # in AWS KMS, which signs
