"""Minting: the one place where the issuer's key signs a warrant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import tenuo_core
from django.db import transaction

from accounts.models import ApproverKey
from audit.ledger.services import append
from audit.statements import place, quorum
from audit.statements.acting import EXTENSION as ACTING
from audit.statements.acting import Acting
from audit.statements.kinds import EntryKind
from audit.statements.terms import EXTENSION, Terms
from warrants.issuers.services import endorsements, lock_issuer
from warrants.issuers.signing import signer_of
from warrants.minting.checks import (
    barred_people,
    person_acted_for,
    require_approvers,
    require_different_keys,
    require_holder,
    require_signer,
    require_usable,
)
from warrants.minting.compilation import approval_gates, capabilities
from warrants.minting.contracts import Incident, MintedWarrant
from warrants.minting.extending import child_of, with_extensions
from warrants.minting.queries import as_minted
from warrants.models import AgentIdentity, Delegation, IssuerKey, Warrant
from warrants.policies.queries import load
from warrants.policies.rules import Policy
from warrants.revocation.queries import require_open

# A person hands their warrant on to the agent, who hands it on to nobody.
HANDED_ON_ONCE = 1


@transaction.atomic
def mint(
    *,
    policy: str,
    incident: Incident,
    agent: AgentIdentity,
    approvers: list[ApproverKey],
    signer: ApproverKey | None = None,
) -> MintedWarrant:
    """Mint ``agent``'s warrant for ``incident`` under the policy named ``policy``, and record it.

    With a ``signer`` it is theirs to hold and to hand on, once, to the agent, who may do nothing before that; see
    ``warrants.delegation``. Their person is barred from approving, and their key could approve under this policy.

    1. The policy is safe, knows the incident's severity, and lets the agent hold its warrants.
    2. The approvers' keys are active in its namespace and endorsed now, of as many people as the policy asks for.
       Keys of people who raised the alert, or for whom the agent acts, are left out.
    3. Issuer, agent and approvers have different keys, and no approver's key is one that the server holds.
    4. Nobody stopped the namespace or the agent; who stops it now waits until this warrant is there to be taken back.

    Raises the ``WarrantError`` of the first that fails, or ``CustodyError``; then nothing was written.
    """
    rules = load(policy)  # 1
    require_usable(incident, rules)
    require_holder(agent, rules)
    if signer is not None:
        require_signer(signer, rules, incident.namespace)
        incident = replace(incident, barred_people=(*incident.barred_people, signer.person.external_id))
    terms = _terms(rules, barred_people(incident))
    person = person_acted_for(incident)
    acting = Acting(agent.name, person) if person else None
    keys = require_approvers(approvers, rules, incident.namespace, terms)  # 2
    issuer = lock_issuer()
    require_different_keys(issuer, agent, keys, signer)  # 3
    require_open(namespace=incident.namespace, agent=agent.name)  # 4
    holder = bytes(signer.public_key if signer else agent.public_key)
    row = _sign(rules, incident, issuer, agent, holder, keys, terms, acting)
    row.save(force_insert=True)
    if signer is not None:
        draft = child_of(tenuo_core.Warrant.from_bytes(row.data), holder=bytes(agent.public_key))
        Delegation.objects.create(warrant=row, person=signer.person.external_id, key=holder, draft=draft)
    append(
        chain=row.id,
        kind=EntryKind.WARRANT_MINTED,
        details=_details(row, rules, incident, agent, keys, signer),
        attachments={"policy": rules.text.encode()},
        label=incident.id,
        namespace=incident.namespace,
    )
    return as_minted(row)


def _sign(
    policy: Policy,
    incident: Incident,
    issuer: IssuerKey,
    agent: AgentIdentity,
    holder: bytes,
    approvers: list[ApproverKey],
    terms: Terms,
    acting: Acting | None,
) -> Warrant:
    lifetime = policy.lifetimes[incident.severity]
    plain = tenuo_core.Warrant.issue(
        tenuo_core.SigningKey.generate(),  # its place is taken by the issuer's
        capabilities=capabilities(policy, incident),
        ttl_seconds=lifetime,
        holder=_public(holder),
        required_approvers=[_public(key.public_key) for key in approvers],
        min_approvals=policy.min_approvals,
        approval_gates=approval_gates(policy, incident),
    )
    is_agents = holder == bytes(agent.public_key)
    warrant = with_extensions(
        plain,
        _extensions(terms, approvers, incident, acting),
        signer_of(issuer),
        maximum_depth=policy.sub_agents if is_agents else HANDED_ON_ONCE,
    )
    expires_at = datetime.fromisoformat(warrant.expires_at())
    return Warrant(
        id=warrant.id,
        data=bytes(warrant.to_bytes()),
        issuer=issuer,
        agent=agent,
        policy_name=policy.name,
        policy_version=policy.version,
        policy_digest=policy.digest,
        step_up_seconds=policy.step_up_seconds,
        reading_seconds=policy.reading_seconds,
        approvals_per_hour=policy.approvals_per_hour,
        confirmed_arguments=policy.confirmed_arguments,
        incident_id=incident.id,
        severity=incident.severity,
        service=incident.service,
        namespace=incident.namespace,
        issued_at=expires_at - timedelta(seconds=lifetime),
        expires_at=expires_at,
    )


def _extensions(
    terms: Terms, approvers: list[ApproverKey], incident: Incident, acting: Acting | None
) -> dict[str, bytes]:
    same_person = quorum.same_person((bytes(key.public_key), key.person.external_id) for key in approvers)
    return {
        EXTENSION: terms.to_bytes(),
        place.EXTENSION: place.to_bytes(incident.namespace),
        **({quorum.EXTENSION: same_person} if same_person else {}),
        **({ACTING: acting.to_bytes()} if acting else {}),
    }


def _terms(policy: Policy, barred: tuple[str, ...]) -> Terms:
    return Terms(
        policy=policy.name,
        policy_version=policy.version,
        policy_digest=policy.digest,
        approval_seconds=policy.approval_seconds or 0,
        one_denial_ends=policy.one_denial_ends,
        barred_people=barred,
    )


def _details(
    row: Warrant,
    policy: Policy,
    incident: Incident,
    agent: AgentIdentity,
    approvers: list[ApproverKey],
    signer: ApproverKey | None,
) -> dict[str, object]:
    signs = {"signer": {"key": bytes(signer.public_key), "person": signer.person.external_id}} if signer else {}
    return {
        "warrant_chain": [bytes(row.data)],
        "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
        "incident": {
            "id": incident.id,
            "title": incident.title,
            "severity": incident.severity,
            "service": incident.service,
        },
        "agent": {"name": agent.name, "holder": bytes(agent.public_key)},
        "approvers": [{"key": bytes(key.public_key), "person": key.person.external_id} for key in approvers],
        "endorsements": endorsements(),
        **signs,
    }


def _public(key: bytes | memoryview) -> tenuo_core.PublicKey:
    return tenuo_core.PublicKey.from_bytes(bytes(key))
