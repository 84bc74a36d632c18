"""Three ways to keep a secret closed: a key at hand, AWS KMS, a PKCS#11 token. The last two are real servers."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings

from audit import custody
from audit.keepers.aws_kms import KmsKeeper
from audit.keepers.contracts import CustodyError, Keeper
from audit.keepers.local import LocalKeeper
from audit.keepers.pkcs11_token import Pkcs11Keeper, Place
from audit.rings.queries import ring_of
from audit.rings.services import ensure_ring
from tests.aws import AwsServer, aws_server
from tests.softhsm import PIN, TOKEN
from workers.codec.files import RingFileUnusable, parse

Make = Callable[..., Keeper]
SECRET = b"thirty-two bytes of secret stuff"


def key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with aws_server(tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture
def in_aws(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> AwsServer:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return aws


def kms_key(server: AwsServer) -> str:
    return str(server.client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture(params=["local", "aws-kms", "pkcs11"])
def pair(request: pytest.FixtureRequest) -> tuple[Keeper, Keeper, Keeper]:
    """An old keeper, the one after the rotation of its key, and one that was never given the old key."""
    if request.param == "local":
        old, new = key(), key()
        return LocalKeeper(old), LocalKeeper(new, old), LocalKeeper(new)
    if request.param == "aws-kms":
        server = request.getfixturevalue("in_aws")
        old, new = kms_key(server), kms_key(server)
        return KmsKeeper(old), KmsKeeper(new, [old]), KmsKeeper(new)
    module = request.getfixturevalue("token")
    labels = [f"kek-{secrets.token_hex(4)}" for _ in range(2)]
    old, new = (Pkcs11Keeper(Place(module, TOKEN, label), PIN) for label in labels)
    assert (old.make_key(), old.make_key(), new.make_key()) == (True, False, True)
    return old, Pkcs11Keeper(Place(module, TOKEN, labels[1]), PIN, labels[0]), new


def test_a_secret_comes_back_for_its_purpose_alone(pair: tuple[Keeper, ...]) -> None:
    keeper = pair[0]
    wrapped = keeper.wrap(SECRET, purpose="issuer-key:root")
    assert wrapped[0] == keeper.version
    assert SECRET not in wrapped
    assert keeper.unwrap(wrapped, purpose="issuer-key:root") == SECRET
    with pytest.raises(CustodyError, match="does not open"):
        keeper.unwrap(wrapped, purpose="issuer-key:other")


def test_changed_bytes_are_refused(pair: tuple[Keeper, ...]) -> None:
    wrapped = bytearray(pair[0].wrap(SECRET, purpose="p"))
    wrapped[-1] ^= 1
    with pytest.raises(CustodyError):
        pair[0].unwrap(bytes(wrapped), purpose="p")
    with pytest.raises(CustodyError, match="not in a form"):
        pair[0].unwrap(bytes(wrapped[:1]), purpose="p")


def test_after_its_key_was_rotated_old_secrets_open_and_are_not_current(pair: tuple[Keeper, ...]) -> None:
    old, rotated, without = pair
    wrapped = old.wrap(SECRET, purpose="p")
    assert old.is_current(wrapped, purpose="p")
    assert rotated.unwrap(wrapped, purpose="p") == SECRET
    assert not rotated.is_current(wrapped, purpose="p")
    with pytest.raises(CustodyError, match="does not open"):
        without.unwrap(wrapped, purpose="p")
    assert without.unwrap(rotated.wrap(SECRET, purpose="p"), purpose="p") == SECRET


def test_kms_refuses_whoever_has_no_right_on_the_key_and_the_sentence_names_the_code(
    in_aws: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = kms_key(in_aws)
    wrapped = KmsKeeper(arn).wrap(SECRET, purpose="p")
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "*"}],
    }
    user = in_aws.user(f"wraps-{secrets.token_hex(3)}", json.dumps(policy))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user["aws_access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user["aws_secret_access_key"])
    with pytest.raises(CustodyError, match=r"refused decrypt .*AccessDenied"):
        KmsKeeper(arn).unwrap(wrapped, purpose="p")


def test_kms_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch, in_aws: AwsServer) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CustodyError, match="does not answer"):
        KmsKeeper("alias/x").wrap(SECRET, purpose="p")


def test_a_secret_wrapped_under_a_strangers_kms_key_is_refused(in_aws: AwsServer) -> None:
    """Whoever can write to the database cannot put a key of their own in."""
    planted = KmsKeeper(kms_key(in_aws)).wrap(SECRET, purpose="ring-key:k1")
    with pytest.raises(CustodyError, match="does not open"):
        KmsKeeper(kms_key(in_aws)).unwrap(planted, purpose="ring-key:k1")


def test_a_token_with_another_pin_label_or_key_is_said(token: str) -> None:
    for place, pin, sentence in (
        (Place(token, TOKEN, "kek"), "000000", "refuses PKCS11_PIN"),
        (Place(token, "Nobody", "kek"), PIN, "no token 'Nobody'"),
        (Place(token, TOKEN, "no such key"), PIN, "holds no such AES key"),
        (Place(str(Path("/nonexistent.so")), TOKEN, "kek"), PIN, "cannot be used"),
        (Place("", TOKEN, "kek"), PIN, "Set PKCS11_MODULE"),
    ):
        with pytest.raises(CustodyError, match=sentence):
            Pkcs11Keeper(place, pin).wrap(SECRET, purpose="p")


def test_the_key_in_the_token_cannot_be_taken_out(token: str) -> None:
    import pkcs11

    label = f"kek-{secrets.token_hex(4)}"
    Pkcs11Keeper(Place(token, TOKEN, label), PIN).make_key()
    with pkcs11.lib(token).get_token(token_label=TOKEN).open(user_pin=PIN) as session:
        found = session.get_key(label=label)
        assert not found[pkcs11.Attribute.EXTRACTABLE]
        with pytest.raises(pkcs11.exceptions.AttributeSensitive):
            found[pkcs11.Attribute.VALUE]


def test_what_is_stored_opens_with_whatever_wrapped_it(token: str) -> None:
    local = custody.wrap(SECRET, purpose="p")
    label = f"kek-{secrets.token_hex(4)}"
    Pkcs11Keeper(Place(token, TOKEN, label), PIN).make_key()
    with override_settings(
        KEY_CUSTODY="pkcs11", PKCS11_MODULE=token, PKCS11_TOKEN=TOKEN, PKCS11_KEY=label, PKCS11_PIN=PIN
    ):
        in_token = custody.wrap(SECRET, purpose="p")
        assert (local[0], in_token[0]) == (1, 3)
        assert custody.unwrap(local, purpose="p") == custody.unwrap(in_token, purpose="p") == SECRET
        assert not custody.is_current(local, purpose="p")
        assert custody.is_current(in_token, purpose="p")


@pytest.mark.django_db
def test_a_ring_file_for_a_team_elsewhere_opens_with_its_kms_key_alone(in_aws: AwsServer, tmp_path: Path) -> None:
    ensure_ring(namespace="prd")
    arn = kms_key(in_aws)
    call_command("export_ring", "prd", output=tmp_path / "ring.json", kms_key=arn, stdout=StringIO())
    content = (tmp_path / "ring.json").read_bytes()
    assert parse(content, "ring.json", keeper=KmsKeeper(arn)) == ring_of("prd")
    with pytest.raises(RingFileUnusable, match="do not open"):
        parse(content, "ring.json", keeper=KmsKeeper(kms_key(in_aws)))
