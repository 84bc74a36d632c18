"""Minting: who may be written into a warrant, and what is recorded."""

from __future__ import annotations

import base64
import dataclasses
import os
from typing import Any

import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import ApproverKey, Person, RoleGrant
from audit import custody
from audit.custody import CustodyError
from audit.keys.services import ensure_service_key
from audit.ledger.queries import details_of
from audit.models import LedgerChain, LedgerEntry, ServiceKey
from audit.statements.acting import Acting, acting_of
from audit.statements.kinds import EntryKind
from audit.statements.quorum import Quorum, quorum_of
from audit.statements.statements import Context, parse
from audit.statements.terms import MAXIMUM_BARRED, Terms, terms_of
from tests.endorsing import endorsed
from tests.warrants.calls import ALLOWED, STOPS, Desk
from tests.warrants.conftest import INCIDENT, approver_key
from warrants.agents.queries import holder_keys
from warrants.agents.services import ensure_agent
from warrants.errors import (
    InactiveApprover,
    InvalidIncident,
    NoApprovers,
    SharedKey,
    TooFewPeople,
    TooManyApprovers,
    UnknownPolicy,
    UnknownWarrant,
)
from warrants.issuers.queries import trusted_roots
from warrants.issuers.services import endorsements, ensure_issuer
from warrants.minting.contracts import MintedWarrant
from warrants.minting.queries import minted
from warrants.minting.services import mint
from warrants.models import AgentIdentity, Endorsement, IssuerKey, Warrant
from warrants.policies import release as policies
from warrants.policies.rules import parse_policy
from warrants.templatetags import trust


def minting(agent: AgentIdentity, *approvers: ApproverKey, **changes: Any) -> MintedWarrant:
    incident = dataclasses.replace(INCIDENT, **changes)
    return mint(policy="incident-response", incident=incident, agent=agent, approvers=list(approvers))


def asking_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (policies.FOLDER / "incident-response.yaml").read_text().replace("min_approvals: 1", "min_approvals: 2")
    monkeypatch.setattr("warrants.minting.services.load", lambda name: parse_policy(text))


def test_numbers_are_written_as_tenuo_writes_them_so_that_browsers_take_them(
    agent: AgentIdentity, ada_key: ApproverKey
) -> None:
    """The policy has ranges, which are floats: 1440.0 is three bytes long, and a browser refuses nine."""
    warrant = tenuo_core.Warrant.from_bytes(minting(agent, ada_key).chain[0])
    payload = bytes(warrant.payload_bytes)
    assert bytes.fromhex("f965a0") in payload
    assert bytes.fromhex("fb4096800000000000") not in payload


# --- Who ------------------------------------------------------------------------------------


def test_the_issuer_cannot_be_an_approver(agent: AgentIdentity) -> None:
    own = approver_key("mallory", bytes(ensure_issuer().public_key))
    with pytest.raises(SharedKey):
        minting(agent, own)
    assert not Warrant.objects.exists()


def test_the_agent_cannot_be_an_approver(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    with pytest.raises(SharedKey):
        minting(agent, ada_key, approver_key("mallory", bytes(agent.public_key)))
    assert not LedgerEntry.objects.filter(kind=EntryKind.WARRANT_MINTED).exists()


def test_another_agent_cannot_be_an_approver(agent: AgentIdentity) -> None:
    with pytest.raises(SharedKey):
        minting(agent, approver_key("mallory", bytes(ensure_agent(name="second").public_key)))


@pytest.mark.parametrize("purpose", ["ledger", "receipts"])
def test_a_key_that_the_server_holds_cannot_be_an_approver(agent: AgentIdentity, purpose: str) -> None:
    with pytest.raises(SharedKey):
        minting(agent, approver_key("mallory", bytes(ensure_service_key(purpose=purpose).public_key)))


def test_the_agent_cannot_be_the_issuer(ada_key: ApproverKey) -> None:
    issuer = ensure_issuer()
    agent = AgentIdentity.objects.create(
        name="twin", public_key=issuer.public_key, wrapped_private_key=issuer.wrapped_private_key
    )
    with pytest.raises(SharedKey) as refused:
        minting(agent, ada_key)
    assert refused.value.field == "agent"


def test_a_revoked_key_cannot_be_an_approver(
    agent: AgentIdentity, ada_key: ApproverKey, grace_key: ApproverKey
) -> None:
    ApproverKey.objects.filter(pk=grace_key.pk).update(revoked_at=timezone.now())
    with pytest.raises(InactiveApprover, match=grace_key.short):
        minting(agent, ada_key, grace_key)


def test_the_key_of_a_person_who_left_or_lost_the_role_cannot_be_an_approver(
    agent: AgentIdentity, ada_key: ApproverKey, grace_key: ApproverKey
) -> None:
    ada_key.person.is_active = False
    ada_key.person.save()
    grace_key.person.role_grants.all().delete()
    for key in (ada_key, grace_key):
        with pytest.raises(InactiveApprover):
            minting(agent, key)


def test_whoever_approves_in_another_namespace_is_not_named(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    RoleGrant.objects.filter(person=ada_key.person).update(namespace="billing")
    with pytest.raises(InactiveApprover):
        minting(agent, ada_key, namespace="payments")
    assert minting(agent, ada_key, namespace="billing").id


def test_the_incidents_chain_knows_its_namespace(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    warrant = minting(agent, ada_key, namespace="billing")
    assert LedgerChain.objects.get(name=warrant.id).namespace == "billing"


def test_a_warrant_needs_an_approver(agent: AgentIdentity) -> None:
    with pytest.raises(NoApprovers):
        minting(agent)


def test_a_warrant_names_a_bounded_number_of_approvers(agent: AgentIdentity) -> None:
    with pytest.raises(TooManyApprovers):
        minting(agent, *(ApproverKey(pk=number) for number in range(201)))


def test_two_keys_of_one_person_are_one_person(
    agent: AgentIdentity, ada_key: ApproverKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking_for_two(monkeypatch)
    second = ApproverKey.objects.create(
        person=ada_key.person, public_key=Ed25519PrivateKey.generate().public_key().public_bytes_raw(), name="Phone"
    )
    endorsed(second)
    with pytest.raises(TooFewPeople):
        minting(agent, ada_key, second)
    with pytest.raises(TooFewPeople):
        minting(agent, ada_key, ada_key)


def asking_for_strong_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (policies.FOLDER / "incident-response.yaml").read_text() + "\napprover_key_strength: strong\n"
    monkeypatch.setattr("warrants.minting.services.load", lambda name: parse_policy(text))


def test_a_policy_that_asks_for_strong_keys_names_no_other(
    agent: AgentIdentity, ada_key: ApproverKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking_for_strong_keys(monkeypatch)
    strong = approver_key("grace", strength="strong")
    made = minting(agent, ada_key, strong)
    named = tenuo_core.Warrant.from_bytes(made.chain[0]).required_approvers()
    assert [bytes(key.to_bytes()) for key in named] == [bytes(strong.public_key)]


def test_ordinary_keys_are_not_enough_where_strong_ones_are_asked_for(
    agent: AgentIdentity, ada_key: ApproverKey, grace_key: ApproverKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking_for_strong_keys(monkeypatch)
    with pytest.raises(TooFewPeople, match="strong keys of 1 person, but the strong keys here belong to 0"):
        minting(agent, ada_key, grace_key)
    assert not Warrant.objects.exists()


def test_a_strong_key_is_as_good_as_any_where_nothing_is_asked_for(agent: AgentIdentity) -> None:
    strong = approver_key("grace", strength="strong")
    (named,) = tenuo_core.Warrant.from_bytes(minting(agent, strong).chain[0]).required_approvers()
    assert bytes(named.to_bytes()) == bytes(strong.public_key)


def test_a_warrant_tells_which_keys_are_one_persons(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    phone = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    second = endorsed(ApproverKey.objects.create(person=ada_key.person, public_key=phone, name="Phone"))
    other, own = approver_key("grace"), {bytes(ada_key.public_key), phone}
    quorum = counted(minting(agent, ada_key, second, other))
    assert set(quorum.first_keys) == own
    assert set(quorum.first_keys.values()) == {min(own)}
    assert counted(minting(agent, ada_key, other)).first_keys == {}


def counted(warrant: MintedWarrant) -> Quorum:
    return quorum_of([tenuo_core.Warrant.from_bytes(data) for data in warrant.chain])


def test_two_people_are_two_approvals(
    agent: AgentIdentity, ada_key: ApproverKey, grace_key: ApproverKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking_for_two(monkeypatch)
    warrant = Desk(minting(agent, ada_key, grace_key)).warrant
    assert warrant.min_approvals() == 2
    assert {bytes(key.to_bytes()) for key in warrant.required_approvers()} == {
        bytes(ada_key.public_key),
        bytes(grace_key.public_key),
    }


def test_an_approver_named_twice_stands_in_the_warrant_once(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    assert len(Desk(minting(agent, ada_key, ada_key)).warrant.required_approvers()) == 1


# --- Who must not ---------------------------------------------------------------------------


def approvers_of(warrant: MintedWarrant) -> set[bytes]:
    named = tenuo_core.Warrant.from_bytes(warrant.chain[0]).required_approvers()
    return {bytes(key.to_bytes()) for key in named}


def barred_by(warrant: MintedWarrant) -> tuple[str, ...]:
    return terms_of([tenuo_core.Warrant.from_bytes(data) for data in warrant.chain]).barred_people


def second_key(of: ApproverKey) -> ApproverKey:
    key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return endorsed(ApproverKey.objects.create(person=of.person, public_key=key, name="Phone", proof=b"proof"))


def test_no_key_of_whoever_raised_the_alert_is_named(
    agent: AgentIdentity, ada_key: ApproverKey, grace_key: ApproverKey
) -> None:
    warrant = minting(agent, ada_key, second_key(ada_key), grace_key, barred_people=("local:ada",))
    assert approvers_of(warrant) == {bytes(grace_key.public_key)}
    assert barred_by(warrant) == ("local:ada",)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("Ada@Example.com", {"email": "ada@example.com"}),
        ("ada@example.com", {"email": "ADA@example.com"}),
        ("Ada Lovelace", {"display_name": "Ada Lovelace"}),
        ("ada@example.com", {"issuer": "https://id.example.com", "subject": "Ada@example.com"}),
    ],
)
def test_people_are_known_by_address_and_by_name(
    agent: AgentIdentity, ada_key: ApproverKey, grace_key: ApproverKey, name: str, changes: dict[str, str]
) -> None:
    for field, value in changes.items():
        setattr(ada_key.person, field, value)
    ada_key.person.save()
    warrant = minting(agent, ada_key, grace_key, barred_people=(name,))
    assert approvers_of(warrant) == {bytes(grace_key.public_key)}
    assert ada_key.person.external_id in barred_by(warrant)


def test_whom_nobody_knows_yet_stands_in_the_warrant_all_the_same(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    warrant = minting(agent, ada_key, barred_people=("Grace Hopper", "Grace@Example.com", "local:grace"))
    assert barred_by(warrant) == ("Grace Hopper", "grace@example.com", "local:grace")
    assert approvers_of(warrant) == {bytes(ada_key.public_key)}


def test_if_everybody_else_is_too_few_nothing_is_minted(
    agent: AgentIdentity, ada_key: ApproverKey, grace_key: ApproverKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TooFewPeople, match="belong to 0, without the 1 who raised the alert"):
        minting(agent, ada_key, second_key(ada_key), barred_people=("local:ada",))
    asking_for_two(monkeypatch)
    with pytest.raises(TooFewPeople, match="keys of 2 people, but the keys here belong to 1, without the 1 who"):
        minting(agent, ada_key, grace_key, barred_people=("local:grace",))
    assert not Warrant.objects.exists()


@pytest.mark.parametrize("name", ["local:ada", "Ada@Example.com"])
def test_for_whom_the_agent_works_is_signed_and_they_may_not_approve(
    agent: AgentIdentity, ada_key: ApproverKey, grace_key: ApproverKey, name: str
) -> None:
    ada_key.person.email = "ada@example.com"
    ada_key.person.save()
    warrant = minting(agent, ada_key, grace_key, acting_for=name)
    assert acting_of([tenuo_core.Warrant.from_bytes(warrant.chain[0])]) == Acting("incident-agent", "local:ada")
    assert approvers_of(warrant) == {bytes(grace_key.public_key)}
    assert "local:ada" in barred_by(warrant)


def test_a_warrant_for_nobody_says_so(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    assert acting_of([tenuo_core.Warrant.from_bytes(minting(agent, ada_key).chain[0])]) is None


@pytest.mark.parametrize(
    "name", ["local:nobody", "Grace", "shared@example.com", "local:disabled", "nobody@example.com"]
)
def test_an_agent_works_for_one_person_who_is_known_here_or_for_nobody(
    agent: AgentIdentity, ada_key: ApproverKey, grace_key: ApproverKey, name: str
) -> None:
    for key in (ada_key, grace_key):
        key.person.email = "shared@example.com"
        key.person.save()
    Person.objects.create_user(username="disabled", is_active=False)
    with pytest.raises(InvalidIncident, match="one person who is known here") as refused:
        minting(agent, ada_key, grace_key, acting_for=name)
    assert refused.value.field == "acting_for"
    assert not Warrant.objects.exists()


@pytest.mark.parametrize(
    "people",
    [
        ("",),
        ("a\0b",),
        ("\ud800",),
        ("x" * 321,),
        ("two\nlines",),
        tuple(f"local:{number}" for number in range(MAXIMUM_BARRED + 1)),
    ],
)
def test_people_who_cannot_be_written_down_are_refused(
    agent: AgentIdentity, ada_key: ApproverKey, people: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidIncident) as refused:
        minting(agent, ada_key, barred_people=people)
    assert refused.value.field == "barred_people"


def test_the_policys_terms_stand_in_the_warrant(
    agent: AgentIdentity, ada_key: ApproverKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (policies.FOLDER / "incident-response.yaml").read_text() + "\napproval_seconds: 120\n"
    policy = parse_policy(text)
    monkeypatch.setattr("warrants.minting.services.load", lambda name: policy)
    desk = Desk(minting(agent, ada_key))
    assert terms_of([desk.warrant]) == Terms(
        policy="incident-response",
        policy_version=policy.version,
        policy_digest=policy.digest,
        approval_seconds=120,
        one_denial_ends=True,
    )
    assert desk.outcome("read_logs", service=INCIDENT.service, minutes=5) == ALLOWED
    assert desk.outcome("restart_service", service=INCIDENT.service, environment="production") == STOPS


# --- For what -------------------------------------------------------------------------------


@pytest.mark.parametrize(("severity", "seconds"), [("critical", 3600), ("high", 3600), ("medium", 1800), ("low", 900)])
def test_a_warrant_lives_as_long_as_its_incident_is_severe(
    agent: AgentIdentity, ada_key: ApproverKey, severity: str, seconds: int
) -> None:
    before = int(timezone.now().timestamp())
    warrant = minting(agent, ada_key, severity=severity)
    row = Warrant.objects.get(pk=warrant.id)
    assert seconds <= warrant.expires_at - before <= seconds + 2
    assert (row.expires_at - row.issued_at).total_seconds() == seconds


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("severity", "catastrophic"),
        ("severity", ""),
        ("service", ""),
        ("service", "x" * 101),
        ("title", "half a pair \ud800"),
        ("title", "nul\0"),
        ("id", ""),
        ("namespace", ""),
    ],
)
def test_an_incident_that_cannot_be_stored_or_has_no_lifetime_is_refused(
    agent: AgentIdentity, ada_key: ApproverKey, field: str, value: str
) -> None:
    with pytest.raises(InvalidIncident) as refused:
        minting(agent, ada_key, **{field: value})
    assert refused.value.field == field


def test_a_services_name_is_never_a_pattern(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    desk = Desk(minting(agent, ada_key, service="*"))
    assert desk.outcome("read_logs", service="*", minutes=5) == ALLOWED
    assert desk.outcome("read_logs", service="payment-service-prod", minutes=5) != ALLOWED


def test_an_unknown_policy_mints_nothing(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    with pytest.raises(UnknownPolicy):
        mint(policy="no-such", incident=INCIDENT, agent=agent, approvers=[ada_key])


@pytest.mark.parametrize(
    ("gate", "replicas", "expected"),
    [
        ("always: true", 1, STOPS),
        ("when: {environment: {one_of: [dev]}}", 1, STOPS),
        ("when: {environment: {one_of: [staging]}}", 1, ALLOWED),
        ("when: {replicas: {range: {min: 5, max: 10}}}", 5, STOPS),
        ("when: {replicas: {range: {min: 5, max: 10}}}", 4, ALLOWED),
        ("unless: {environment: {one_of: [dev]}, replicas: {range: {min: 1, max: 3}}}", 3, ALLOWED),
        ("unless: {environment: {one_of: [dev]}, replicas: {range: {min: 1, max: 3}}}", 4, STOPS),
        ("unless: {environment: {one_of: [staging]}, replicas: {range: {min: 1, max: 3}}}", 3, STOPS),
    ],
)
def test_every_form_of_gate_stops_what_it_says(
    agent: AgentIdentity,
    ada_key: ApproverKey,
    monkeypatch: pytest.MonkeyPatch,
    gate: str,
    replicas: int,
    expected: str,
) -> None:
    text = f"""
name: scaling
version: 1
lifetimes: {{critical: 1 h}}
min_approvals: 1
tools:
  scale_service:
    arguments: {{environment: {{one_of: [production, staging, dev]}}, replicas: {{range: {{min: 1, max: 10}}}}}}
    gate: {{message: Ask., {gate}}}
"""
    monkeypatch.setattr("warrants.minting.services.load", lambda name: parse_policy(text))
    desk = Desk(minting(agent, ada_key))
    assert desk.outcome("scale_service", environment="dev", replicas=replicas) == expected


# --- What is recorded -----------------------------------------------------------------------


def test_minting_is_the_first_entry_of_the_incidents_chain(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    warrant = minting(agent, ada_key)
    entry = LedgerEntry.objects.select_related("chain").get(chain=warrant.id)
    details = details_of(entry)
    policy = policies.shipped("incident-response")
    assert (entry.sequence, entry.kind, entry.chain.label) == (1, "warrant.minted", "P1042")
    assert details["warrant_chain"] == warrant.chain
    assert details["policy"] == {"name": policy.name, "version": policy.version, "digest": policy.digest}
    assert details["incident"]["title"] == INCIDENT.title
    assert details["agent"] == {"name": "incident-agent", "holder": bytes(agent.public_key)}
    assert details["approvers"] == [{"key": bytes(ada_key.public_key), "person": "local:ada"}]
    assert details["endorsements"] == endorsements()


def test_a_minted_warrant_is_found_again(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    warrant = minting(agent, ada_key)
    assert minted(warrant.id) == warrant
    assert warrant.key_id == "incident-agent"
    assert tenuo_core.Warrant.from_bytes(warrant.chain[0]).id == warrant.id
    with pytest.raises(UnknownWarrant):
        minted("tnu_wrt_" + "0" * 32)


def test_the_root_endorses_the_services_keys_once(db: None) -> None:
    first = endorsements()
    assert endorsements() == first
    assert Endorsement.objects.count() == 2
    for data in first:
        envelope = parse(data)
        envelope.verify(Context.ENDORSEMENT)
        assert [envelope.signer_key] == trusted_roots()
        key = ServiceKey.objects.get(pk=envelope.facts["role"])
        assert envelope.facts["key"] == bytes(key.public_key)
        assert set(envelope.facts) == {"version", "role", "key", "issued_at"}


def test_pages_get_the_roots_as_hexadecimal_text(db: None) -> None:
    assert trust.trusted_roots() == []
    issuer = ensure_issuer()
    assert trust.trusted_roots() == [bytes(issuer.public_key).hex()]


def test_asking_again_makes_no_second_key(db: None) -> None:
    assert ensure_issuer().pk == ensure_issuer().pk
    assert ensure_agent(name="a").pk == ensure_agent(name="a").pk


# --- Secrets at rest ------------------------------------------------------------------------


def test_no_private_key_is_readable_in_the_database(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    minting(agent, ada_key)
    issuer = ensure_issuer()
    secrets = [
        custody.unwrap(bytes(issuer.wrapped_private_key), purpose="issuer-key:root"),
        holder_keys()["incident-agent"],
    ]
    stored = everything_stored()
    for secret in secrets:
        assert len(secret) == 32
        assert secret not in stored
        assert secret.hex().encode() not in stored


def test_an_agents_secret_cannot_be_passed_off_as_the_issuers(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    issuer = ensure_issuer()
    IssuerKey.objects.filter(pk=issuer.pk).update(wrapped_private_key=agent.wrapped_private_key)
    with pytest.raises(CustodyError):
        minting(agent, ada_key)
    assert not Warrant.objects.exists()


def test_another_encryption_key_opens_nothing(agent: AgentIdentity, settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEY = base64.b64encode(os.urandom(32)).decode()
    with pytest.raises(CustodyError):
        holder_keys()


def everything_stored() -> bytes:
    """Return every value of every table, one after the other."""
    parts: list[bytes] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            for value in (value for row in cursor.fetchall() for value in row if value is not None):
                parts.append(bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode())
    return b"\0".join(parts)
