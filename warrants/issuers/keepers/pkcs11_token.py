"""An issuer's key in a PKCS#11 token: made there, never taken out, signing with ``CKM_EDDSA`` (pure Ed25519)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from audit.keepers.contracts import CustodyError
from audit.keepers.pkcs11_token import Place, library, token_session

# Ed25519 as a DER object identifier (RFC 8410).
_ED25519 = bytes.fromhex("06032b6570")


class TokenKey:
    """The Ed25519 key ``place.key`` of a token. Each call opens the token anew, so that one put back works again."""

    def __init__(self, place: Place, pin: str) -> None:
        self._place, self._pin = place, pin

    def ensure(self) -> bytes:
        """Return the public key, making the key if the token has none of this label. Raises ``CustodyError``."""
        pkcs11 = library()
        with self._session(rw=True) as session:
            wanted = {
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY,
                pkcs11.Attribute.LABEL: self._place.key,
            }
            found = list(session.get_objects(wanted))
            if len(found) > 1:
                raise CustodyError(f"The token holds several keys {self._place.key!r}. Name one that is the only one.")
            public = found[0] if found else self._make(session)
            return _raw(bytes(public[pkcs11.Attribute.EC_POINT]))

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``. Raises ``CustodyError``."""
        pkcs11 = library()
        with self._session() as session:
            private = session.get_key(
                object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self._place.key, key_type=pkcs11.KeyType.EC_EDWARDS
            )
            return bytes(private.sign(data, mechanism=pkcs11.Mechanism.EDDSA))

    def _make(self, session: Any) -> Any:
        pkcs11 = library()
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC_EDWARDS, {pkcs11.Attribute.EC_PARAMS: _ED25519}, local=True
        )
        public, _ = parameters.generate_keypair(
            mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            label=self._place.key,
            public_template={pkcs11.Attribute.VERIFY: True},
            private_template={
                pkcs11.Attribute.SIGN: True,
                pkcs11.Attribute.SENSITIVE: True,
                pkcs11.Attribute.EXTRACTABLE: False,
            },
        )
        return public

    def _session(self, *, rw: bool = False) -> AbstractContextManager[Any]:
        if not (self._place.module and self._place.token and self._place.key):
            raise CustodyError("Set PKCS11_MODULE, PKCS11_TOKEN and ISSUER_PKCS11_KEY to where the issuer's key is.")
        no_key = f"The token {self._place.token!r} holds no Ed25519 key {self._place.key!r}. Is it the right token?"
        return token_session(self._place, self._pin, no_key=no_key, rw=rw)


def _raw(point: bytes) -> bytes:
    """Return the 32 bytes of a public key, which tokens give raw or wrapped in an OCTET STRING."""
    if len(point) == 34 and point[:2] == b"\x04\x20":
        return point[2:]
    if len(point) == 32:
        return point
    raise CustodyError("The token's public key of that label is not Ed25519.")
