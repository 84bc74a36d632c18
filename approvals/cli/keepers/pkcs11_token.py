"""A key in a PKCS#11 token: a smart card, a USB token, an HSM, or SoftHSM.

The key is made in the token, never leaves it, and signs there with ``CKM_EDDSA`` (PKCS#11 3.0, pure Ed25519).
Needs ``python-pkcs11`` (``requirements/pkcs11.txt``), which is loaded only here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from approvals.cli.failures import KeyRefused

# Ed25519 as a DER object identifier (RFC 8410).
_ED25519 = bytes.fromhex("06032b6570")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key is: the token's driver (a path), the token's label, and the key's own."""

    module: str
    token: str
    key: str


class Pkcs11Keeper:
    """Asks for the PIN when the first signature is asked for, so that looking needs none."""

    def __init__(self, place: Place, public_key: bytes, ask: Callable[[], str]) -> None:
        self._place, self._ask, self.public_key = place, ask, public_key
        self._pin: str | None = None

    def sign(self, message: bytes) -> bytes:
        pkcs11 = _library()
        if self._pin is None:
            self._pin = self._ask()
        with _session(self._place, self._pin) as session:
            private = session.get_key(
                object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self._place.key, key_type=pkcs11.KeyType.EC_EDWARDS
            )
            return bytes(private.sign(message, mechanism=pkcs11.Mechanism.EDDSA))


def make(place: Place, pin: str) -> bytes:
    """Make a key in the token that cannot be taken out, and return its public half. Raises ``KeyRefused``."""
    pkcs11 = _library()
    with _session(place, pin, rw=True) as session:
        if list(session.get_objects({pkcs11.Attribute.LABEL: place.key})):
            raise KeyRefused(f"The token holds a key {place.key!r} already. Choose another name with --key-label.")
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC_EDWARDS, {pkcs11.Attribute.EC_PARAMS: _ED25519}, local=True
        )
        public, _ = parameters.generate_keypair(
            mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            label=place.key,
            public_template={pkcs11.Attribute.VERIFY: True},
            private_template={
                pkcs11.Attribute.SIGN: True,
                pkcs11.Attribute.SENSITIVE: True,
                pkcs11.Attribute.EXTRACTABLE: False,
            },
        )
        return _raw(bytes(public[pkcs11.Attribute.EC_POINT]))


def _raw(point: bytes) -> bytes:
    """Return the 32 bytes of a public key, which tokens give raw or wrapped in an OCTET STRING."""
    if len(point) == 34 and point[:2] == b"\x04\x20":
        return point[2:]
    if len(point) == 32:
        return point
    raise KeyRefused("The token gave a public key that is not Ed25519.")


def _library() -> Any:
    try:
        return importlib.import_module("pkcs11")
    except ImportError as error:
        raise KeyRefused("Keys in a token need python-pkcs11: pip install countersign[pkcs11].") from error


@contextmanager
def _session(place: Place, pin: str, *, rw: bool = False) -> Iterator[Any]:
    """Open the token and log in. Every error of the token becomes ``KeyRefused``."""
    pkcs11 = _library()
    errors = importlib.import_module("pkcs11.exceptions")
    try:
        token = pkcs11.lib(place.module).get_token(token_label=place.token)
        with token.open(user_pin=pin, rw=rw) as session:
            yield session
    except errors.PinLocked as error:
        raise KeyRefused("The token is locked after too many wrong PINs. Its administrator can unlock it.") from error
    except (errors.PinIncorrect, errors.PinLenRange, errors.PinInvalid) as error:
        raise KeyRefused("The PIN is wrong. Nothing was signed; tokens lock after a few wrong PINs.") from error
    except errors.NoSuchToken as error:
        raise KeyRefused(f"There is no token {place.token!r}. Is it plugged in?") from error
    except errors.NoSuchKey as error:
        raise KeyRefused(f"The token {place.token!r} holds no key {place.key!r}. Enrol a new one.") from error
    except errors.MechanismInvalid as error:
        raise KeyRefused("The token cannot make Ed25519 keys or signatures.") from error
    except (errors.PKCS11Error, RuntimeError) as error:
        detail = str(error) or type(error).__name__
        raise KeyRefused(f"The token cannot be used through {place.module} ({detail}).") from error
