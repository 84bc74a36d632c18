"""Who keeps an issuer's private key, where an issuer is in its life, and what one step of it would change. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Keeper(StrEnum):
    """Values are stored and are those of the setting ``ISSUER_KEEPER``; none is ever reused."""

    WRAPPED = "wrapped"  # in the database, wrapped as KEY_CUSTODY says; in memory while it signs
    PKCS11 = "pkcs11"  # in a token, which signs
    AWS_KMS = "aws-kms"  # in AWS KMS, which signs


class State(StrEnum):
    """An issuer goes through these in this order. Values are stored; none is ever reused."""

    ANNOUNCED = "announced"  # trusted, and signs nothing yet
    ACTIVE = "active"  # signs warrants, lists and endorsements; there is exactly one
    OVERLAPPING = "overlapping"  # signs nothing any more, and is still trusted
    RETIRED = "retired"  # no longer trusted, but by auditors of what it signed


TRUSTED = (State.ACTIVE, State.ANNOUNCED, State.OVERLAPPING)


class Step(StrEnum):
    """What a person does to rotate the root."""

    ANNOUNCE = "announce"
    SWITCH = "switch"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of a dry run. ``breaks``: what it tells of would stop verifying, or go on being trusted."""

    sentence: str
    breaks: bool = False


@dataclass(frozen=True, slots=True)
class TrustedSet:
    """The 32-byte public keys that workers shall believe, and the number of the signed set; 0 before the first."""

    keys: tuple[bytes, ...]
    number: int
