"""Who may hold a warrant, hand it on, and approve: three lines of a policy."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import cbor2
import pytest
import tenuo_core
from tenuo.exceptions import TenuoError

from accounts.models import ApproverKey
from accounts.roles.contracts import Role
from tests.people import person
from tests.warrants.calls import Desk
from tests.warrants.conftest import INCIDENT, approver_key
from tests.warrants.test_lint import SAFE, told
from tests.warrants.test_linting import TEXT, approver, found
from warrants.agents.queries import holder_keys
from warrants.agents.services import ensure_agent
from warrants.errors import AgentNotInPolicy, TooFewPeople
from warrants.issuers.queries import trusted_roots
from warrants.minting.contracts import MintedWarrant
from warrants.minting.services import mint
from warrants.models import AgentIdentity, Warrant
from warrants.policies.rules import UNLIMITED_SUB_AGENTS, parse_policy

pytestmark = pytest.mark.django_db


@pytest.fixture
def minting(monkeypatch: pytest.MonkeyPatch, agent: AgentIdentity) -> Any:
    """Mint under the policy with more lines, for an agent and the keys of approvers."""

    def under(lines: str, *keys: ApproverKey, holder: AgentIdentity = agent) -> MintedWarrant:
        monkeypatch.setattr("warrants.minting.services.load", lambda name: parse_policy(f"{TEXT}{lines}\n"))
        return mint(policy="incident-response", incident=INCIDENT, agent=holder, approvers=list(keys))

    return under


def named(minted: MintedWarrant) -> set[bytes]:
    warrant = tenuo_core.Warrant.from_bytes(minted.chain[0])
    return {bytes(key.to_bytes()) for key in warrant.required_approvers()}


# --- agents ---------------------------------------------------------------------------------


def test_only_the_agents_that_a_policy_names_hold_its_warrants(minting: Any, ada_key: ApproverKey) -> None:
    assert minting("agents: [other-agent, incident-agent]", ada_key)
    before = Warrant.objects.count()
    for other in ("helper", "incident-agent2", "Incident-Agent"):
        with pytest.raises(AgentNotInPolicy, match="other-agent, incident-agent") as refused:
            minting("agents: [other-agent, incident-agent]", ada_key, holder=ensure_agent(name=other))
        assert refused.value.field == "agent"
    assert Warrant.objects.count() == before
    assert minting("", ada_key, holder=ensure_agent(name="helper"))


# --- sub_agents -----------------------------------------------------------------------------

CONTEXT = b"tenuo-warrant-v1\x01"
ARGUMENTS = {"service": INCIDENT.service, "minutes": 5}


def handed_on(parent: tenuo_core.Warrant, by: tenuo_core.SigningKey, to: tenuo_core.SigningKey) -> tenuo_core.Warrant:
    builder = parent.attenuate_builder()
    builder.inherit_all()
    builder.with_holder(to.public_key)
    return builder.delegate(by)


def outcome(chain: list[tenuo_core.Warrant], holder: tenuo_core.SigningKey) -> str:
    """Return what a worker's authorizer says of a call by the last one in the chain."""
    proof = bytes(chain[-1].sign(holder, "read_logs", ARGUMENTS, int(time.time())))
    authorizer = tenuo_core.Authorizer([tenuo_core.PublicKey.from_bytes(root) for root in trusted_roots()])
    try:
        authorizer.check_chain(chain, "read_logs", ARGUMENTS, signature=proof)
    except TenuoError as error:
        return str(error)
    return "allowed"


def test_a_warrant_is_handed_on_as_often_as_the_policy_says(minting: Any, ada_key: ApproverKey) -> None:
    minted = minting("sub_agents: 1", ada_key)
    agent = tenuo_core.SigningKey.from_bytes(holder_keys()[minted.key_id])
    helper, third = tenuo_core.SigningKey.generate(), tenuo_core.SigningKey.generate()
    root = Desk(minted).warrant
    child = handed_on(root, agent, helper)
    assert outcome([root, child], helper) == "allowed"
    with pytest.raises(TenuoError, match="exceeds maximum 1"):
        handed_on(child, helper, third)


@pytest.mark.parametrize("claimed", [0, 1, 64])
def test_a_child_made_by_hand_is_refused_where_nothing_may_be_handed_on(
    minting: Any, ada_key: ApproverKey, claimed: int
) -> None:
    """The agent has its key, and may sign what it likes: what counts is what the worker takes."""
    minted = minting("sub_agents: 0", ada_key)
    agent = tenuo_core.SigningKey.from_bytes(holder_keys()[minted.key_id])
    helper = tenuo_core.SigningKey.generate()
    root = Desk(minted).warrant
    assert root.is_terminal()
    facts = {**cbor2.loads(bytes(root.payload_bytes)), 1: bytes(16), 4: key_of(helper), 5: key_of(agent), 8: claimed}
    facts |= {9: list(hashlib.sha256(bytes(root.payload_bytes)).digest()), 18: 1}
    payload = cbor2.dumps(dict(sorted(facts.items())))
    child = tenuo_core.Warrant.from_bytes(cbor2.dumps([1, payload, [1, bytes(agent.sign_raw(CONTEXT + payload))]]))
    assert "exceeds parent's max_depth 0" in outcome([root, child], helper)


def key_of(key: tenuo_core.SigningKey) -> list[Any]:
    return [1, bytes(key.public_key.to_bytes())]


def test_a_policy_without_the_line_means_what_it_meant(minting: Any, ada_key: ApproverKey) -> None:
    assert Desk(minting("", ada_key)).warrant.max_depth == UNLIMITED_SUB_AGENTS


# --- approvers ------------------------------------------------------------------------------


def test_only_the_people_whom_a_policy_names_are_in_its_warrants(
    minting: Any, ada_key: ApproverKey, grace_key: ApproverKey
) -> None:
    grace_key.person.email = "Grace@Example.com"
    grace_key.person.save()
    both = {bytes(ada_key.public_key), bytes(grace_key.public_key)}
    assert named(minting("", ada_key, grace_key)) == both
    assert named(minting("approvers: [local:ada]", ada_key, grace_key)) == {bytes(ada_key.public_key)}
    assert named(minting("approvers: [grace@example.com]", ada_key, grace_key)) == {bytes(grace_key.public_key)}
    assert named(minting("approvers: [grace@example.com, local:ada]", ada_key, grace_key)) == both


def test_a_name_that_means_nobody_or_several_lets_nobody_approve(minting: Any, ada_key: ApproverKey) -> None:
    for username in ("mallory", "ADA@example.com"):
        twin = approver_key(username)
        twin.person.email = "ada@example.com" if username == "mallory" else ""
        twin.person.save()
    before = Warrant.objects.count()
    for name in ("ada@example.com", "nobody@example.com", "local:nobody", "local:Ada"):
        with pytest.raises(TooFewPeople, match="of the people whom it names belong to 0"):
            minting(f"approvers: [{name}]", ada_key, *ApproverKey.objects.exclude(pk=ada_key.pk))
    ada_key.person.is_active = False
    ada_key.person.save()
    with pytest.raises(TooFewPeople):
        minting("approvers: [local:ada]", ada_key)
    assert Warrant.objects.count() == before


def test_who_is_named_must_still_be_endorsed_and_hold_the_role(minting: Any, ada_key: ApproverKey) -> None:
    ada_key.person.role_grants.all().delete()
    with pytest.raises(Exception, match="key") as refused:
        minting("approvers: [local:ada]", ada_key)
    assert refused.value.code == "inactive_approver"  # type: ignore[attr-defined]


# --- lint -----------------------------------------------------------------------------------


def test_names_that_mean_nobody_here_are_told() -> None:
    ensure_agent(name="incident-agent")
    approver(person("night"), 1)
    twin = person("other")
    twin.email = "twice@example.com"
    twin.save()
    person("twice@example.com")
    lines = "agents: [incident-agent, incident-agnet]\napprovers: [local:night, twice@example.com]\n"
    told_here = found(f"{TEXT}{lines}")
    assert told_here["unknown_agent"].path == "agents[1]"
    assert told_here["unknown_approver"].path == "approvers[1]"
    assert "2 people" in told_here["unknown_approver"].sentence
    assert not {"unknown_agent", "unknown_approver"} & found().keys()


def test_the_quorum_counts_only_those_who_are_named() -> None:
    approver(person("night"), 1)
    approver(person("day"), 2)
    text = TEXT.replace("min_approvals: 1", "min_approvals: 2")
    assert "quorum_out_of_reach" not in found(text)
    told_here = found(f"{text}approvers: [local:day, local:nobody]\n")
    assert "only 1 person can approve" in told_here["quorum_out_of_reach"].sentence
    person("admin", Role.SECURITY_ADMINISTRATOR)
    assert "gate_without_approvers" in found(f"{TEXT}approvers: [local:admin]\n")


BOTH = "approvers: [local:ada, local:bea, local:eve]"
CHANGES = {
    "another agent": ("agents: [a]", "agents: [a, b]", "agents"),
    "any agent": ("agents: [a]", "", "agents"),
    "handed on once more": ("sub_agents: 1", "sub_agents: 2", "sub_agents"),
    "handed on at all": ("sub_agents: 0", "sub_agents: 1", "sub_agents"),
    "handed on without end": ("sub_agents: 16", "", "sub_agents"),
    "more approvers": ("approvers: [local:ada, local:bea]", BOTH, "approvers"),
    "any approvers": (BOTH, "", "approvers"),
    "fewer approvers": (BOTH, "approvers: [local:ada, local:bea]", "approvers"),
    "a group of approvers": ("", BOTH, "approvers"),
    "other approvers": (BOTH, BOTH.replace("eve", "may"), "approvers"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_who_may_do_more_than_before_is_marked(change: str) -> None:
    before, after, path = CHANGES[change]
    assert ("widened", path) in told(f"{SAFE}{after}\n", before=f"{SAFE}{before}\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("agents: [a, b]", "agents: [b]"),
        ("", "agents: [a]"),
        ("", "sub_agents: 16"),
        ("sub_agents: 2", "sub_agents: 0"),
        (BOTH, BOTH.replace("ada, local:bea", "bea, local:ada")),
    ],
)
def test_who_may_do_less_is_not_marked(before: str, after: str) -> None:
    assert [one for one in told(f"{SAFE}{after}\n", before=f"{SAFE}{before}\n") if one[0] == "widened"] == []
