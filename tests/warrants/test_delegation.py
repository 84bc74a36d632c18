"""A warrant that a person hands on with a key of their own: what is taken, and what is refused."""

from __future__ import annotations

import base64
import dataclasses
import re
from datetime import timedelta
from typing import Any

import cbor2
import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import ApproverKey, KeyEndorsement, Person, RoleGrant
from accounts.roles.contracts import Role
from audit.export.services import bundle_of
from audit.ledger.queries import details_of
from audit.models import LedgerEntry
from audit.receipts.handed_on import record_handed_on
from audit.statements.kinds import EntryKind
from audit.statements.lineage import lineage_of
from audit.statements.terms import terms_of
from audit.verify.verifier import verify
from tests.endorsing import ROOT, endorsed
from tests.people import person
from tests.warrants.conftest import INCIDENT, approver_key
from warrants.agents.queries import holder_keys
from warrants.agents.services import ensure_agent
from warrants.delegation import queries, services
from warrants.errors import (
    AgentStopped,
    AlreadySigned,
    AnotherWarrantSigned,
    InvalidDraft,
    NamespaceStopped,
    NotASigner,
    NothingToSign,
    NotTheSigner,
    SharedKey,
    TooFewPeople,
    WarrantError,
)
from warrants.issuers.contracts import State
from warrants.issuers.queries import trusted_roots
from warrants.minting.contracts import MintedWarrant
from warrants.minting.extending import CONTEXT, enveloped
from warrants.minting.queries import minted, minted_for, waiting_for
from warrants.minting.services import mint
from warrants.models import AgentIdentity, Delegation, IssuerKey, Warrant
from warrants.policies import release
from warrants.policies.rules import parse_policy
from warrants.revocation.contracts import Aim, Scope
from warrants.revocation.services import revoke, stop

pytestmark = pytest.mark.django_db

LEAS = Ed25519PrivateKey.from_private_bytes(b"\x11" * 32)


@pytest.fixture
def lea(db: None) -> ApproverKey:
    return approver_key("lea", LEAS.public_key().public_bytes_raw())


@pytest.fixture
def waiting(agent: AgentIdentity, ada_key: ApproverKey, lea: ApproverKey) -> MintedWarrant:
    return mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key, lea], signer=lea)


def draft_of(warrant: MintedWarrant) -> bytes:
    return bytes(Delegation.objects.get(pk=warrant.id).draft)


def signed(payload: bytes, key: Ed25519PrivateKey = LEAS) -> bytes:
    return enveloped(payload, key.sign(CONTEXT + payload))


def hand_on(warrant: MintedWarrant, lea: ApproverKey, data: bytes | None = None) -> MintedWarrant:
    return services.hand_on(warrant_id=warrant.id, person=lea.person, signed=data or signed(draft_of(warrant)))


def changed(payload: bytes, **changes: Any) -> bytes:
    """Return the payload with other fields; ``_4`` is field 4."""
    facts = {**cbor2.loads(payload), **{int(name[1:]): value for name, value in changes.items()}}
    return cbor2.dumps(dict(sorted(facts.items())))


def refused(warrant: MintedWarrant, lea: ApproverKey, error: type[WarrantError], data: bytes | None = None) -> None:
    """Whatever is refused leaves everything as it was."""
    before = LedgerEntry.objects.count()
    with pytest.raises(error):
        hand_on(warrant, lea, data)
    assert LedgerEntry.objects.count() == before
    assert minted(warrant.id).waits_for == lea.person.external_id


# --- What is taken ----------------------------------------------------------------------------


def test_before_it_is_signed_it_is_nobodys_to_act_under(waiting: MintedWarrant, lea: ApproverKey) -> None:
    root = tenuo_core.Warrant.from_bytes(waiting.chain[0])
    assert bytes(root.authorized_holder.to_bytes()) == bytes(lea.public_key)
    assert (waiting.waits_for, len(waiting.chain), root.max_depth) == ("local:lea", 1, 1)
    assert [one.pk for one in queries.waiting_for(lea.person)] == [waiting.id]
    assert minted_for(incident_id=INCIDENT.id, policy="incident-response") is None


def test_once_signed_the_agent_has_it_under_the_same_terms(
    waiting: MintedWarrant, lea: ApproverKey, agent: AgentIdentity
) -> None:
    done = hand_on(waiting, lea)
    assert minted(waiting.id) == done
    chain = [tenuo_core.Warrant.from_bytes(data) for data in done.chain]
    roots = [tenuo_core.PublicKey.from_bytes(root) for root in trusted_roots()]
    tenuo_core.Authorizer(trusted_roots=roots).verify_chain(chain)
    root, leaf = chain
    assert (done.id, done.key_id, done.waits_for) == (root.id, "incident-agent", "")
    assert bytes(leaf.authorized_holder.to_bytes()) == bytes(agent.public_key)
    assert bytes(leaf.issuer.to_bytes()) == bytes(lea.public_key)
    # What stops for people, and who they are, is inherited; the root's terms hold.
    assert leaf.extension("tenuo.approval_gates") == root.extension("tenuo.approval_gates") is not None
    assert leaf.approval_threshold() == root.approval_threshold()
    assert leaf.is_terminal()
    assert "local:lea" in terms_of(chain).barred_people
    assert not list(queries.waiting_for(lea.person))


def test_its_alert_finds_it_once_it_is_signed(waiting: MintedWarrant, lea: ApproverKey) -> None:
    assert waiting_for(INCIDENT, agent="incident-agent") is None
    done = hand_on(waiting, lea)
    assert waiting_for(INCIDENT, agent="incident-agent") == done


def test_the_signers_keys_are_left_out_of_the_approvers(waiting: MintedWarrant, lea: ApproverKey) -> None:
    approvers = {bytes(key.to_bytes()) for key in tenuo_core.Warrant.from_bytes(waiting.chain[0]).required_approvers()}
    assert bytes(lea.public_key) not in approvers
    assert len(approvers) == 1


def test_the_agent_is_given_less(waiting: MintedWarrant, lea: ApproverKey) -> None:
    services.narrow(warrant_id=waiting.id, person=lea.person, tools=["read_logs"], minutes=5)
    done = hand_on(waiting, lea)
    _, child = lineage_of(done.chain)
    assert child.tools == ("read_logs",)
    assert child.lost is not None
    assert "restart_service" in child.lost.tools
    assert child.lost.seconds > 0
    assert child.lost.ends_here
    assert done.expires_at == child.expires_at <= int(timezone.now().timestamp()) + 300


def test_the_ledger_tells_who_signed_and_both_files_verify(
    waiting: MintedWarrant, lea: ApproverKey, agent: AgentIdentity
) -> None:
    hand_on(waiting, lea)
    first, second = LedgerEntry.objects.filter(chain=waiting.id).order_by("sequence")
    assert details_of(first)["signer"] == {"key": bytes(lea.public_key), "person": "local:lea"}
    assert details_of(first)["agent"]["holder"] == bytes(agent.public_key)
    assert second.kind == EntryKind.WARRANT_ATTENUATED
    assert (details_of(second)["person"], details_of(second)["key"]) == ("local:lea", bytes(lea.public_key))
    report = verify(
        b"".join(bundle_of(waiting.id).lines()),
        roots=[root.hex() for root in trusted_roots()],
        people_roots=[ROOT.hex()],
    )
    assert report.verified, report.as_text()


# --- Who may order one ------------------------------------------------------------------------


def test_only_a_key_that_could_approve_signs(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    def refuse(key: ApproverKey) -> None:
        with pytest.raises(NotASigner):
            mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key], signer=key)

    someone = approver_key("someone")
    KeyEndorsement.objects.filter(key=someone).delete()
    refuse(someone)
    elsewhere = approver_key("elsewhere")
    RoleGrant.objects.filter(person=elsewhere.person).update(namespace="billing")
    refuse(elsewhere)
    gone = approver_key("gone")
    ApproverKey.objects.filter(pk=gone.pk).update(revoked_at=timezone.now())
    refuse(gone)
    assert not Warrant.objects.exists()


@pytest.mark.parametrize("line", ["approvers: [local:ada]", "approver_key_strength: strong", "endorsers: 2"])
def test_whoever_could_not_approve_under_the_policy_does_not_sign(
    agent: AgentIdentity, ada_key: ApproverKey, lea: ApproverKey, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    text = (release.FOLDER / "incident-response.yaml").read_text()
    monkeypatch.setattr("warrants.minting.services.load", lambda name: parse_policy(f"{text}\n{line}\n"))
    with pytest.raises(NotASigner):
        mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key], signer=lea)


def test_nobody_signs_with_a_key_that_the_server_holds(agent: AgentIdentity, ada_key: ApproverKey) -> None:
    own = approver_key("mallory", bytes(agent.public_key))
    with pytest.raises(SharedKey):
        mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key], signer=own)


def test_whoever_signs_does_not_approve_with_any_other_key(agent: AgentIdentity, lea: ApproverKey) -> None:
    second = endorsed(ApproverKey.objects.create(person=lea.person, public_key=b"\x44" * 32, name="Phone", proof=b"p"))
    with pytest.raises(TooFewPeople):
        mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[second], signer=lea)


# --- What is refused --------------------------------------------------------------------------


def test_nobody_else_signs_it(waiting: MintedWarrant, lea: ApproverKey, ada_key: ApproverKey) -> None:
    with pytest.raises(NotTheSigner):
        services.hand_on(warrant_id=waiting.id, person=ada_key.person, signed=signed(draft_of(waiting)))
    assert minted(waiting.id).waits_for == "local:lea"


def test_another_key_does_not_sign_it(waiting: MintedWarrant, lea: ApproverKey) -> None:
    other = Ed25519PrivateKey.generate()
    refused(waiting, lea, AnotherWarrantSigned, signed(draft_of(waiting), other))
    named = changed(draft_of(waiting), _5=[1, other.public_key().public_bytes_raw()])
    refused(waiting, lea, AnotherWarrantSigned, signed(named, other))


@pytest.mark.parametrize(
    "change",
    [
        {"_4": [1, b"\x55" * 32]},
        {"_7": 4_000_000_000},
        {"_8": 9},
        {"_9": [7] * 32},
        {"_16": 0},
        {"_15": [[1, b"\x55" * 32]]},
        {"_18": 0},
        {"_1": b"\x01" * 16},
    ],
)
def test_a_payload_that_was_altered_is_refused(
    waiting: MintedWarrant, lea: ApproverKey, change: dict[str, Any]
) -> None:
    refused(waiting, lea, AnotherWarrantSigned, signed(changed(draft_of(waiting), **change)))


def test_a_draft_that_was_changed_in_another_tab_is_refused(waiting: MintedWarrant, lea: ApproverKey) -> None:
    earlier = signed(draft_of(waiting))
    services.narrow(warrant_id=waiting.id, person=lea.person, tools=["read_logs"], minutes=None)
    refused(waiting, lea, AnotherWarrantSigned, earlier)


def test_the_draft_of_another_warrant_is_refused(
    waiting: MintedWarrant, lea: ApproverKey, ada_key: ApproverKey, agent: AgentIdentity
) -> None:
    incident = dataclasses.replace(INCIDENT, id="P2")
    other = mint(policy="incident-response", incident=incident, agent=agent, approvers=[ada_key], signer=lea)
    refused(waiting, lea, AnotherWarrantSigned, signed(draft_of(other)))


@pytest.mark.parametrize("data", [b"nothing", b"\x83\x01\x40", b"\xff" * 100])
def test_what_is_no_warrant_is_refused(waiting: MintedWarrant, lea: ApproverKey, data: bytes) -> None:
    refused(waiting, lea, AnotherWarrantSigned, data)
    refused(waiting, lea, AnotherWarrantSigned, signed(draft_of(waiting)) + b"\x00")


def test_it_is_signed_once(waiting: MintedWarrant, lea: ApproverKey) -> None:
    data = signed(draft_of(waiting))
    hand_on(waiting, lea, data)
    for again in (data, signed(changed(draft_of(waiting), _1=b"\x01" * 16))):
        with pytest.raises(AlreadySigned):
            hand_on(waiting, lea, again)
    with pytest.raises(AlreadySigned):
        services.narrow(warrant_id=waiting.id, person=lea.person, tools=["read_logs"], minutes=None)
    assert LedgerEntry.objects.filter(kind=EntryKind.WARRANT_ATTENUATED).count() == 1


def test_what_ended_or_was_taken_back_is_not_signed(
    waiting: MintedWarrant, lea: ApproverKey, ada_key: ApproverKey, agent: AgentIdentity
) -> None:
    now = timezone.now()
    Warrant.objects.filter(pk=waiting.id).update(issued_at=now - timedelta(hours=2), expires_at=now)
    refused(waiting, lea, NothingToSign)
    incident = dataclasses.replace(INCIDENT, id="P2")
    other = mint(policy="incident-response", incident=incident, agent=agent, approvers=[ada_key], signer=lea)
    revoke(warrant_id=other.id, reason="not needed", revoked_by="local:olga")
    refused(other, lea, NothingToSign)


def test_what_an_issuer_minted_that_nobody_believes_any_more_is_not_signed(
    waiting: MintedWarrant, lea: ApproverKey
) -> None:
    other = IssuerKey.objects.create(name="old", public_key=b"\x77" * 32, wrapped_private_key=b"x", state=State.RETIRED)
    Warrant.objects.filter(pk=waiting.id).update(issuer=other)
    refused(waiting, lea, NothingToSign)


def test_a_draft_whose_time_is_over_is_drafted_anew(waiting: MintedWarrant, lea: ApproverKey) -> None:
    past = changed(draft_of(waiting), _7=int(timezone.now().timestamp()) - 1)
    Delegation.objects.filter(pk=waiting.id).update(draft=past)
    refused(waiting, lea, InvalidDraft)
    services.narrow(warrant_id=waiting.id, person=lea.person, tools=["read_logs"], minutes=5)
    assert hand_on(waiting, lea).waits_for == ""


def test_nothing_is_signed_for_an_agent_that_was_stopped(waiting: MintedWarrant, lea: ApproverKey) -> None:
    other = ensure_agent(name="another-agent")
    stop(aim=Aim(Scope.AGENT, other.name), reason="x", stopped_by="local:olga")
    Warrant.objects.filter(pk=waiting.id).update(agent=other)
    refused(waiting, lea, AgentStopped)


def test_nothing_is_signed_for_a_namespace_that_was_stopped(waiting: MintedWarrant, lea: ApproverKey) -> None:
    stop(aim=Aim(Scope.NAMESPACE, "billing"), reason="x", stopped_by="local:olga")
    Warrant.objects.filter(pk=waiting.id).update(namespace="billing")
    RoleGrant.objects.filter(person=lea.person).update(namespace="billing")
    refused(waiting, lea, NamespaceStopped)


def test_a_key_that_was_lost_meanwhile_signs_no_more(waiting: MintedWarrant, lea: ApproverKey) -> None:
    KeyEndorsement.objects.filter(key=lea).delete()
    refused(waiting, lea, NotASigner)
    endorsed(lea)
    ApproverKey.objects.filter(pk=lea.pk).update(revoked_at=timezone.now())
    refused(waiting, lea, NotASigner)
    ApproverKey.objects.filter(pk=lea.pk).update(revoked_at=None)
    RoleGrant.objects.filter(person=lea.person).delete()
    refused(waiting, lea, NotASigner)


@pytest.mark.parametrize(
    ("tools", "minutes", "field"),
    [
        ([], None, "tools"),
        (["format_disk"], None, "tools"),
        (["read_logs"], 0, "minutes"),
        (["read_logs"], 1441, "minutes"),
    ],
)
def test_a_draft_that_cannot_be_is_refused(
    waiting: MintedWarrant, lea: ApproverKey, tools: list[str], minutes: int | None, field: str
) -> None:
    before = draft_of(waiting)
    with pytest.raises(InvalidDraft) as error:
        services.narrow(warrant_id=waiting.id, person=lea.person, tools=tools, minutes=minutes)
    assert error.value.field == field
    assert draft_of(waiting) == before


def test_a_draft_never_outlives_its_parent(waiting: MintedWarrant, lea: ApproverKey) -> None:
    services.narrow(warrant_id=waiting.id, person=lea.person, tools=["read_logs"], minutes=1440)
    assert hand_on(waiting, lea).expires_at == waiting.expires_at


# --- The pages --------------------------------------------------------------------------------


def test_what_waits_is_listed_by_name_and_may_be_revoked(waiting: MintedWarrant, lea: ApproverKey) -> None:
    said = page_of(person("olga", Role.SECURITY_ADMINISTRATOR), "/warrants/")
    assert "Waits for local:lea’s signature" in said
    assert waiting.id in said
    revoke(warrant_id=waiting.id, reason="not needed", revoked_by="local:olga")
    assert not list(queries.waiting_for(lea.person))


def test_the_lineage_says_who_signed_for_whom_and_what_was_lost(waiting: MintedWarrant, lea: ApproverKey) -> None:
    services.narrow(warrant_id=waiting.id, person=lea.person, tools=["read_logs"], minutes=5)
    hand_on(waiting, lea)
    said = page_of(person("olga", Role.SECURITY_ADMINISTRATOR), "/warrants/")
    assert "Where it comes from: 2 warrants" in said
    assert "the issuer root signed it for <strong>local:lea</strong>" in said
    assert "local:lea signed it for <strong>the agent incident-agent</strong>, who can hand it on to nobody" in said
    assert re.search(r"without [a-z_, ]*restart_service", said)


def test_an_agents_own_child_is_told_and_its_words_are_for_those_who_may_see_them(
    agent: AgentIdentity, ada_key: ApproverKey
) -> None:
    root = mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key])
    parent = tenuo_core.Warrant.from_bytes(root.chain[0])
    builder = parent.attenuate_builder()
    builder.with_capability(
        "read_logs", {"service": tenuo_core.Exact("payment-service-prod"), "minutes": tenuo_core.Range(1, 5)}
    )
    builder.with_holder(tenuo_core.SigningKey.generate().public_key)
    child = builder.delegate(tenuo_core.SigningKey.from_bytes(holder_keys()["incident-agent"]))
    with transaction.atomic():
        record_handed_on(root.id, [root.chain[0], bytes(child.to_bytes())])
    said = page_of(person("olga", Role.SECURITY_ADMINISTRATOR), "/warrants/")
    assert "the agent incident-agent signed it for <strong>key " in said
    assert "is exactly &quot;payment-service-prod&quot;" in said
    hidden = page_of(person("paul", Role.POLICY_AUTHOR), "/warrants/")
    assert "exactly &quot;payment" not in hidden
    assert "read_logs: an argument may be less" in hidden


def test_the_page_takes_what_its_browser_signed(waiting: MintedWarrant, lea: ApproverKey) -> None:
    browser = Client()
    browser.force_login(lea.person)
    address = f"/warrants/{waiting.id}/signature/"
    assert "sign-warrant" in browser.get(address).content.decode()
    answer = browser.post(address, {"warrant": "no base64!"})
    assert (answer.status_code, answer.json()["code"]) == (422, "another_warrant_signed")
    sent = base64.b64encode(signed(draft_of(waiting))).decode()
    assert browser.post(address, {"warrant": sent}).status_code == 201
    again = browser.post(address, {"warrant": sent})
    assert (again.status_code, again.json()["code"]) == (409, "warrant_already_signed")
    texts = re.findall(r"<code>([A-Za-z0-9+/=]{100,})</code>", browser.get(address).content.decode())
    assert [base64.b64decode(text) for text in texts] == minted(waiting.id).chain


def test_the_page_is_nobody_elses(waiting: MintedWarrant, ada_key: ApproverKey) -> None:
    browser = Client()
    browser.force_login(ada_key.person)
    address = f"/warrants/{waiting.id}/signature/"
    assert browser.get(address).status_code == 404
    assert browser.post(address, {"warrant": ""}).status_code == 404
    assert browser.post(f"/warrants/{waiting.id}/draft/", {"tools": "read_logs"}).status_code == 404


def test_the_agent_is_given_less_on_the_page(waiting: MintedWarrant, lea: ApproverKey) -> None:
    browser = Client()
    browser.force_login(lea.person)
    address = f"/warrants/{waiting.id}/draft/"
    for form in ({"tools": "read_logs", "minutes": "five"}, {"minutes": "5"}):
        assert browser.post(address, form).status_code == 422
    assert browser.post(address, {"tools": ["read_logs"], "minutes": ""}).status_code == 302
    assert list(cbor2.loads(draft_of(waiting))[3]) == ["read_logs"]


ORDER = {
    "policy": "incident-response", "incident_id": "P1042", "title": "High error rate", "severity": "critical",
    "service": "payment-service-prod", "namespace": "default", "agent": "incident-agent", "signed_by": "own_key",
    "idempotency_key": "of-this-page",
}  # fmt: skip


def test_an_approver_orders_one_for_themselves_and_no_other(
    agent: AgentIdentity, ada_key: ApproverKey, lea: ApproverKey
) -> None:
    browser = Client()
    browser.force_login(lea.person)
    own = {**ORDER, "signer_key": bytes(lea.public_key).hex()}
    for form, status in (
        ({**own, "signed_by": "installation"}, 422),
        ({**own, "signer_key": ""}, 422),
        ({**own, "signer_key": bytes(ada_key.public_key).hex()}, 403),
        ({**own, "signer_key": "ab" * 32}, 403),
    ):
        assert browser.post("/warrants/mint/", form).status_code == status
    assert not Warrant.objects.exists()
    for _ in range(2):  # sent twice, ordered once
        answer = browser.post("/warrants/mint/", own)
        assert answer.headers["Location"] == f"/warrants/{Warrant.objects.get().pk}/signature/"
    other = endorsed(ApproverKey.objects.create(person=lea.person, public_key=b"\x44" * 32, name="Phone", proof=b"p"))
    conflict = browser.post("/warrants/mint/", {**own, "signer_key": bytes(other.public_key).hex()})
    assert conflict.status_code == 409
    assert "Waits for your signature" in browser.get("/warrants/mint/").content.decode()


def page_of(reader: Person, address: str) -> str:
    browser = Client()
    browser.force_login(reader)
    return re.sub(r"\s+", " ", browser.get(address).content.decode())
