"""People decide: what counts, and every attack that must not."""

from __future__ import annotations

import dataclasses
import time
from datetime import timedelta
from typing import Any

import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from accounts.keys.services import revoke
from accounts.models import ApproverKey, Person
from accounts.roles.contracts import Role
from approvals import errors
from approvals.contracts import RequestState
from approvals.decisions import services
from approvals.decisions.queries import last_decided_at
from approvals.models import ApprovalRequest, Decision, Delivery
from approvals.signing.approval import assemble, parse, signed_message
from audit.models import LedgerEntry
from audit.statements import cbor, statements
from audit.statements.key_endorsements import verify_chain
from audit.statements.kinds import EntryKind
from audit.statements.statements import Context, Envelope, sign
from tests.approvals import factories
from tests.approvals.factories import Approver
from tests.endorsing import APPROVER, ROOT

pytestmark = pytest.mark.django_db


def _state(approval_request: ApprovalRequest) -> str:
    return ApprovalRequest.objects.get(pk=approval_request.pk).state


def _approve(who: Approver, approval_request: ApprovalRequest, **changes: Any) -> Decision:
    signed = who.sign_approval(approval_request, **changes)
    return services.record(person=who.person, request_id=approval_request.pk, approval=signed)


def _deny(who: Approver, approval_request: ApprovalRequest, **changes: Any) -> Decision:
    signed = who.sign_denial(approval_request, **changes)
    return services.record(person=who.person, request_id=approval_request.pk, denial=signed)


def _assert_nothing_happened(approval_request: ApprovalRequest) -> None:
    assert _state(approval_request) == RequestState.OPEN
    assert not Decision.objects.exists()
    assert not Delivery.objects.exists()
    assert not LedgerEntry.objects.filter(kind__in=[EntryKind.APPROVAL_GRANTED, EntryKind.APPROVAL_DENIED]).exists()


# --- What counts ----------------------------------------------------------------------------


def test_an_approval_ends_the_waiting_and_goes_to_the_outbox(ada: Approver, waiting: ApprovalRequest) -> None:
    signed = ada.sign_approval(waiting, reason="Pool is exhausted.")
    decision = services.record(person=ada.person, request_id=waiting.pk, approval=signed)
    assert _state(waiting) == RequestState.APPROVED
    assert Delivery.objects.get().approval_request_id == waiting.pk
    assert (decision.external_id, decision.reason) == ("local:ada", "Pool is exhausted.")
    assert last_decided_at(ada.public_key) == decision.decided_at
    entry = LedgerEntry.objects.get(kind=EntryKind.APPROVAL_GRANTED)
    details = statements.parse(bytes(entry.envelope)).facts["details"]
    assert verify_chain(details.pop("key_endorsements"), ada.public_key, APPROVER, [ROOT]).person == "local:ada"
    assert details == {"request_id": waiting.pk, "approval": signed, "person": "local:ada", "key": ada.public_key}


def test_tenuo_accepts_what_was_recorded(ada: Approver, waiting: ApprovalRequest) -> None:
    decision = _approve(ada, waiting)
    approval = tenuo_core.SignedApproval.from_bytes(bytes(decision.signed))
    verified = tenuo_core.verify_approvals(
        bytes(waiting.request_hash), [approval], [tenuo_core.PublicKey.from_bytes(ada.public_key)]
    )
    assert len(verified) == 1


def test_a_denial_ends_the_request_with_its_reason(ada: Approver, waiting: ApprovalRequest) -> None:
    decision = _deny(ada, waiting, reason="Not during the sale.")
    assert (_state(waiting), decision.reason) == (RequestState.DENIED, "Not during the sale.")
    assert Delivery.objects.count() == 1
    assert LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_DENIED).count() == 1


def test_the_same_bytes_again_are_the_same_decision(ada: Approver, waiting: ApprovalRequest) -> None:
    signed = ada.sign_approval(waiting)
    first = services.record(person=ada.person, request_id=waiting.pk, approval=signed)
    second = services.record(person=ada.person, request_id=waiting.pk, approval=signed)
    assert first.pk == second.pk
    assert second.approval_request.state == RequestState.APPROVED
    assert LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_GRANTED).count() == 1
    assert Delivery.objects.count() == 1


def test_two_people_are_needed_where_the_warrant_says_two(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    _approve(ada, asked)
    assert _state(asked) == RequestState.OPEN
    assert not Delivery.objects.exists()
    _approve(grace, asked)
    assert _state(asked) == RequestState.APPROVED
    assert Delivery.objects.count() == 1


def test_a_denial_that_makes_enough_approvals_impossible_ends_what_another_person_approved(
    ada: Approver, grace: Approver
) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    _approve(ada, asked)
    _deny(grace, asked)
    assert _state(asked) == RequestState.DENIED


def test_an_approval_that_ran_out_before_the_second_may_be_signed_again(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    _approve(ada, asked)
    Decision.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    _approve(grace, asked)
    assert _state(asked) == RequestState.OPEN
    _approve(ada, asked)
    assert _state(asked) == RequestState.APPROVED
    assert Decision.objects.filter(lapsed=True).count() == 1


def test_an_approval_by_a_key_that_was_revoked_since_does_not_count(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    _approve(ada, asked)
    revoke(person=ada.person, key_id=ApproverKey.objects.get(person=ada.person).pk, reason="lost")
    _approve(grace, asked)
    assert _state(asked) == RequestState.OPEN


# --- Who may not ----------------------------------------------------------------------------


def test_one_person_with_two_keys_is_one_person(ada: Approver) -> None:
    phone = Approver(ada.person, factories.enrol_key(ada.person, name="Phone"))
    asked = factories.open_request(ada, phone, min_approvals=2)
    _approve(ada, asked)
    with pytest.raises(errors.AlreadyDecided, match="You approved this request at"):
        _approve(phone, asked)
    assert _state(asked) == RequestState.OPEN


def test_a_viewer_cannot_decide(ada: Approver) -> None:
    viewer = factories.person("vera", role=Role.VIEWER)
    key = Ed25519PrivateKey.generate()
    asked = factories.open_request(ada, Approver(viewer, key))
    with pytest.raises(errors.NotAnApprover):
        _approve(Approver(viewer, key), asked)
    _assert_nothing_happened(asked)


def test_a_deactivated_approver_cannot_decide(ada: Approver, waiting: ApprovalRequest) -> None:
    signed = ada.sign_approval(waiting)
    Person.objects.update(is_active=False)
    ada.person.refresh_from_db()
    with pytest.raises(errors.UnknownRequest):
        services.record(person=ada.person, request_id=waiting.pk, approval=signed)
    _assert_nothing_happened(waiting)


def test_a_revoked_key_cannot_sign(ada: Approver, waiting: ApprovalRequest) -> None:
    revoke(person=ada.person, key_id=ApproverKey.objects.get().pk, reason="lost")
    with pytest.raises(errors.UnusableKey):
        _approve(ada, waiting)
    _assert_nothing_happened(waiting)


def test_somebody_elses_signature_cannot_be_handed_in(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace)
    with pytest.raises(errors.UnusableKey):
        services.record(person=grace.person, request_id=asked.pk, approval=ada.sign_approval(asked))
    _assert_nothing_happened(asked)


def test_a_key_that_the_warrant_does_not_name_cannot_approve(grace: Approver, waiting: ApprovalRequest) -> None:
    for decide in (_approve, _deny):
        with pytest.raises(errors.UnusableKey):
            decide(grace, waiting)
    _assert_nothing_happened(waiting)


def test_the_agents_key_cannot_approve_even_when_a_person_enrolled_it(ada: Approver) -> None:
    agent = factories.approver("mallory")
    holder = tenuo_core.SigningKey.from_bytes(agent.private_key.private_bytes_raw())
    minted = factories.mint(ada, agent, min_approvals=1, holder=holder)
    asked = factories.services.open(gate_request=factories.gate_request(minted))
    with pytest.raises(errors.UnusableKey, match="agent or an issuer"):
        _approve(agent, asked)
    _assert_nothing_happened(asked)


def test_the_issuers_key_cannot_approve_even_when_a_person_enrolled_it(ada: Approver) -> None:
    owner = factories.approver("mallory")
    issuer = tenuo_core.SigningKey.from_bytes(owner.private_key.private_bytes_raw())
    minted = factories.mint(ada, owner, min_approvals=1, issuer=issuer)
    asked = factories.services.open(gate_request=factories.gate_request(minted))
    with pytest.raises(errors.UnusableKey, match="agent or an issuer"):
        _approve(owner, asked)
    _assert_nothing_happened(asked)


# --- Forgeries ------------------------------------------------------------------------------


def test_a_forged_signature_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    signed = parse(ada.sign_approval(waiting))
    forged = assemble(signed.payload, signed.approver_key, Ed25519PrivateKey.generate().sign(b"anything"))
    with pytest.raises(errors.BadSignature):
        services.record(person=ada.person, request_id=waiting.pk, approval=forged)
    _assert_nothing_happened(waiting)


def test_a_server_that_signs_with_its_own_key_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    own_key = Ed25519PrivateKey.generate()
    signed = factories.sign_approval(own_key, waiting, ada.person.external_id)
    with pytest.raises(errors.UnusableKey):
        services.record(person=ada.person, request_id=waiting.pk, approval=signed)
    claimed = parse(signed)
    swapped = assemble(claimed.payload, ada.public_key, claimed.signature)
    with pytest.raises(errors.BadSignature):
        services.record(person=ada.person, request_id=waiting.pk, approval=swapped)
    _assert_nothing_happened(waiting)


def test_any_changed_byte_of_an_approval_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    signed = ada.sign_approval(waiting)
    for index in range(0, len(signed), 7):
        changed = bytearray(signed)
        changed[index] ^= 1
        with pytest.raises(errors.ApprovalError):
            services.record(person=ada.person, request_id=waiting.pk, approval=bytes(changed))
    _assert_nothing_happened(waiting)


def test_any_changed_byte_of_a_denial_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    signed = ada.sign_denial(waiting)
    for index in range(0, len(signed), 7):
        changed = bytearray(signed)
        changed[index] ^= 1
        with pytest.raises(errors.ApprovalError):
            services.record(person=ada.person, request_id=waiting.pk, denial=bytes(changed))
    _assert_nothing_happened(waiting)


def test_bytes_that_are_not_canonical_are_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    signed = ada.sign_approval(waiting)
    for data in (b"", b"\x00", signed + b"\x00", signed[:-1], b"\xbf" + signed[1:] + b"\xff", b"\x9f" * 5000):
        with pytest.raises(errors.MalformedInput):
            services.record(person=ada.person, request_id=waiting.pk, approval=data)
        with pytest.raises(errors.MalformedInput):
            services.record(person=ada.person, request_id=waiting.pk, denial=data)
    _assert_nothing_happened(waiting)


def test_a_denial_is_never_an_approval(ada: Approver, waiting: ApprovalRequest) -> None:
    with pytest.raises(errors.MalformedInput):
        services.record(person=ada.person, request_id=waiting.pk, approval=ada.sign_denial(waiting))
    with pytest.raises(errors.MalformedInput):
        services.record(person=ada.person, request_id=waiting.pk, denial=ada.sign_approval(waiting))
    _assert_nothing_happened(waiting)


def test_a_denials_signature_in_an_approvals_clothes_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    denial = statements.parse(ada.sign_denial(waiting))
    approval = parse(ada.sign_approval(waiting))
    dressed = assemble(approval.payload, ada.public_key, denial.signature)
    with pytest.raises(errors.BadSignature):
        services.record(person=ada.person, request_id=waiting.pk, approval=dressed)
    _assert_nothing_happened(waiting)


def test_an_approval_that_says_deny_inside_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    signed = parse(ada.sign_approval(waiting))
    extension = list(cbor.encode({"decision": "approve"}))[-7:]
    payload = bytes(signed.payload)
    start = payload.index(b"".join(_small_int(item) for item in extension))
    changed = payload[:start] + b"".join(_small_int(item) for item in b"decline") + payload[start + 14 :]
    dressed = assemble(changed, ada.public_key, ada.private_key.sign(signed_message(changed)))
    with pytest.raises(errors.MalformedInput) as refused:
        services.record(person=ada.person, request_id=waiting.pk, approval=dressed)
    assert refused.value.field == "decision"
    _assert_nothing_happened(waiting)


def _small_int(item: int) -> bytes:
    return bytes([item]) if item < 24 else bytes([0x18, item])


def test_an_approval_without_our_binding_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    payload = tenuo_core.ApprovalPayload(
        bytes(waiting.request_hash), bytes(16), "local:ada", int(time.time()), int(time.time()) + 60
    )
    signed = tenuo_core.SignedApproval.create(
        payload, tenuo_core.SigningKey.from_bytes(ada.private_key.private_bytes_raw())
    )
    with pytest.raises(errors.MalformedInput):
        services.record(person=ada.person, request_id=waiting.pk, approval=bytes(signed.to_bytes()))
    _assert_nothing_happened(waiting)


def test_a_denial_signed_in_another_context_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    facts = dict(statements.parse(ada.sign_denial(waiting)).facts)
    signed = sign(Context.ENROLMENT, facts, ada.private_key).to_bytes()
    with pytest.raises(errors.BadSignature):
        services.record(person=ada.person, request_id=waiting.pk, denial=signed)
    _assert_nothing_happened(waiting)


def test_a_denial_needs_a_reason(ada: Approver, waiting: ApprovalRequest) -> None:
    for reason in ("", "   ", "\n"):
        with pytest.raises(errors.MalformedInput) as refused:
            _deny(ada, waiting, reason=reason)
        assert refused.value.field == "reason"
    _assert_nothing_happened(waiting)


def test_a_denial_whose_envelope_names_another_key_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    stranger = Ed25519PrivateKey.generate()
    signed = statements.parse(factories.sign_denial(stranger, waiting, ada.person.external_id))
    swapped = Envelope(signed.statement, ada.public_key, signed.signature, signed.facts).to_bytes()
    with pytest.raises(errors.BadSignature):
        services.record(person=ada.person, request_id=waiting.pk, denial=swapped)
    _assert_nothing_happened(waiting)


# --- Somewhere else, some other time --------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"request_id": "req_of_somebody_else"},
        {"namespace": "other"},
        {"workflow_id": "other"},
        {"run_id": "other"},
        {"display_digest": bytes(32)},
        {"policy_version": "incident-response@2"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_decision_for_another_place_or_over_something_else_is_refused(
    ada: Approver, waiting: ApprovalRequest, changes: dict[str, Any]
) -> None:
    for decide in (_approve, _deny):
        with pytest.raises(errors.WrongBinding) as refused:
            decide(ada, waiting, **changes)
        assert refused.value.field == next(iter(changes))
    _assert_nothing_happened(waiting)


def test_a_decision_about_another_call_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    for decide in (_approve, _deny):
        with pytest.raises(errors.HashMismatch):
            decide(ada, waiting, request_hash=bytes(32))
    _assert_nothing_happened(waiting)


def test_a_decision_in_another_persons_name_is_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    for decide in (_approve, _deny):
        with pytest.raises(errors.WrongBinding) as refused:
            decide(ada, waiting, external_id="local:grace")
        assert refused.value.field == "external_id"
    _assert_nothing_happened(waiting)


def test_an_approval_cannot_be_replayed_on_an_identical_call(ada: Approver) -> None:
    minted = factories.mint(ada)
    first, second = (
        factories.services.open(gate_request=factories.gate_request(minted, workflow_id=workflow_id))
        for workflow_id in ("incident-1", "incident-2")
    )
    signed = ada.sign_approval(first)
    services.record(person=ada.person, request_id=first.pk, approval=signed)
    with pytest.raises(errors.ApprovalError):
        services.record(person=ada.person, request_id=second.pk, approval=signed)
    assert _state(second) == RequestState.OPEN


def test_a_nonce_is_used_once(ada: Approver) -> None:
    first, second = factories.open_request(ada), factories.open_request(ada)
    _approve(ada, first, nonce=b"n" * 16)
    with pytest.raises(errors.Replayed):
        _approve(ada, second, nonce=b"n" * 16)
    with pytest.raises(errors.Replayed):
        _deny(ada, second, nonce=b"n" * 16)
    assert _state(second) == RequestState.OPEN


@pytest.mark.parametrize("seconds", [10 * 365 * 86400, 901, 2**52])
def test_an_approval_that_lives_too_long_is_refused(ada: Approver, waiting: ApprovalRequest, seconds: int) -> None:
    with pytest.raises(errors.BadLifetime) as refused:
        _approve(ada, waiting, expires_at=int(time.time()) + seconds)
    assert refused.value.field == "expires_at"
    _assert_nothing_happened(waiting)


def test_an_approval_that_outlives_its_request_is_refused(ada: Approver) -> None:
    asked = factories.open_request(ada, expires_at=int(time.time()) + 60)
    with pytest.raises(errors.BadLifetime):
        _approve(ada, asked, expires_at=int(asked.expires_at.timestamp()) + 1)
    _assert_nothing_happened(asked)


@pytest.mark.parametrize("seconds", [-3600, -31, 35, 2**52])
def test_a_signature_from_another_time_is_refused(ada: Approver, waiting: ApprovalRequest, seconds: int) -> None:
    now = int(time.time())
    with pytest.raises(errors.BadLifetime):
        _approve(ada, waiting, approved_at=max(now + seconds, 0), expires_at=now + 60)
    with pytest.raises(errors.BadLifetime):
        _deny(ada, waiting, denied_at=max(now + seconds, 0))
    _assert_nothing_happened(waiting)


def test_numbers_beyond_64_bits_are_refused(ada: Approver, waiting: ApprovalRequest) -> None:
    for number in (2**63, 2**64 - 1, 2**80):
        with pytest.raises(errors.ApprovalError):
            _approve(ada, waiting, expires_at=number)
    _assert_nothing_happened(waiting)


def test_nobody_decides_after_the_time_is_over(ada: Approver, waiting: ApprovalRequest) -> None:
    past = timezone.now() - timedelta(hours=1)
    ApprovalRequest.objects.update(opened_at=past, expires_at=past + timedelta(minutes=1))
    for decide in (_approve, _deny):
        with pytest.raises(errors.RequestExpired):
            decide(ada, waiting)
    _assert_nothing_happened(waiting)


def test_a_request_that_nobody_knows_is_unknown(ada: Approver, waiting: ApprovalRequest) -> None:
    with pytest.raises(errors.UnknownRequest):
        services.record(person=ada.person, request_id="req_unknown", approval=ada.sign_approval(waiting))


# --- After somebody else --------------------------------------------------------------------


def test_the_second_is_told_who_decided_and_when(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace)
    _approve(ada, asked)
    for decide in (_approve, _deny):
        with pytest.raises(errors.AlreadyDecided, match=r"Ada approved this request at \d\d:\d\d:\d\d UTC"):
            decide(grace, asked)
    assert Decision.objects.count() == 1


def test_what_was_denied_cannot_be_approved(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    _deny(ada, asked)
    with pytest.raises(errors.AlreadyDecided, match="Ada denied"):
        _approve(grace, asked)
    with pytest.raises(errors.AlreadyDecided, match="You denied"):
        _approve(ada, asked)
    assert _state(asked) == RequestState.DENIED


def test_both_or_neither_is_no_decision(ada: Approver, waiting: ApprovalRequest) -> None:
    approval, denial = ada.sign_approval(waiting), ada.sign_denial(waiting)
    for changes in ({}, {"approval": approval, "denial": denial}):
        with pytest.raises(errors.MalformedInput):
            services.record(person=ada.person, request_id=waiting.pk, **changes)
    _assert_nothing_happened(waiting)


def test_a_decision_costs_few_queries(
    ada: Approver, waiting: ApprovalRequest, django_assert_max_num_queries: Any
) -> None:
    signed = ada.sign_approval(waiting)
    with django_assert_max_num_queries(18):
        services.record(person=ada.person, request_id=waiting.pk, approval=signed)


def test_a_decision_survives_its_persons_account(ada: Approver, waiting: ApprovalRequest) -> None:
    decision = _approve(ada, waiting)
    Decision.objects.filter(pk=decision.pk).update(person=None)
    decision.refresh_from_db()
    assert (decision.display_name, decision.external_id) == ("Ada", "local:ada")
    assert dataclasses.is_dataclass(parse(bytes(decision.signed)))
