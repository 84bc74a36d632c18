"""Where a key is kept: a file sealed with a passphrase, or a PKCS#11 token."""

from __future__ import annotations

import base64
import copy
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from approvals.cli.failures import KeyRefused
from approvals.cli.keepers import passphrase, pkcs11_token
from approvals.cli.keepers.memory import MemoryKeeper
from approvals.cli.keepers.pkcs11_token import Pkcs11Keeper, Place
from approvals.cli.signer import Signer
from approvals.models import Decision
from audit.statements.statements import verify_signature
from tests.cli.conftest import Desk
from tests.cli.terminal import PASSPHRASE
from tests.softhsm import PIN

# --- A file -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sealed() -> dict[str, Any]:
    return passphrase.make(PASSPHRASE)


def test_a_file_signs_with_its_passphrase_and_holds_no_seed(sealed: dict[str, Any]) -> None:
    keeper = passphrase.PassphraseKeeper(json.loads(json.dumps(sealed)), lambda: PASSPHRASE)
    verify_signature(bytes.fromhex(sealed["public_key"]), keeper.sign(b"message"), b"message")
    assert set(sealed) == {"format", "public_key", "kdf", "cipher"}


def test_a_passphrase_is_asked_for_once_and_not_before_something_is_signed(sealed: dict[str, Any]) -> None:
    asked: list[str] = []

    def ask() -> str:
        asked.append("asked")
        return PASSPHRASE

    keeper = passphrase.PassphraseKeeper(sealed, ask)
    assert keeper.public_key
    assert asked == []
    keeper.sign(b"one")
    keeper.sign(b"two")
    assert asked == ["asked"]


def test_a_passphrase_in_another_normal_form_is_the_same() -> None:
    made = passphrase.make("größe und stärke")
    assert passphrase.open_file(made, "größe und stärke".replace("ö", "o\u0308").replace("ä", "a\u0308"))


@pytest.mark.parametrize("wrong", ["", "four words do wel", "Four words do well", "four words do well ", "\ud800"])
def test_a_wrong_passphrase_signs_nothing(sealed: dict[str, Any], wrong: str) -> None:
    with pytest.raises(KeyRefused, match="passphrase is wrong"):
        passphrase.open_file(sealed, wrong)


def test_a_short_passphrase_makes_no_key() -> None:
    with pytest.raises(KeyRefused, match="at least 12"):
        passphrase.make("short words")


def flipped(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return base64.b64encode(bytes(data)).decode()


TAMPERED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another sealed byte": lambda file: file["cipher"].update(sealed=flipped(file["cipher"]["sealed"])),
    "a truncated seal": lambda file: file["cipher"].update(sealed=file["cipher"]["sealed"][:40]),
    "no seal": lambda file: file["cipher"].pop("sealed"),
    "another nonce": lambda file: file["cipher"].update(nonce=flipped(file["cipher"]["nonce"])),
    "a nonce of one byte": lambda file: file["cipher"].update(nonce="AA=="),
    "another salt": lambda file: file["kdf"].update(salt=flipped(file["kdf"]["salt"])),
    "a weaker derivation": lambda file: file["kdf"].update(n=2),
    "a derivation that eats the memory": lambda file: file["kdf"].update(n=2**40),
    "a derivation of no power of two": lambda file: file["kdf"].update(n=1000),
    "a derivation in words": lambda file: file["kdf"].update(n="many"),
    "more blocks": lambda file: file["kdf"].update(r=2**30),
    "another cipher": lambda file: file["cipher"].update(name="none"),
    "another format": lambda file: file.update(format="countersign-key-v2"),
    "somebody else's public key": lambda file: file.update(public_key=MemoryKeeper().public_key.hex()),
    "half a public key": lambda file: file.update(public_key=file["public_key"][:32]),
    "a public key in capitals": lambda file: file.update(public_key=file["public_key"].upper()),
    "something more": lambda file: file.update(comment="trust me"),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_a_file_that_was_changed_signs_nothing(sealed: dict[str, Any], change: str) -> None:
    file = copy.deepcopy(sealed)
    TAMPERED[change](file)
    with pytest.raises(KeyRefused) as refused:
        passphrase.open_file(file, PASSPHRASE)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("file", [None, [], "", 7, {}, {"format": "countersign-key-v1"}])
def test_what_is_no_key_file_is_refused(file: Any) -> None:
    with pytest.raises(KeyRefused, match="damaged"):
        passphrase.PassphraseKeeper(file, lambda: PASSPHRASE)


# --- A token ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_ada_enrols_a_key_in_her_token_and_approves_with_it(desk: Desk, token: str, tmp_path: Path) -> None:
    desk.terminal = type(desk.terminal)(tmp_path)  # started with the token's configuration
    desk.terminal.secret.write_text(f"{PIN}\n")
    desk.sign_in()
    key = desk.enrol("--custody", "pkcs11", "--module", token, "--token-label", "Ada")
    waiting = desk.open_request(key)
    assert desk.terminal.run("show", waiting.pk)  # looking needs no PIN
    desk.terminal.secret.write_text("000000\n")
    ended = desk.terminal.decide("approve", waiting.pk)
    assert ended.code == 1
    assert "The PIN is wrong" in ended.errors
    assert not Decision.objects.exists()
    desk.terminal.secret.write_text(f"{PIN}\n")
    ended = desk.terminal.decide("approve", waiting.pk)
    assert ended, ended.errors
    assert bytes(Decision.objects.get().public_key) == bytes(key.public_key)
    for file in desk.terminal.home.iterdir():
        assert PIN not in file.read_text()


def test_a_tokens_key_cannot_be_taken_out(token: str) -> None:
    place = Place(token, "Ada", "kept inside")
    public_key = pkcs11_token.make(place, PIN)
    verify_signature(public_key, Pkcs11Keeper(place, public_key, lambda: PIN).sign(b"message"), b"message")
    pkcs11 = importlib.import_module("pkcs11")
    errors = importlib.import_module("pkcs11.exceptions")
    with pkcs11.lib(token).get_token(token_label="Ada").open(user_pin=PIN) as session:
        private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=place.key)
        assert private[pkcs11.Attribute.EXTRACTABLE] is False
        assert private[pkcs11.Attribute.SENSITIVE] is True
        with pytest.raises(errors.AttributeSensitive):
            private[pkcs11.Attribute.VALUE]


@pytest.mark.parametrize(
    ("changes", "pin", "sentence"),
    [
        ({}, "000000", "The PIN is wrong"),
        ({}, "1", "The PIN is wrong"),
        ({"token": "Grace"}, PIN, "There is no token 'Grace'"),
        ({"key": "nothing"}, PIN, "holds no key 'nothing'"),
        ({"module": "/nothing/there.so"}, PIN, "cannot be used"),
    ],
)
def test_a_token_that_cannot_sign_is_one_sentence(token: str, changes: dict[str, str], pin: str, sentence: str) -> None:
    place = Place(**{"module": token, "token": "Ada", "key": "kept inside", **changes})
    with pytest.raises(KeyRefused, match=sentence):
        Pkcs11Keeper(place, bytes(32), lambda: pin).sign(b"message")


def test_a_name_that_is_taken_in_the_token_is_not_used_twice(token: str) -> None:
    place = Place(token, "Ada", "taken")
    pkcs11_token.make(place, PIN)
    with pytest.raises(KeyRefused, match="already"):
        pkcs11_token.make(place, PIN)


def test_without_the_library_a_token_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(importlib.import_module("sys").modules, "pkcs11", None)
    with pytest.raises(KeyRefused, match="python-pkcs11"):
        pkcs11_token.make(Place("x", "y", "z"), PIN)


# --- Whoever keeps it -------------------------------------------------------------------------


class Liar(MemoryKeeper):
    """Signs with another key than the one it names: a token that was swapped."""

    def sign(self, message: bytes) -> bytes:
        return MemoryKeeper().sign(message)


def test_a_signature_of_another_key_is_never_sent() -> None:
    challenge = {"challenge": base64.b64encode(bytes(32)).decode(), "issuer": "local", "subject": "ada", "origin": "x"}
    with pytest.raises(KeyRefused, match="does not belong to the key"):
        Signer(Liar()).enrolment(challenge)
