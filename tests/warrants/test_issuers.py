"""An issuer whose key is not in the process: in a SoftHSM token, and in a KMS. Both are real."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command
from django.db import IntegrityError, transaction
from pytest_django import Settings

from accounts.keys.services import revoke as revoke_key
from accounts.models import ApproverKey
from audit.custody import CustodyError
from audit.models import LedgerEntry
from audit.statements.kinds import EntryKind
from audit.statements.statements import Context, parse
from tests.aws import AwsServer, aws_server
from tests.softhsm import PIN, TOKEN
from tests.warrants.calls import ALLOWED, STOPS, Desk
from tests.warrants.conftest import INCIDENT
from warrants.errors import IssuerExists, IssuerUnavailable
from warrants.issuers import signing
from warrants.issuers.contracts import Keeper, State
from warrants.issuers.keepers.aws_kms import MAXIMUM_BYTES, kms_key
from warrants.issuers.queries import trusted_roots
from warrants.issuers.rotation import announce, switch
from warrants.issuers.services import endorsements, ensure_issuer
from warrants.key_revocations import services as key_revocations
from warrants.minting.services import mint
from warrants.models import AgentIdentity, Endorsement, IssuerKey, Revocation, RevocationList, Warrant
from warrants.revocation.services import revoke, signed_list
from workers.gates.key_revocations import KeyRevocations
from workers.gates.revocation import Revocation as WorkersList
from workers.gates.trusted_roots import TrustedRoots

pytestmark = pytest.mark.django_db
LOGS: dict[str, Any] = {"service": INCIDENT.service, "minutes": 5}
RESTART = {"service": INCIDENT.service, "environment": "production"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with aws_server(tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture
def in_token(token: str, settings: Settings) -> str:
    """Issuers are made in the token, each test's under a label of its own; return the driver."""
    settings.ISSUER_KEEPER = "pkcs11"
    settings.ISSUER_PKCS11_KEY = f"issuer-{secrets.token_hex(4)}"
    settings.PKCS11_MODULE, settings.PKCS11_TOKEN, settings.PKCS11_PIN = token, TOKEN, PIN
    return token


@pytest.fixture
def in_kms(aws: AwsServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AwsServer:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    settings.ISSUER_KEEPER, settings.ISSUER_KMS_KEY_ID = "aws-kms", kms_issuer(aws)
    return aws


def kms_issuer(server: AwsServer, spec: str = "ECC_NIST_EDWARDS25519") -> str:
    metadata = server.client("kms").create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    return str(metadata["Arn"])


@pytest.fixture(params=["in_token", "in_kms"])
def outside(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(request.param)


@pytest.mark.usefixtures("outside")
def test_everything_the_issuer_signs_verifies_with_a_key_that_never_was_here(
    agent: AgentIdentity, ada_key: ApproverKey
) -> None:
    minted = mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key])
    issuer = IssuerKey.objects.get()
    assert bytes(issuer.wrapped_private_key) == b""
    assert trusted_roots() == [bytes(issuer.public_key)]
    desk = Desk(minted)
    assert bytes(desk.warrant.issuer.to_bytes()) == bytes(issuer.public_key)
    assert (desk.outcome("read_logs", **LOGS), desk.outcome("restart_service", **RESTART)) == (ALLOWED, STOPS)
    for data in endorsements():
        envelope = parse(data)
        assert envelope.signer_key == bytes(issuer.public_key)
        envelope.verify(Context.ENDORSEMENT)
    revoke(warrant_id=minted.id, reason="It went astray.", revoked_by="local:ada")
    taken_back = signed_list()
    assert taken_back
    assert WorkersList(TrustedRoots(trusted_roots())).apply(taken_back)
    told = Desk(minted, tenuo_core.SignedRevocationList.from_bytes(taken_back))
    assert "revoked" in told.outcome("read_logs", **LOGS)
    revoke_key(person=ada_key.person, key_id=ada_key.pk, reason="lost")
    lost = key_revocations.signed_list()
    assert lost
    assert KeyRevocations(TrustedRoots(trusted_roots())).apply(lost)


def test_a_token_that_is_unplugged_mints_nothing_until_it_is_back(
    in_token: str, agent: AgentIdentity, ada_key: ApproverKey
) -> None:
    minted = mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key])
    with unplugged():
        for _ in range(2):
            with pytest.raises(IssuerUnavailable, match="nothing was minted or changed"):
                mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key])
        with pytest.raises(IssuerUnavailable):
            revoke(warrant_id=minted.id, reason="It went astray.", revoked_by="local:ada")
    assert Warrant.objects.count() == LedgerEntry.objects.filter(kind=EntryKind.WARRANT_MINTED).count() == 1
    assert not Revocation.objects.exists()
    assert not RevocationList.objects.exists()
    mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key])


class unplugged:  # noqa: N801 - reads as what it does
    """The token is away: its files are elsewhere meanwhile."""

    def __enter__(self) -> None:
        self._place = Path(os.environ["SOFTHSM2_CONF"]).parent / "tokens"
        self._away = self._place.with_name("away")
        shutil.move(self._place, self._away)
        self._place.mkdir()

    def __exit__(self, *_: object) -> None:
        self._place.rmdir()
        shutil.move(self._away, self._place)


def test_a_token_unplugged_between_two_signatures_leaves_nothing_half_minted(
    in_token: str, agent: AgentIdentity, ada_key: ApproverKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warrant is signed first, then what it comes with."""
    ensure_issuer()
    real, signed = signing.TokenKey.sign, []

    def once(key: signing.TokenKey, data: bytes) -> bytes:
        if signed:
            raise CustodyError("There is no token. Is it plugged in?")
        signed.append(data)
        return real(key, data)

    monkeypatch.setattr(signing.TokenKey, "sign", once)
    with pytest.raises(IssuerUnavailable):
        mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key])
    assert signed[0].startswith(b"tenuo-warrant-v1\x01")
    assert not Warrant.objects.exists()
    assert not Endorsement.objects.exists()
    assert not LedgerEntry.objects.filter(kind=EntryKind.WARRANT_MINTED).exists()


def test_a_keeper_that_signs_with_another_key_is_refused(
    in_token: str, agent: AgentIdentity, ada_key: ApproverKey
) -> None:
    """A token put in another's place, whose key has the same label."""
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    IssuerKey.objects.filter(pk=ensure_issuer().pk).update(public_key=other)
    with pytest.raises(IssuerUnavailable, match="another key"):
        mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key])
    assert not Warrant.objects.exists()


def test_a_key_that_was_made_before_in_the_token_is_taken(in_token: str) -> None:
    """As where the row was lost with a transaction, or where people made the key in a ceremony."""
    first = bytes(ensure_issuer().public_key)
    IssuerKey.objects.all().delete()
    assert bytes(ensure_issuer().public_key) == first
    assert bytes(announce(name="second", announced_by="tests").public_key) != first


def test_a_rotation_moves_the_root_into_a_token(
    token: str, settings: Settings, agent: AgentIdentity, ada_key: ApproverKey
) -> None:
    settings.ISSUER_PKCS11_KEY = f"issuer-{secrets.token_hex(4)}"
    settings.PKCS11_MODULE, settings.PKCS11_TOKEN, settings.PKCS11_PIN = token, TOKEN, PIN
    assert ensure_issuer().keeper == Keeper.WRAPPED
    settings.ISSUER_KEEPER = "pkcs11"
    new = announce(name="root-2", announced_by="tests")
    assert new.kept_as == f"{settings.ISSUER_PKCS11_KEY}-root-2"
    switch(name="root-2", switched_by="tests")
    desk = Desk(mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key]))
    assert desk.outcome("read_logs", **LOGS) == ALLOWED
    assert Warrant.objects.get().issuer == new


def test_a_rotation_in_kms_needs_another_key(in_kms: AwsServer) -> None:
    ensure_issuer()
    with pytest.raises(IssuerExists, match="key of root"):
        announce(name="root-2", announced_by="tests")
    other = kms_issuer(in_kms)
    assert announce(name="root-2", announced_by="tests", kms_key_id=other).kept_as == other


def test_a_wrong_pin_says_so_and_makes_nothing(in_token: str, settings: Settings) -> None:
    settings.PKCS11_PIN = "111111"
    with pytest.raises(CustodyError, match="PKCS11_PIN") as caught:
        ensure_issuer()
    assert "111111" not in str(caught.value)
    assert not IssuerKey.objects.exists()


def test_what_is_too_long_for_kms_is_refused_before_it_is_sent(in_kms: AwsServer) -> None:
    signer = signing.signer_of(ensure_issuer())
    assert len(signer.sign(b"x" * MAXIMUM_BYTES)) == 64
    with pytest.raises(IssuerUnavailable, match="at most 4096 bytes"):
        signer.sign(b"x" * (MAXIMUM_BYTES + 1))


def test_a_kms_key_of_another_kind_is_no_issuer(in_kms: AwsServer, settings: Settings) -> None:
    settings.ISSUER_KMS_KEY_ID = kms_issuer(in_kms, "ECC_NIST_P256")
    with pytest.raises(CustodyError, match="not Ed25519"):
        ensure_issuer()
    settings.ISSUER_KMS_KEY_ID = "alias/none"
    with pytest.raises(CustodyError, match="AWS KMS refused get_public_key"):
        ensure_issuer()


def test_an_alias_that_means_another_key_tomorrow_changes_nothing(in_kms: AwsServer, settings: Settings) -> None:
    client, arn = in_kms.client("kms"), settings.ISSUER_KMS_KEY_ID
    alias = f"alias/issuer-{secrets.token_hex(4)}"
    client.create_alias(AliasName=alias, TargetKeyId=arn.rsplit("/")[-1])
    settings.ISSUER_KMS_KEY_ID = alias
    issuer = ensure_issuer()
    assert issuer.kept_as == arn
    client.update_alias(AliasName=alias, TargetKeyId=kms_issuer(in_kms).rsplit("/")[-1])
    assert len(signing.signer_of(issuer).sign(b"x")) == 64


def test_kms_that_does_not_answer_is_an_issuer_that_cannot_sign(
    in_kms: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = ensure_issuer()
    kms_key.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(IssuerUnavailable, match="does not answer"):
        signing.signer_of(issuer).sign(b"x")
    kms_key.cache_clear()


def test_a_key_that_is_kept_elsewhere_says_where() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        IssuerKey.objects.create(
            name="nowhere", public_key=secrets.token_bytes(32), keeper=Keeper.PKCS11, state=State.ANNOUNCED
        )


def test_setup_says_that_the_setting_alone_moves_no_key(settings: Settings) -> None:
    ensure_issuer()
    settings.ISSUER_KEEPER = "pkcs11"
    said = StringIO()
    call_command("setup", stdout=StringIO(), stderr=said)
    assert "ISSUER_KEEPER is pkcs11, but the root key is wrapped" in said.getvalue()
