"""The agent's run without Temporal and without people, to record what a model says.

The same prompts, the same tools on an estate of its own, the same warrant deciding each call; at a
gate, the answer that the recording was asked to take.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import tenuo_core

from approvals.contracts import APPROVAL_DENIED, APPROVAL_EXPIRED
from workers.incident.activities import TOOL_FAILED
from workers.incident.calls import SPECS, CallRefused, Scalar, arguments_for, cut
from workers.incident.contracts import (
    MAXIMUM_TURNS,
    RESULT_CHARACTERS,
    IncidentBrief,
    ModelAnswer,
    ModelRequest,
    OutcomeKind,
    Step,
)
from workers.incident.estate import Estate, EstateError
from workers.incident.models.cassettes.tape import Tape
from workers.incident.models.providers import ModelProvider

_WORLD = "rehearsal"


class GateAnswer(StrEnum):
    """What people say at every gate of a rehearsal."""

    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    EXPIRED_WITH_WARRANT = "expired-with-warrant"  # they waited until the warrant ended too


@dataclass
class Rehearsal:
    provider: ModelProvider
    warrant: tenuo_core.Warrant
    estate: Estate
    at_gates: GateAnswer
    model: str
    warrant_is_over: bool = False

    async def record(self, brief: IncidentBrief, tape: Tape) -> Tape:
        """Return ``tape`` with every turn of one run. Raises ``ModelError``, leaving what was recorded unused."""
        steps: list[Step] = []
        for _turn in range(MAXIMUM_TURNS):
            request = ModelRequest(brief, list(steps))
            answer = await self.provider.answer(request)
            tape = tape.with_turn(request, answer, model=self.model)
            if not answer.tool:
                break
            steps.append(self._act(answer))
        return tape

    def _act(self, answer: ModelAnswer) -> Step:
        try:
            outcome, text, code = self._outcome(answer.tool, arguments_for(answer))
        except CallRefused as refusal:
            outcome, text, code = OutcomeKind.REFUSED, refusal.sentence, refusal.code
        return Step(answer.tool, answer.arguments_json, answer.text, outcome, text, code)

    def _outcome(self, tool: str, values: list[Scalar]) -> tuple[OutcomeKind, str, str]:
        arguments = dict(zip(SPECS[tool].parameters, values, strict=True))
        if self.warrant_is_over:
            return OutcomeKind.DENIED, "The warrant has expired.", "WARRANT_EXPIRED"
        if tool not in self.warrant.tools:
            return OutcomeKind.DENIED, f"The warrant does not allow {tool}.", "tool_not_authorized"
        violation = self.warrant.check_constraints(tool, arguments)
        if violation is not None:
            return OutcomeKind.DENIED, str(violation), "constraint_violation"
        if tenuo_core.evaluate_approval_gates(self.warrant, tool, arguments):
            return self._at_gate(tool, arguments)
        return self._on_estate(tool, arguments)

    def _at_gate(self, tool: str, arguments: dict[str, Scalar]) -> tuple[OutcomeKind, str, str]:
        if self.at_gates == GateAnswer.APPROVED:
            return self._on_estate(tool, arguments)
        if self.at_gates == GateAnswer.DENIED:
            return OutcomeKind.APPROVAL_DENIED, f"A person denied {tool}: not now.", APPROVAL_DENIED
        self.warrant_is_over = self.at_gates == GateAnswer.EXPIRED_WITH_WARRANT
        return OutcomeKind.APPROVAL_EXPIRED, f"Nobody decided on {tool} in time.", APPROVAL_EXPIRED

    def _on_estate(self, tool: str, arguments: dict[str, Scalar]) -> tuple[OutcomeKind, str, str]:
        where = {"world": _WORLD, "dispatch": _WORLD} if SPECS[tool].changes_things else {"world": _WORLD}
        try:
            text = str(getattr(self.estate, tool)(**where, **arguments))
        except EstateError as error:
            return OutcomeKind.FAILED, str(error), TOOL_FAILED
        return OutcomeKind.OK, cut(text, RESULT_CHARACTERS), ""
