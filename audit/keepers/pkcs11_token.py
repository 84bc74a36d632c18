"""Secrets wrapped by a key in a PKCS#11 token: an HSM, or SoftHSM. The key never leaves it.

wrapped = 03 || nonce (12 bytes) || AES-256-GCM(secret), additional data = label of the key, a zero byte, purpose

Needs ``python-pkcs11`` (``requirements/pkcs11.txt``), which is loaded only here.
"""

from __future__ import annotations

import importlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from audit.keepers.contracts import CustodyError, does_not_open, malformed

_NONCE_BYTES = 12
_TAG_BYTES = 16
# A token lets a process log in once, whatever its threads do.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key is: the token's driver (a path), the token's label, and the key's own."""

    module: str
    token: str
    key: str


class Pkcs11Keeper:
    """``place.key`` wraps and opens, ``previous`` (the label of another key in the same token) only opens."""

    version = 3

    def __init__(self, place: Place, pin: str, previous: str = "") -> None:
        self._place, self._pin, self._previous = place, pin, previous

    def make_key(self) -> bool:
        """Make the key in the token unless it is there; return whether it was made. Raises ``CustodyError``."""
        pkcs11 = library()
        with self._session(rw=True) as session:
            if list(session.get_objects({pkcs11.Attribute.LABEL: self._place.key})):
                return False
            session.generate_key(
                pkcs11.KeyType.AES,
                256,
                label=self._place.key,
                store=True,
                capabilities=pkcs11.MechanismFlag.ENCRYPT | pkcs11.MechanismFlag.DECRYPT,
                template={pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False},
            )
        return True

    def wrap(self, secret: bytes, *, purpose: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        with self._session() as session:
            sealed = bytes(self._key(session, self._place.key).encrypt(secret, **_gcm(nonce, self._place.key, purpose)))
        return bytes([self.version]) + nonce + sealed

    def unwrap(self, wrapped: bytes, *, purpose: str) -> bytes:
        for label in filter(None, (self._place.key, self._previous)):
            secret = self._open(label, wrapped, purpose)
            if secret is not None:
                return secret
        raise does_not_open(purpose, "Set PKCS11_KEY, or PKCS11_KEY_PREVIOUS, to the key it was stored under.")

    def is_current(self, wrapped: bytes, *, purpose: str) -> bool:
        return wrapped[:1] == bytes([self.version]) and self._open(self._place.key, wrapped, purpose) is not None

    def _open(self, label: str, wrapped: bytes, purpose: str) -> bytes | None:
        nonce, sealed = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
        if wrapped[:1] != bytes([self.version]) or len(sealed) < _TAG_BYTES:
            raise malformed(purpose)
        errors = library("pkcs11.exceptions")
        with self._session() as session:
            key = self._key(session, label)
            try:
                return bytes(key.decrypt(sealed, **_gcm(nonce, label, purpose)))
            except (errors.EncryptedDataInvalid, errors.EncryptedDataLenRange, errors.GeneralError):
                return None  # tokens have several words for a tag that does not match

    def _key(self, session: Any, label: str) -> Any:
        pkcs11 = library()
        return session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, key_type=pkcs11.KeyType.AES, label=label)

    def _session(self, *, rw: bool = False) -> AbstractContextManager[Any]:
        if not (self._place.module and self._place.token and self._place.key):
            raise CustodyError("Set PKCS11_MODULE, PKCS11_TOKEN and PKCS11_KEY to where the key is.")
        return token_session(
            self._place,
            self._pin,
            no_key=f"The token {self._place.token!r} holds no such AES key. "
            "Make it with: manage.py rewrap_keys --make-key",
            rw=rw,
        )


@contextmanager
def token_session(place: Place, pin: str, *, no_key: str, rw: bool = False) -> Iterator[Any]:
    """Open the token and log in. Every error of the token becomes ``CustodyError``; ``no_key`` says that for no key."""
    errors = library("pkcs11.exceptions")
    try:
        with _one_at_a_time, _token(place).open(user_pin=pin, rw=rw) as session:
            yield session
    except (errors.PinIncorrect, errors.PinLenRange, errors.PinInvalid, errors.PinLocked) as error:
        raise CustodyError("The token refuses PKCS11_PIN. Tokens lock after a few wrong ones.") from error
    except errors.NoSuchToken as error:
        raise CustodyError(f"There is no token {place.token!r}. Is it plugged in?") from error
    except errors.NoSuchKey as error:
        raise CustodyError(no_key) from error
    except (errors.PKCS11Error, RuntimeError) as error:
        detail = str(error) or type(error).__name__
        _start_anew(place)
        raise CustodyError(f"The token cannot be used through {place.module} ({detail}).") from error


def _token(place: Place) -> Any:
    """Return the token, after a second look: some drivers find one that was away only when they are started anew."""
    driver, errors = library().lib(place.module), library("pkcs11.exceptions")
    try:
        return driver.get_token(token_label=place.token)
    except errors.NoSuchToken:
        driver.reinitialize()
        return driver.get_token(token_label=place.token)


def _start_anew(place: Place) -> None:
    """Give up what the driver holds of a token that went away while it was used."""
    errors = library("pkcs11.exceptions")
    with _one_at_a_time, suppress(errors.PKCS11Error, RuntimeError):
        library().lib(place.module).reinitialize()


def _gcm(nonce: bytes, label: str, purpose: str) -> dict[str, Any]:
    pkcs11 = library()
    parameters = library("pkcs11.mechanisms").GCMParams(
        nonce, label.encode() + b"\0" + purpose.encode(), _TAG_BYTES * 8
    )
    return {"mechanism": pkcs11.Mechanism.AES_GCM, "mechanism_param": parameters}


def library(module: str = "pkcs11") -> Any:
    """Return a module of python-pkcs11. Raises ``CustodyError`` where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CustodyError(
            "Keys in a token need python-pkcs11: pip install --require-hashes -r requirements/pkcs11.txt."
        ) from error
