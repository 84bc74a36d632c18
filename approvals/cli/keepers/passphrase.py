"""A key in a file, sealed with a passphrase.

    {"format": "countersign-key-v1",
     "public_key": 64 hexadecimal digits,
     "kdf": {"name": "scrypt", "n": 131072, "r": 8, "p": 1, "salt": base64 of 16 bytes},
     "cipher": {"name": "aes-256-gcm", "nonce": base64 of 12 bytes, "sealed": base64 of 48 bytes}}

``sealed`` is the 32-byte Ed25519 seed under the 32 bytes that scrypt (RFC 7914) makes of the passphrase (UTF-8,
NFC) and the salt. The additional data is canonical CBOR of everything but ``sealed`` (``_header``): nothing in
the file can be changed without it being noticed. A passphrase is tried offline by whoever has the file, so a
short one is no protection.
"""

from __future__ import annotations

import base64
import secrets
import unicodedata
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from approvals.cli.failures import KeyRefused
from approvals.cli.keepers.memory import MemoryKeeper
from audit.statements import cbor

FORMAT = "countersign-key-v1"
MINIMUM_PASSPHRASE = 12
# 128 MiB and about half a second for each guess.
_N, _R, _P = 2**17, 8, 1
# A file that asks for more would only exhaust this computer.
_LARGEST_N = 2**20
_DAMAGED = "The key file is damaged or of another version: it cannot be read. Enrol a new key."
_WRONG = "The passphrase is wrong, or the key file was changed. Nothing was signed."


def make(passphrase: str) -> dict[str, Any]:
    """Return the file of a new key, as JSON values. Raises ``KeyRefused`` for a passphrase that is too short."""
    if len(passphrase) < MINIMUM_PASSPHRASE:
        raise KeyRefused(f"Choose a passphrase of at least {MINIMUM_PASSPHRASE} characters: four words do well.")
    private_key = Ed25519PrivateKey.generate()
    content: dict[str, Any] = {
        "format": FORMAT,
        "public_key": private_key.public_key().public_bytes_raw().hex(),
        "kdf": {"name": "scrypt", "n": _N, "r": _R, "p": _P, "salt": _text(secrets.token_bytes(16))},
        "cipher": {"name": "aes-256-gcm", "nonce": _text(secrets.token_bytes(12))},
    }
    cipher = AESGCM(_derive(passphrase, content["kdf"]))
    sealed = cipher.encrypt(
        base64.b64decode(content["cipher"]["nonce"]), private_key.private_bytes_raw(), _header(content)
    )
    content["cipher"]["sealed"] = _text(sealed)
    return content


def open_file(content: Any, passphrase: str) -> MemoryKeeper:
    """Return the key in ``content``. Raises ``KeyRefused`` for a wrong passphrase and for a damaged file."""
    _require_form(content)
    cipher = content["cipher"]
    try:
        seed = AESGCM(_derive(passphrase, content["kdf"])).decrypt(
            base64.b64decode(cipher["nonce"], validate=True),
            base64.b64decode(cipher["sealed"], validate=True),
            _header(content),
        )
    except InvalidTag as error:
        raise KeyRefused(_WRONG) from error
    except (ValueError, TypeError, OverflowError) as error:
        raise KeyRefused(_DAMAGED) from error
    keeper = MemoryKeeper(Ed25519PrivateKey.from_private_bytes(seed))
    if keeper.public_key.hex() != content["public_key"]:
        raise KeyRefused(_DAMAGED)
    return keeper


class PassphraseKeeper:
    """Opens its file when the first signature is asked for, so that looking needs no passphrase."""

    def __init__(self, content: Any, ask: Callable[[], str]) -> None:
        _require_form(content)
        self._content, self._ask = content, ask
        self._opened: MemoryKeeper | None = None
        self.public_key = bytes.fromhex(content["public_key"])

    def sign(self, message: bytes) -> bytes:
        self._opened = self._opened or open_file(self._content, self._ask())
        return self._opened.sign(message)


def _require_form(content: Any) -> None:
    try:
        kdf, cipher = content["kdf"], content["cipher"]
        texts = (content["public_key"], kdf["salt"], cipher["nonce"], cipher["sealed"])
        n, r, p = kdf["n"], kdf["r"], kdf["p"]
        is_known = content["format"] == FORMAT and (kdf["name"], cipher["name"]) == ("scrypt", "aes-256-gcm")
        is_sane = all(type(item) is int for item in (n, r, p)) and 2 <= n <= _LARGEST_N and (r, p) == (_R, _P)
        is_key = all(isinstance(text, str) for text in texts) and len(bytes.fromhex(content["public_key"])) == 32
    except (KeyError, TypeError, ValueError) as error:
        raise KeyRefused(_DAMAGED) from error
    if not (is_known and is_sane and is_key):
        raise KeyRefused(_DAMAGED)


def _derive(passphrase: str, kdf: dict[str, Any]) -> bytes:
    salt = base64.b64decode(kdf["salt"], validate=True)
    derivation = Scrypt(salt=salt, length=32, n=kdf["n"], r=kdf["r"], p=kdf["p"])
    return derivation.derive(unicodedata.normalize("NFC", passphrase).encode(errors="surrogatepass"))


def _header(content: dict[str, Any]) -> bytes:
    cipher = {name: value for name, value in content["cipher"].items() if name != "sealed"}
    return cbor.encode({**content, "cipher": cipher})


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
