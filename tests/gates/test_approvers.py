"""A worker that pins a people root: whose approvals count, whatever the issuer's key has signed.

The thief here holds the issuer's and the agent's key, and dispatches with a workflow of their own.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from approvals.contracts import CallVerdict
from audit.statements.key_endorsements import EndorsedRole
from audit.statements.statements import Context, sign
from audit.statements.terms import Terms
from tests.gates import agents
from tests.gates.conftest import CAPABILITIES, GATES, Floor
from tests.gates.people import Keys, approve, decision, deny, endorse, public, send
from tests.gates.replaying import ClaimsRequest
from tests.gates.test_attacks import thieves, waiting
from workers.gates.floors import Demand
from workers.gates.floors import Floor as CallFloor
from workers.gates.revocation import RevocationRefused

pytestmark = pytest.mark.temporal
ADMINISTRATOR = EndorsedRole.SECURITY_ADMINISTRATOR


@pytest.fixture
def people_roots(keys: Keys) -> list[bytes]:
    return [public(keys.people_root)]


async def dispatched(floor: Floor, key: Ed25519PrivateKey, endorsements: Any, **options: Any) -> list[str]:
    """Return what came of a call that a thief dispatched, approved by ``key`` under a warrant that names it."""
    warrant = warrant_naming(floor.keys, key, **options.pop("warrant", {}))
    async with thieves(floor, ClaimsRequest(endorsements=endorsements)) as thief:
        handle = await thief.start([], 1, warrant)
        signed = approve(await thief.request_of(handle), key, **options)
        await handle.signal("use", [base64.b64encode(signed).decode()])
        return list(await handle.result())


def warrant_naming(keys: Keys, *approvers: Ed25519PrivateKey, **options: Any) -> tenuo_core.Warrant:
    """Mint what whoever holds the issuer's key can mint."""
    return tenuo_core.Warrant.issue(
        keys.issuer,
        capabilities=CAPABILITIES,
        ttl_seconds=600,
        holder=keys.holder.public_key,
        required_approvers=[tenuo_core.PublicKey.from_bytes(public(key)) for key in approvers],
        min_approvals=options.get("min_approvals", 1),
        approval_gates=options.get("gates", GATES),
    )


async def test_an_endorsed_approver_lets_the_call_run_and_the_receipt_says_why(floor: Floor) -> None:
    handle, request = await waiting(floor)
    endorsements = floor.keys.endorsements()
    signed = approve(request, floor.keys.approver)
    await send(floor.plain, request, decision(request, approvals=(signed,), endorsements=endorsements))
    assert await handle.result() == "restarted checkout"
    allowed = [record for record in floor.sink.records if record.verdict == CallVerdict.ALLOWED]
    assert [base64.b64decode(text) for text in allowed[-1].endorsements] == list(endorsements)


async def test_what_the_workflow_does_not_believe_neither_ends_nor_blocks_it(floor: Floor, keys: Keys) -> None:
    handle, request = await waiting(floor)
    signed = approve(request, keys.approver)
    stranger = Ed25519PrivateKey.generate()
    bags: list[tuple[bytes, ...]] = [
        (),
        (b"junk",),
        (endorse(stranger, keys.approver),),
        (endorse(keys.administrator, keys.approver),),
        (*keys.endorsements(person="local:other"),),
        (*keys.endorsements(keys.second),),
        (*keys.endorsements(), b"junk"),
        tuple(endorse(stranger, keys.approver, at=step) for step in range(80)),
    ]
    for bag in bags:
        await send(floor.plain, request, decision(request, approvals=(signed,), endorsements=bag))
    await send(floor.plain, request, decision(request, denials=(deny(request, keys.second, "Checked."),)))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []


async def test_two_keys_of_one_person_count_once(floor: Floor, keys: Keys) -> None:
    handle, request = await waiting(floor, min_approvals=2)
    both = (approve(request, keys.approver), approve(request, keys.second))
    one_person = keys.endorsements(keys.approver, keys.second)
    await send(floor.plain, request, decision(request, approvals=both, endorsements=one_person))
    other = approve(request, keys.second, external_id="local:other")
    two_people = (*keys.endorsements(keys.approver), *keys.endorsements(keys.second, person="local:other")[1:])
    await send(floor.plain, request, decision(request, approvals=(both[0], other), endorsements=two_people))
    assert await handle.result() == "restarted checkout"
    used = [record.approvals for record in floor.sink.records if record.verdict == CallVerdict.ALLOWED]
    assert base64.b64decode(used[-1][1]) == other


def cheating(keys: Keys, mallory: Ed25519PrivateKey) -> dict[str, Any]:
    """Return what a thief with the issuer's, the agent's and their own key can put beside an approval of theirs."""
    issuer = Ed25519PrivateKey.from_private_bytes(bytes(keys.issuer.secret_key_bytes()))
    root, administrator, approver = keys.people_root, keys.administrator, keys.approver
    genuine = keys.endorsements()
    past = time.time_ns() // 1_000_000 - 3_600_000
    return {
        "nothing": (),
        "somebody else's endorsement": genuine,
        "their own word": (endorse(mallory, mallory),),
        "a people root of their own": (
            endorse(issuer, administrator, "local:admin", ADMINISTRATOR), endorse(administrator, mallory),
        ),
        "the issuer's word": (*genuine, endorse(issuer, mallory)),
        "an approver's word": (*genuine, endorse(approver, mallory)),
        "an administrator whom an approver made": (
            *genuine, endorse(approver, issuer, "local:admin2", ADMINISTRATOR), endorse(issuer, mallory),
        ),
        "the wrong role": (genuine[0], endorse(administrator, mallory, "local:lead", ADMINISTRATOR)),
        "another person's name": (genuine[0], endorse(administrator, mallory, "local:somebody")),
        "the endorser's own name": (genuine[0], endorse(administrator, mallory, "local:admin")),
        "a swapped key": (genuine[0], genuine[1].replace(public(approver), public(mallory))),
        "a swapped person": (
            genuine[0], endorse(administrator, mallory, "local:leak").replace(b"local:leak", b"local:lead"),
        ),
        "a service key's endorsement": (
            sign(Context.ENDORSEMENT, {"role": "approver", "key": public(mallory), "issued_at": 1}, root).to_bytes(),
        ),
        "before there was an administrator": (
            genuine[0], endorse(administrator, mallory, "local:lead", at=past),
        ),
        "from tomorrow": (genuine[0], endorse(administrator, mallory, at=past + 90_000_000)),
    }  # fmt: skip


async def test_whoever_holds_the_issuers_key_names_approvers_in_vain(floor: Floor, keys: Keys) -> None:
    mallory = Ed25519PrivateKey.generate()
    for how, endorsements in cheating(keys, mallory).items():
        assert await dispatched(floor, mallory, endorsements) == ["APPROVER_NOT_ENDORSED"], how
    assert agents.effects == []
    refused = [record for record in floor.sink.records if record.code == "APPROVER_NOT_ENDORSED"]
    assert len(refused) == len(cheating(keys, mallory))
    # The same dispatch by somebody who is endorsed does run: the refusals are not for another reason.
    assert await dispatched(floor, mallory, keys.endorsements(mallory)) == ["ran"]


async def test_an_approval_that_names_another_person_than_the_key_is_refused(floor: Floor, keys: Keys) -> None:
    got = await dispatched(floor, keys.approver, keys.endorsements(), external_id="local:other")
    assert got == ["APPROVER_NOT_ENDORSED"]


async def test_the_issuers_and_the_agents_key_approve_nothing_even_if_they_are_endorsed(
    floor: Floor, keys: Keys
) -> None:
    for key in (keys.issuer, keys.holder):
        own = Ed25519PrivateKey.from_private_bytes(bytes(key.secret_key_bytes()))
        assert await dispatched(floor, own, keys.endorsements(own)) == ["APPROVAL_BY_A_PARTY"]
    assert agents.effects == []


class TestRevokedKeys:
    @staticmethod
    def revoke(keys: Keys, number: int, *revoked: Ed25519PrivateKey, at: int = 1, by: Any = None) -> bytes:
        issuer = by or Ed25519PrivateKey.from_private_bytes(bytes(keys.issuer.secret_key_bytes()))
        listed = [{"at": at, "key": key} for key in sorted(public(one) for one in revoked)]
        return sign(Context.KEY_REVOCATIONS, {"at": 1, "keys": listed, "number": number}, issuer).to_bytes()

    async def test_a_revoked_key_approves_nothing_from_the_next_call_on(self, floor: Floor, keys: Keys) -> None:
        assert await dispatched(floor, keys.approver, keys.endorsements()) == ["ran"]
        assert floor.gate_plugin.apply_key_revocations(self.revoke(keys, 1, keys.approver))
        assert await dispatched(floor, keys.approver, keys.endorsements()) == ["APPROVER_KEY_REVOKED"]

    async def test_what_a_revoked_administrator_endorsed_before_stays(self, floor: Floor, keys: Keys) -> None:
        now = time.time_ns() // 1_000_000
        above = endorse(keys.people_root, keys.administrator, "local:admin", ADMINISTRATOR, at=now - 9_000)
        before = endorse(keys.administrator, keys.approver, at=now - 6_000)
        after = endorse(keys.administrator, keys.second, at=now - 4_000)
        floor.gate_plugin.apply_key_revocations(self.revoke(keys, 1, keys.administrator, at=now - 5_000))
        assert await dispatched(floor, keys.approver, (above, before)) == ["ran"]
        assert await dispatched(floor, keys.second, (above, after)) == ["APPROVER_NOT_ENDORSED"]

    async def test_nobody_takes_a_revocation_back(self, floor: Floor, keys: Keys) -> None:
        apply = floor.gate_plugin.apply_key_revocations
        assert apply(self.revoke(keys, 5, keys.approver, at=1000))
        assert not apply(self.revoke(keys, 5, keys.approver, at=1000))
        refused: list[tuple[str, Callable[[], bytes]]] = [
            ("older", lambda: self.revoke(keys, 4, keys.approver, keys.second)),
            ("lacks a key", lambda: self.revoke(keys, 6)),
            ("lacks a key", lambda: self.revoke(keys, 6, keys.second)),
            ("trusted root", lambda: self.revoke(keys, 6, keys.approver, by=Ed25519PrivateKey.generate())),
            ("cannot be used", lambda: b"junk"),
            ("cannot be used", lambda: self.revoke(keys, 6, keys.approver).replace(b"number", b"nimber")),
        ]
        for words, made in refused:
            with pytest.raises(RevocationRefused, match=words):
                apply(made())
        assert apply(self.revoke(keys, 6, keys.approver, keys.second, at=2000))
        assert floor.gate_plugin.approvers.revocations.times[public(keys.approver)] == 1000


class TestAWorkerWithAFloor:
    @pytest.fixture
    def floors(self) -> dict[str, CallFloor]:
        exempt = {"environment": frozenset({"staging"})}
        return {"restart_service": CallFloor(exempt=exempt)}

    async def test_a_warrant_without_a_gate_gets_no_further(self, floor: Floor, keys: Keys) -> None:
        ungated = warrant_naming(keys, keys.approver, gates={})
        handle = await floor.start(agents.ForgivingAgent, "checkout", warrant=ungated)
        assert (await handle.result()).startswith("APPROVAL_FLOOR")
        # Nor with an approval that Tenuo never looked at.
        got = await dispatched(floor, keys.approver, keys.endorsements(), warrant={"gates": {}})
        assert got == ["APPROVAL_FLOOR"]
        assert agents.effects == []

    async def test_an_exempt_call_runs_as_its_warrant_says(self, floor: Floor, keys: Keys) -> None:
        handle = await floor.start(agents.ForgivingAgent, "checkout")
        request = await floor.desk.requests.get()
        assert request.tool == "restart_service"
        await send(floor.plain, request, decision(
            request, approvals=(approve(request, keys.approver),), endorsements=keys.endorsements()
        ))  # fmt: skip
        assert await handle.result() == "restarted checkout"

    @pytest.mark.parametrize(
        ("arguments", "people"),
        [
            ({"environment": "staging"}, 0),
            ({"environment": "production"}, 1),
            ({"environment": "Staging"}, 1),
            ({"environment": ["staging"]}, 1),
            ({}, 1),
        ],
    )
    def test_only_what_is_exempt_to_the_letter_is_exempt(
        self, floors: dict[str, CallFloor], arguments: dict[str, Any], people: int
    ) -> None:
        assert floors["restart_service"].people_for(arguments) == people


class WantsTwoEndorsers:
    """What a policy may ask of its approvers' keys; see ``Floors``."""

    def demand(self, terms: Terms, tool: str, arguments: Mapping[str, Any]) -> Demand:
        return Demand(people=1, endorsers=2)


class TestAWorkerWhosePolicyWantsTwoEndorsers:
    @pytest.fixture
    def floors(self) -> WantsTwoEndorsers:
        return WantsTwoEndorsers()

    async def test_one_endorser_is_too_few(self, floor: Floor, keys: Keys) -> None:
        assert await dispatched(floor, keys.approver, keys.endorsements()) == ["APPROVER_NOT_ENDORSED"]
        second = Ed25519PrivateKey.generate()
        above = endorse(keys.people_root, second, "local:second", ADMINISTRATOR)
        both = (*keys.endorsements(), above, endorse(second, keys.approver))
        assert await dispatched(floor, keys.approver, both) == ["ran"]
