"""What a warrant's terms say, at a worker with the application out of the way: in the workflow, and at the activity.

The thief holds the agent's key, and every approver who may be named here would help them.
"""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements.terms import Terms
from tests.extending import with_terms
from tests.gates import agents
from tests.gates.conftest import CAPABILITIES, GATES, Floor
from tests.gates.people import Keys, approve, decision, deny, endorse, public, send
from tests.gates.replaying import ClaimsRequest
from tests.gates.test_attacks import thieves

pytestmark = pytest.mark.temporal
# Ada's key is the first approver's, Grace's the second's.
ADA, GRACE = "local:ada", "local:grace"
ADA_RAISED_IT = Terms(barred_people=(ADA,), one_denial_ends=True)


def under(terms: Terms, keys: Keys, **options: Any) -> tenuo_core.Warrant:
    """Return a warrant that names both approvers, under ``terms``."""
    issuer = Ed25519PrivateKey.from_private_bytes(bytes(keys.issuer.secret_key_bytes()))
    return with_terms(keys.warrant(CAPABILITIES, GATES, **options), terms, issuer)


def endorsements(keys: Keys) -> tuple[bytes, ...]:
    return (*keys.endorsements(keys.approver, person=ADA), endorse(keys.administrator, keys.second, GRACE))


async def asked(floor: Floor, warrant: tenuo_core.Warrant) -> tuple[Any, Any]:
    handle = await floor.start(agents.ForgivingAgent, "checkout", warrant=warrant)
    return handle, await floor.desk.requests.get()


async def dispatched(floor: Floor, warrant: tenuo_core.Warrant, key: Ed25519PrivateKey, **changes: Any) -> list[str]:
    """Return what came of a call that a thief dispatched past the workflow's gate, approved by ``key``."""
    async with thieves(floor, ClaimsRequest(endorsements=endorsements(floor.keys))) as thief:
        handle = await thief.start([], 1, warrant)
        signed = approve(await thief.request_of(handle), key, **changes)
        await handle.signal("use", [base64.b64encode(signed).decode()])
        return list(await handle.result())


@pytest.fixture(params=["no people root", "a people root"])
def people_roots(request: pytest.FixtureRequest, keys: Keys) -> list[bytes] | None:
    return [public(keys.people_root)] if request.param == "a people root" else None


async def test_an_approval_by_whoever_raised_the_alert_is_no_approval(floor: Floor, keys: Keys) -> None:
    handle, request = await asked(floor, under(ADA_RAISED_IT, keys))
    own = approve(request, keys.approver, external_id=ADA)
    await send(floor.plain, request, decision(request, approvals=(own,), endorsements=endorsements(keys)))
    await send(floor.plain, request, decision(request, denials=(deny(request, keys.second, "Checked."),)))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []


async def test_it_does_not_count_beside_somebody_elses_either(floor: Floor, keys: Keys) -> None:
    handle, request = await asked(floor, under(ADA_RAISED_IT, keys, min_approvals=2))
    both = (approve(request, keys.approver, external_id=ADA), approve(request, keys.second, external_id=GRACE))
    await send(floor.plain, request, decision(request, approvals=both, endorsements=endorsements(keys)))
    await send(floor.plain, request, decision(request, denials=(deny(request, keys.second, "Checked."),)))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []


async def test_somebody_elses_approval_lets_the_call_run(floor: Floor, keys: Keys) -> None:
    handle, request = await asked(floor, under(ADA_RAISED_IT, keys))
    own = approve(request, keys.approver, external_id=ADA)
    other = approve(request, keys.second, external_id=GRACE)
    await send(floor.plain, request, decision(request, approvals=(own, other), endorsements=endorsements(keys)))
    assert await handle.result() == "restarted checkout"
    assert base64.b64decode(floor.sink.records[-1].approvals[0]) == other


async def test_past_the_workflow_the_activity_refuses_it_too(floor: Floor, keys: Keys) -> None:
    warrant = under(ADA_RAISED_IT, keys)
    assert await dispatched(floor, warrant, keys.approver, external_id=ADA) == ["APPROVER_BARRED"]
    assert agents.effects == []
    assert floor.sink.records[-1].code == "APPROVER_BARRED"
    # The refusal has no other reason.
    assert await dispatched(floor, warrant, keys.second, external_id=GRACE) == ["ran"]


async def test_a_key_is_its_owners_whatever_name_they_sign(floor: Floor, keys: Keys) -> None:
    """With a people root, the endorsement says whose key it is. Without one, nobody knows: docs/security.md says so."""
    got = await dispatched(floor, under(ADA_RAISED_IT, keys), keys.approver, external_id=GRACE)
    pinned = floor.gate_plugin.approvers.people_roots is not None
    assert got == (["APPROVER_NOT_ENDORSED"] if pinned else ["ran"])


async def test_an_approval_lives_as_long_as_its_policy_says_and_no_longer(floor: Floor, keys: Keys) -> None:
    warrant = under(Terms(approval_seconds=60, one_denial_ends=True), keys)
    handle, request = await asked(floor, warrant)
    for seconds in (90, 10 * 365 * 86400):
        late = approve(request, keys.second, external_id=GRACE, expires_at=int(time.time()) + seconds)
        await send(floor.plain, request, decision(request, approvals=(late,), endorsements=endorsements(keys)))
        got = await dispatched(floor, warrant, keys.second, external_id=GRACE, expires_at=int(time.time()) + seconds)
        assert got == ["APPROVAL_LIFETIME"]
    await send(floor.plain, request, decision(request, denials=(deny(request, keys.approver, "Checked."),)))
    assert (await handle.result()).startswith("APPROVAL_DENIED")
    assert agents.effects == []
    now = int(time.time())
    short = {"approved_at": now, "expires_at": now + 60}
    assert await dispatched(floor, warrant, keys.second, external_id=GRACE, **short) == ["ran"]


async def test_a_policy_lengthens_nothing(floor: Floor, keys: Keys) -> None:
    warrant = under(Terms(approval_seconds=10 * 365 * 86400), keys)
    got = await dispatched(floor, warrant, keys.second, external_id=GRACE, expires_at=int(time.time()) + 86_400)
    assert got == ["APPROVAL_LIFETIME"]


async def test_terms_that_cannot_be_read_let_nothing_run(
    floor: Floor, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Terms, "to_bytes", lambda self: b"\xa0")
        warrant = under(Terms(), keys)
    handle = await floor.start(agents.ForgivingAgent, "checkout", warrant=warrant)
    told = await handle.result()
    assert told.startswith("TERMS_MALFORMED")
    assert "do not have the fields they must have" in told
    assert await dispatched(floor, warrant, keys.second, external_id=GRACE) == ["TERMS_MALFORMED"]
    assert agents.effects == []
    assert floor.desk.requests.empty(), "nobody was asked"


async def test_whoever_hands_the_warrant_down_cannot_lift_its_terms(floor: Floor, keys: Keys) -> None:
    """The agent makes itself a child warrant with terms of its own; those of the root hold."""
    root = under(ADA_RAISED_IT, keys)
    builder = root.attenuate_builder()
    builder.inherit_all()
    builder.with_holder(keys.holder.public_key)
    builder.with_ttl(300)
    holder = Ed25519PrivateKey.from_private_bytes(bytes(keys.holder.secret_key_bytes()))
    child = with_terms(builder.delegate(keys.holder), Terms(), holder)
    async with thieves(floor, ClaimsRequest(endorsements=endorsements(keys))) as thief:
        handle = await thief.start([], 1, child, chain=[root, child])
        signed = approve(await thief.request_of(handle), keys.approver, external_id=ADA)
        await handle.signal("use", [base64.b64encode(signed).decode()])
        assert await handle.result() == ["APPROVER_BARRED"]
    assert agents.effects == []
