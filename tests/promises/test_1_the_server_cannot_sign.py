"""Promise 1: the server can never sign for a person.

The attacker holds the whole database and may write to it, has ``SECRET_KEY`` and ``KEY_ENCRYPTION_KEY`` and
with them every private key that the server has, and may signal and start workflows. They want a gated
call to run that no approver signed.

With the issuer's key they can also mint a *new* warrant that names an approver of their own, or has no gate. What
stops that at a worker that pins a people root is tried in ``test_1_and_4_keys_that_nobody_endorsed.py``; here the
worker pins none, and every warrant that exists keeps its approvers.

Tried elsewhere: keys that are not extractable and never sent in ``tests/browser/test_signing_elements.py``;
approvals with other terms in ``tests/gates/test_attacks.py``; a server that posts its own signatures to the
application in ``tests/approvals/test_deciding.py``; chains in ``tests/vectors/bad/chain-*``.
"""

from __future__ import annotations

import hashlib
import os
import time
from datetime import timedelta
from typing import Any

import cbor2
import pytest
import tenuo_core
from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from accounts.models import ApproverKey, Person
from accounts.roles.contracts import Role
from approvals.contracts import GateRequest, RequestState
from approvals.models import ApprovalRequest, Decision, Delivery, RequiredApprover
from approvals.signing.approval import assemble, parse
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.kinds import EntryKind
from audit.statements.statements import Context, sign
from tests.approvals.factories import sign_approval
from tests.gates import agents
from tests.gates.people import Desk, approve, decision
from tests.people import hold
from tests.promises.conftest import House, approvals_message, eventually, server_keys
from tests.vectors.warrants import encoded, payload_of

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]
APPROVED_CALLS = {"kind": EntryKind.CALL_ALLOWED}


async def only_ada_let_it_run(house: House, signed: bytes) -> None:
    """The call ran once, and with the one signature of Ada's: the worker's receipt says with which."""
    assert agents.effects == ["checkout/production"]
    entries = [entry async for entry in LedgerEntry.objects.filter(**APPROVED_CALLS)]
    details = [statements.parse(bytes(entry.envelope)).facts["details"] for entry in entries]
    assert [list(detail["approvals"]) for detail in details] == [[signed]]


def forgeries(key: Ed25519PrivateKey, waiting: ApprovalRequest, ada: bytes) -> dict[str, bytes]:
    """Return what somebody with ``key`` can make that looks most like Ada's approval."""
    genuine = parse(sign_approval(key, waiting, "local:ada"))
    warrant = tenuo_core.SigningKey.from_bytes(key.private_bytes_raw())
    now = int(time.time())
    bare = tenuo_core.ApprovalPayload(bytes(waiting.request_hash), os.urandom(16), "local:ada", now, now + 300)
    facts = {"request_hash": bytes(waiting.request_hash), "decision": "approve", "external_id": "local:ada"}
    return {
        "in its own name": genuine.to_bytes(),
        "under Ada's key": assemble(genuine.payload, ada, genuine.signature),
        "without a context": assemble(genuine.payload, ada, key.sign(genuine.payload)),
        "with a signature of zeros": assemble(genuine.payload, ada, bytes(64)),
        "in Tenuo's plain form": bytes(tenuo_core.SignedApproval.create(bare, warrant).to_bytes()),
        **{f"as a {context.name}": sign(context, facts, key).to_bytes() for context in Context},
    }


async def test_no_key_of_the_server_approves_in_any_form(house: House) -> None:
    handle, waiting = await house.waiting()
    for key in (await sync_to_async(server_keys)()).values():
        forged = forgeries(key, waiting, house.ada.public_key)
        for data in forged.values():
            await house.signal(handle, approvals_message(waiting, data))
        await house.signal(handle, approvals_message(waiting, *forged.values()))
    for message in ({"state": "approved"}, {"approved": True}, {"approvals": True}, {"decision": "approve"}):
        await house.signal(handle, {"request_id": waiting.pk, **message})
    signed = await house.approve(waiting)
    assert await handle.result() == "restarted checkout"
    await only_ada_let_it_run(house, signed)


def take_over(waiting: ApprovalRequest, key: Ed25519PrivateKey) -> None:
    """Write into the database whatever could make a forged approval look decided and due."""
    mallory = Person.objects.create_user(username="mallory")
    hold(mallory, Role.APPROVER)
    public_key = key.public_key().public_bytes_raw()
    ApproverKey.objects.create(person=mallory, public_key=public_key, name="Laptop", proof=b"")
    RequiredApprover.objects.filter(approval_request=waiting).update(public_key=public_key)
    now = timezone.now()
    Decision.objects.create(
        approval_request=waiting,
        kind="approve",
        person=mallory,
        external_id="local:mallory",
        display_name="Mallory",
        public_key=public_key,
        nonce=os.urandom(16),
        signed=sign_approval(key, waiting, "local:mallory"),
        decided_at=now,
        expires_at=now + timedelta(minutes=5),
    )
    Delivery.objects.create(approval_request=waiting, created_at=now, due_at=now)
    ApprovalRequest.objects.filter(pk=waiting.pk).update(state=RequestState.APPROVED, threshold=1)


async def test_rows_written_into_the_database_run_nothing(house: House) -> None:
    handle, waiting = await house.waiting()
    await sync_to_async(take_over)(waiting, Ed25519PrivateKey.generate())
    # The relay believes the rows, and delivers them.
    await eventually(Delivery.objects.filter(approval_request=waiting, sent_at__isnull=False).afirst)
    # The application takes no decision any more; Ada's signature reaches the run by another way.
    signed = house.ada.sign_approval(waiting)
    await house.signal(handle, approvals_message(waiting, signed))
    assert await handle.result() == "restarted checkout"
    await only_ada_let_it_run(house, signed)


async def test_an_old_approval_in_the_database_approves_no_other_request(house: House) -> None:
    first, asked = await house.waiting()
    old = await house.approve(asked)
    assert await first.result() == "restarted checkout"
    agents.effects.clear()
    second, waiting = await house.waiting()
    assert bytes(waiting.request_hash) == bytes(asked.request_hash), "the very same call under the same warrant"
    await house.signal(second, approvals_message(waiting, old))
    await house.signal(second, approvals_message(asked, old))
    signed = await house.approve(waiting)
    assert await second.result() == "restarted checkout"
    assert agents.effects == ["checkout/production"]
    entries = [entry async for entry in LedgerEntry.objects.filter(**APPROVED_CALLS).order_by("sequence")]
    used = [statements.parse(bytes(entry.envelope)).facts["details"]["approvals"] for entry in entries]
    assert used == [[old], [signed]]


def delegate(house: House, agent: Ed25519PrivateKey, approver: bytes, *, keep: bool = False) -> list[bytes]:
    """Return the house's warrant with a child made by hand: the agent hands it to itself, with other approvers.

    Tenuo's own builder makes no such child; its verification takes it all the same.
    """
    parent = payload_of(tenuo_core.Warrant.from_bytes(house.warrant.chain[-1]))
    child = dict(parent)
    child[1] = os.urandom(16)
    child[5] = child[4]
    child[8] = parent.get(8) or 3
    child[9] = list(hashlib.sha256(encoded(parent)).digest())
    child[15] = [*(parent[15] if keep else []), [1, approver]]
    child[16] = 1
    child[18] = 1
    data = encoded(dict(sorted(child.items())))
    envelope = cbor2.dumps([1, data, [1, agent.sign(b"tenuo-warrant-v1\x01" + data)]])
    return [*house.warrant.chain, envelope]


@pytest.mark.parametrize("keep", [False, True], ids=["replaced", "added"])
async def test_the_application_asks_nobody_under_a_child_warrant_with_other_approvers(house: House, keep: bool) -> None:
    keys = await sync_to_async(server_keys)()
    mallory = Ed25519PrivateKey.generate()
    chain = delegate(house, keys["agent"], mallory.public_key().public_bytes_raw(), keep=keep)
    handle = await house.start(agents.ForgivingAgent.run, "checkout", chain=chain)
    assert (await handle.result()).startswith("APPROVAL_REQUEST_REFUSED")
    assert agents.effects == []
    assert not await ApprovalRequest.objects.filter(workflow_id=handle.id).aexists()


class TestTheApplicationLies:
    """The application is the attacker's, too: it opens whatever it is asked to open."""

    @pytest.fixture
    def desk(self) -> Desk:
        return Desk()

    @pytest.fixture
    def approvals_activities(self, desk: Desk) -> list[Any]:
        return desk.activities

    @pytest.mark.parametrize("keep", [False, True], ids=["replaced", "added"])
    async def test_the_worker_runs_nothing_under_a_child_warrant_with_other_approvers(
        self, house: House, desk: Desk, keep: bool
    ) -> None:
        keys = await sync_to_async(server_keys)()
        mallory = Ed25519PrivateKey.generate()
        chain = delegate(house, keys["agent"], mallory.public_key().public_bytes_raw(), keep=keep)
        verified = tenuo_core.Authorizer(
            trusted_roots=[tenuo_core.PublicKey.from_bytes(keys["issuer"].public_key().public_bytes_raw())]
        )
        verified.verify_chain([tenuo_core.Warrant.from_bytes(data) for data in chain])  # Tenuo has nothing against it
        handle = await house.start(agents.ForgivingAgent.run, "checkout", chain=chain)
        asked: GateRequest = await desk.requests.get()
        await house.signal(handle, decision(asked, approvals=(approve(asked, mallory),)))
        assert (await handle.result()).startswith("APPROVERS_WEAKENED")
        assert agents.effects == []
        refused = await eventually(LedgerEntry.objects.filter(kind=EntryKind.CALL_DENIED).afirst)
        assert statements.parse(bytes(refused.envelope)).facts["details"]["code"] == "APPROVERS_WEAKENED"

    async def test_the_genuine_warrant_still_asks_ada(self, house: House, desk: Desk) -> None:
        handle = await house.start(agents.ForgivingAgent.run, "checkout")
        asked: GateRequest = await desk.requests.get()
        for key in (await sync_to_async(server_keys)()).values():
            await house.signal(handle, decision(asked, approvals=(approve(asked, key),)))
        signed = approve(asked, house.ada.private_key)
        await house.signal(handle, decision(asked, approvals=(signed,)))
        assert await handle.result() == "restarted checkout"
        await only_ada_let_it_run(house, signed)
