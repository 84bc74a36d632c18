"""Promise 5: every outcome is a signed record with its reason.

Approved and denied by a person; expired, withdrawn and cancelled by the service, in nobody's name. The attacker
may signal workflows and has the server's keys; they want to turn one outcome into another.

Tried elsewhere: reports of outcomes that nobody signed, and approvals after denials, in
``tests/approvals/test_closing.py`` and ``test_deciding.py``; approvals that say "deny" inside in
``tests/gates/test_attacks.py``; forged outcomes in evidence in ``tests/audit/test_verify_attacks.py``.
"""

from __future__ import annotations

from typing import Any

import pytest
import tenuo_core
from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from approvals import errors
from approvals.contracts import OutcomeStatus, RequestState
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, Decision
from approvals.signing import approval, denial
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.kinds import EntryKind
from audit.statements.statements import Context, Envelope, sign
from tests.approvals.factories import Approver, sign_approval, sign_denial
from tests.gates import agents
from tests.promises.conftest import House, approvals_message, denials_message, eventually, server_keys
from workers.gates.settings import GateSettings

pytestmark = pytest.mark.django_db(transaction=True)
on_one_loop = pytest.mark.asyncio(loop_scope="session")
BY_PEOPLE = [EntryKind.APPROVAL_GRANTED, EntryKind.APPROVAL_DENIED]


def forged_denials(key: Ed25519PrivateKey, waiting: ApprovalRequest, ada: bytes) -> list[bytes]:
    """Return what somebody with ``key`` can make that looks most like Ada's denial."""
    own = statements.parse(sign_denial(key, waiting, "local:ada"))
    return [
        own.to_bytes(),
        Envelope(own.statement, ada, own.signature, own.facts).to_bytes(),
        Envelope(own.statement, ada, bytes(64), own.facts).to_bytes(),
        *(sign(context, own.facts, key).to_bytes() for context in Context if context is not Context.DENIAL),
    ]


@pytest.mark.temporal
@on_one_loop
async def test_a_denial_that_no_approver_signed_is_not_believed(house: House) -> None:
    handle, waiting = await house.waiting()
    keys = [Ed25519PrivateKey.generate(), *(await sync_to_async(server_keys)()).values()]
    for key in keys:
        for forged in forged_denials(key, waiting, house.ada.public_key):
            await house.signal(handle, denials_message(waiting, forged))
    for message in ({"denied": True}, {"state": "denied"}, {"denials": "all"}, {"reason": "No."}):
        await house.signal(handle, {"request_id": waiting.pk, **message})
    await house.approve(waiting)
    assert await handle.result() == "restarted checkout"
    assert not await LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_DENIED).aexists()


@pytest.mark.temporal
@on_one_loop
async def test_a_denial_of_another_request_denies_nothing_here(house: House) -> None:
    first, asked = await house.waiting()
    second, waiting = await house.waiting()
    denied = house.ada.sign_denial(asked)
    await house.signal(second, denials_message(waiting, denied))
    await house.approve(waiting)
    assert await second.result() == "restarted checkout"
    await sync_to_async(record)(person=house.ada.person, request_id=asked.pk, denial=denied)
    assert (await first.result()).startswith("APPROVAL_DENIED")


@pytest.mark.temporal
@on_one_loop
async def test_a_persons_denial_cannot_be_signalled_as_an_approval(house: House) -> None:
    handle, waiting = await house.waiting()
    denied = house.ada.sign_denial(waiting)
    for data in dressed_up(denied, waiting, house.ada):
        await house.signal(handle, approvals_message(waiting, data))
    await house.signal(handle, denials_message(waiting, denied))
    assert (await handle.result()).startswith("APPROVAL_DENIED: A person denied restart_service: The restart would")
    assert agents.effects == []


class TestNobodyAnswers:
    @pytest.fixture
    def gate_settings(self, gate_settings: GateSettings) -> GateSettings:
        return GateSettings(
            request_lifetime_seconds=3,
            delivery_grace_seconds=0,
            approvals_task_queue=gate_settings.approvals_task_queue,
        )

    @pytest.mark.temporal
    @on_one_loop
    async def test_an_expiry_is_signed_by_the_service_in_nobodys_name(self, house: House) -> None:
        handle, waiting = await house.waiting()
        assert (await handle.result()).startswith("APPROVAL_EXPIRED: Nobody decided")
        entry = await eventually(LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_EXPIRED).afirst)
        envelope = statements.parse(bytes(entry.envelope))
        envelope.verify(Context.ENTRY)
        keys = await sync_to_async(server_keys)()
        assert envelope.signer_key == keys["ledger"].public_key().public_bytes_raw()
        assert set(envelope.facts["details"]) == {"request_id", "expires_at"}, "no person and no key"
        await waiting.arefresh_from_db()
        assert (waiting.state, waiting.outcome_status) == (RequestState.EXPIRED, OutcomeStatus.EXPIRED)
        assert not await Decision.objects.aexists()
        assert not await LedgerEntry.objects.filter(kind__in=BY_PEOPLE).aexists()
        assert agents.effects == []

    @pytest.mark.temporal
    @on_one_loop
    async def test_an_approval_that_comes_too_late_changes_nothing(self, house: House) -> None:
        handle, waiting = await house.waiting()
        signed = house.ada.sign_approval(waiting)
        assert (await handle.result()).startswith("APPROVAL_EXPIRED")
        await eventually(LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_EXPIRED).afirst)
        with pytest.raises(errors.ApprovalError):
            await sync_to_async(record)(person=house.ada.person, request_id=waiting.pk, approval=signed)
        assert agents.effects == []


# --- Tenuo itself ---------------------------------------------------------------------------


def dressed_up(denied: bytes, waiting: ApprovalRequest, ada: Approver) -> list[bytes]:
    """Return ``denied`` in every form in which it could pass for an approval."""
    envelope = statements.parse(denied)
    own = approval.parse(sign_approval(Ed25519PrivateKey.generate(), waiting, "local:ada"))
    return [
        denied,
        approval.assemble(own.payload, ada.public_key, envelope.signature),
        approval.assemble(envelope.statement, ada.public_key, envelope.signature),
        approval.assemble(statements.message(Context.DENIAL, envelope.statement), ada.public_key, envelope.signature),
    ]


def test_tenuo_takes_no_denial_for_an_approval(ada: Approver, waiting: ApprovalRequest) -> None:
    request_hash, trusted = bytes(waiting.request_hash), [tenuo_core.PublicKey.from_bytes(ada.public_key)]
    genuine = tenuo_core.SignedApproval.from_bytes(ada.sign_approval(waiting))
    assert _is_counted_by_tenuo(request_hash, bytes(genuine.to_bytes()), trusted)
    denied = ada.sign_denial(waiting)
    denial.parse(denied).verify()
    for data in dressed_up(denied, waiting, ada):
        assert not _is_counted_by_tenuo(request_hash, data, trusted)


def _is_counted_by_tenuo(request_hash: bytes, data: bytes, trusted: list[Any]) -> bool:
    try:
        return bool(tenuo_core.verify_approvals(request_hash, [tenuo_core.SignedApproval.from_bytes(data)], trusted))
    except Exception:  # Tenuo raises many types, and each of them means no.
        return False


def test_no_context_of_ours_begins_as_tenuos_do() -> None:
    """What is signed for one purpose verifies for no other: no message can be a prefix of another's."""
    beginnings = [context.value for context in Context]
    assert len(set(beginnings)) == len(beginnings)
    for context in beginnings:
        text = context if isinstance(context, bytes) else str(context).encode()
        assert not text.startswith(b"tenuo")
        assert not b"tenuo-warrant-v1".startswith(text)


def test_the_chain_tells_who_ended_what(ada: Approver, waiting: ApprovalRequest) -> None:
    record(person=ada.person, request_id=waiting.pk, denial=ada.sign_denial(waiting))
    entry = LedgerEntry.objects.get(kind=EntryKind.APPROVAL_DENIED)
    details = statements.parse(bytes(entry.envelope)).facts["details"]
    signed = denial.parse(details["denial"])
    signed.verify()
    assert (signed.approver_key, details["person"]) == (ada.public_key, "local:ada")
