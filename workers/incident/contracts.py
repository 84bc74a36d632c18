"""The messages of the incident agent: between its workflow, its model and its tools.

Pure: no Django, no I/O. Every field survives a JSON round trip and is bounded, since all of it is
kept in the workflow's history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

AGENT_TASK_QUEUE = "incident-agents"
MODEL_TASK_QUEUE = "incident-models"
POLICY = "incident-response"
# What the agent may do beside, with the authority of the person it works for.
POLICY_FOR_A_PERSON = "incident-response-for-a-person"
CALL_MODEL_ACTIVITY = "call_model"

MAXIMUM_TURNS = 20
REASONING_CHARACTERS = 4_000
ARGUMENT_CHARACTERS = 2_000
ARGUMENTS_CHARACTERS = 8_000
RESULT_CHARACTERS = 4_000
DETAIL_CHARACTERS = 600


class OutcomeKind(StrEnum):
    """How one call of the agent ended."""

    OK = "ok"
    DENIED = "denied"  # the worker refused it: the warrant does not allow it
    APPROVAL_DENIED = "approval_denied"  # a person refused it
    APPROVAL_EXPIRED = "approval_expired"  # nobody answered in time
    REFUSED = "refused"  # never dispatched: no such tool, or arguments that do not fit it
    FAILED = "failed"  # it was allowed and dispatched, and did not succeed


class FinalStatus(StrEnum):
    ANSWERED = "answered"
    OUT_OF_TURNS = "out_of_turns"


@dataclass(frozen=True)
class IncidentBrief:
    """What the agent is told of its incident. ``scenario`` names the cassette when models are played back."""

    incident_id: str
    title: str
    severity: str
    service: str
    scenario: str = "incident"


@dataclass(frozen=True)
class Step:
    """One call that the agent wanted, and what came of it. ``code`` is the error's type, or empty."""

    tool: str
    arguments_json: str
    reasoning: str
    outcome: str  # OutcomeKind
    text: str
    code: str = ""


@dataclass(frozen=True)
class ModelRequest:
    """The conversation so far; the argument of ``CALL_MODEL_ACTIVITY``."""

    brief: IncidentBrief
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True)
class ModelCall:
    """Who answered, and what exactly was asked: for whoever reads the history later. The agent uses none of it.

    ``model`` is the name and version that the provider said it answered with, ``asked_for`` the one it was asked for,
    ``request_id`` the provider's id of the answer. ``instructions`` is the system prompt, ``messages`` how many
    messages followed it (their content is the request's), ``sent_sha256`` the digest of the whole body as sent (JSON
    with sorted keys and no spaces). ``attempt`` counts from 1; why earlier ones failed is in the history itself.
    """

    provider: str
    asked_for: str
    model: str = ""
    request_id: str = ""
    instructions: str = ""
    messages: int = 0
    sent_sha256: str = ""
    attempt: int = 1


@dataclass(frozen=True)
class ModelAnswer:
    """What the model wants next: a call when ``tool`` is set, otherwise its closing words in ``text``.

    ``arguments_json`` is always a JSON object; whether it fits the tool is for ``calls`` to say. Histories from before
    ``call`` have none.
    """

    text: str
    tool: str = ""
    arguments_json: str = "{}"
    call: ModelCall | None = field(default=None, compare=False)


@dataclass(frozen=True)
class IncidentReport:
    """How the agent's run ended."""

    status: str  # FinalStatus
    summary: str
    steps: list[Step]
