"""Which questions an endpoint may ask, and the warrant under which each is asked.

Whoever approves is this side's matter: a question stands under the policy of its endpoint and names its approvers,
never the caller's. Refusals are ``Refused``, with the word that Nexus has for them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from accounts.endorsements.queries import endorsed_keys
from approvals.texts import is_plain
from warrants.agents.services import ensure_agent
from warrants.errors import InvalidIncident, WarrantError
from warrants.minting.contracts import Incident, MintedWarrant
from warrants.minting.queries import minted_for
from warrants.minting.services import mint
from warrants.policies.queries import load
from warrants.policies.rules import Policy
from workers.answers.contracts import MAXIMUM_REFERENCE, AdmittedQuestion, ApprovalAsked
from workers.nexus.actions import BadArguments, fitted

MAXIMUM_REASONING = 20_000


class Refusal(StrEnum):
    """Why a question is not asked; the values are Nexus's handler error types."""

    BAD_REQUEST = "BAD_REQUEST"
    UNAUTHORIZED = "UNAUTHORIZED"
    UNAVAILABLE = "UNAVAILABLE"  # not now: Temporal asks again


class Refused(Exception):
    """The question is not asked; ``kind`` says whether asking again could help. The sentence is for the caller."""

    def __init__(self, kind: Refusal, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Asker:
    """An endpoint that may ask: ``policy`` names what and who approves it, ``namespace`` is where its workflows run."""

    endpoint: str
    policy: str
    namespace: str

    @property
    def agent(self) -> str:
        """The name of the holder of this endpoint's warrants."""
        return f"nexus-{self.endpoint}"


@dataclass(frozen=True, slots=True)
class Admission:
    """A question with its warrant, ready to start."""

    question: AdmittedQuestion
    warrant: MintedWarrant


def admit(asker: Asker, asked: ApprovalAsked, workflow_id: str) -> Admission:
    """Return ``asked`` as a question with a warrant of its own. Raises ``Refused``."""
    policy = load(asker.policy)
    question = _question(policy, asked)
    warrant = warrant_for(
        asker,
        policy,
        title=f"{asked.action} for {asker.endpoint}",
        workflow_id=workflow_id,
        barred_people=tuple(asked.requested_by),
    )
    return Admission(question, warrant)


def warrant_for(
    asker: Asker, policy: Policy, *, title: str, workflow_id: str, barred_people: tuple[str, ...] = ()
) -> MintedWarrant:
    """Return the warrant for one operation, minting it unless an earlier try did. Raises ``Refused``."""
    incident = Incident(
        id=label_of(workflow_id),
        title=title,
        severity=next(iter(policy.lifetimes)),
        service=asker.endpoint,
        namespace=asker.namespace,
        barred_people=barred_people,
    )
    earlier = minted_for(incident_id=incident.id, policy=policy.name)
    if earlier is not None:
        return earlier
    approvers = list(endorsed_keys(endorsers=policy.endorsers, namespace=asker.namespace))
    try:
        return mint(policy=policy.name, incident=incident, agent=ensure_agent(name=asker.agent), approvers=approvers)
    except InvalidIncident as error:
        raise Refused(Refusal.BAD_REQUEST, str(error)) from error
    except WarrantError as error:
        # Too few approvers, for example: people can change that while the caller waits.
        raise Refused(Refusal.UNAVAILABLE, str(error)) from error


def label_of(workflow_id: str) -> str:
    """Return the name of an operation's evidence: short, and the same at every try."""
    return f"nexus-{hashlib.sha256(workflow_id.encode()).hexdigest()[:16]}"


def _question(policy: Policy, asked: ApprovalAsked) -> AdmittedQuestion:
    tool = policy.tools.get(asked.action)
    if tool is None:
        raise Refused(
            Refusal.BAD_REQUEST,
            f"The policy {policy.name} knows no action {asked.action[:80]!r}. It knows {', '.join(policy.tools)}.",
        )
    if asked.reference and (not is_plain(asked.reference) or len(asked.reference) > MAXIMUM_REFERENCE):
        raise Refused(Refusal.BAD_REQUEST, f"reference must be {MAXIMUM_REFERENCE} printable characters at most.")
    if len(asked.reasoning) > MAXIMUM_REASONING:
        raise Refused(Refusal.BAD_REQUEST, f"reasoning must be {MAXIMUM_REASONING} characters at most.")
    try:
        arguments = fitted(tool, asked.arguments)
    except BadArguments as error:
        raise Refused(Refusal.BAD_REQUEST, str(error)) from error
    return AdmittedQuestion(asked, list(arguments), arguments, max(policy.lifetimes.values()))
