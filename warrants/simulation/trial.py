"""What Tenuo says to a call under a policy: a warrant is minted in memory, and Tenuo's own enforcement asked.

The warrant is made as any other, by ``warrants.minting.compilation``, but by keys that were made for it, that no worker
trusts and that nobody keeps. It is neither stored nor shown, and expires within minutes.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tenuo_core
from tenuo._enforcement import EnforcementResult, verify_inbound_call
from tenuo.exceptions import (
    ApprovalGateTriggered,
    ConstraintViolation,
    InsufficientApprovals,
    TenuoError,
    ToolNotAuthorized,
)

from warrants.catalogue.contracts import CatalogueTool
from warrants.minting.checks import require_usable
from warrants.minting.compilation import approval_gates, capabilities
from warrants.minting.contracts import Incident
from warrants.policies.gates import Form
from warrants.policies.reading import Place, places
from warrants.policies.rules import Policy
from warrants.simulation.calls import MALFORMED_ARGUMENTS, WRONG_TYPE, misfit, unsignable
from warrants.simulation.contracts import Answer, Outcome, Reason

LIFETIME_SECONDS = 120
_ASKS = "approval_required"
# Tenuo's own words, as it has them for what its enforcement refuses.
_CODES = {ConstraintViolation: "constraint_violation", ToolNotAuthorized: "tool_not_allowed"}
_MAXIMUM_REASONS = 20
_MAXIMUM_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Decision:
    """What Tenuo said: ``code`` is its word for a call that does not run, ``argument`` the one that it names."""

    outcome: Outcome
    code: str = ""
    argument: str = ""
    message: str = ""


class Trial:
    """A policy as one warrant has it, for an incident of ``severity`` and ``service``.

    Raises ``InvalidIncident`` for one that no warrant would be minted for.
    """

    def __init__(self, policy: Policy, *, severity: str, service: str, namespace: str) -> None:
        self.policy = policy
        self._incident = Incident("simulation", "Simulation", severity, service, namespace)
        require_usable(self._incident, policy)
        self._issuer, self._holder = tenuo_core.SigningKey.generate(), tenuo_core.SigningKey.generate()
        self._gates = approval_gates(policy, self._incident)
        self._warrant = self._issued(self._gates)
        self._authorizer = tenuo_core.Authorizer(trusted_roots=[self._issuer.public_key])

    def decide(self, tool: str, arguments: Mapping[str, Any], forms: Sequence[CatalogueTool] | None = None) -> Decision:
        """Return what becomes of the call.

        ``forms`` are those in which workers have the tool, as far as that is known; None for a call that reached one.
        """
        if unsignable(tool, arguments):
            return Decision(Outcome.DENIED, MALFORMED_ARGUMENTS)
        if forms is not None and tool in self.policy.tools and misfit(arguments, forms):
            return Decision(Outcome.DENIED, WRONG_TYPE)
        said = self._enforced(tool, dict(arguments))
        if said.allowed:
            return Decision(Outcome.ALLOWED)
        code, message = said.error_type or "authorization_failed", said.denial_reason or ""
        outcome = Outcome.GATED if code == _ASKS else Outcome.DENIED
        return Decision(outcome, code, said.constraint_violated or "", message)

    def answer(self, tool: str, arguments: Mapping[str, Any], forms: Sequence[CatalogueTool] = ()) -> Answer:
        """Return the same with what decided it."""
        decision = self.decide(tool, arguments, forms)
        gate = self.policy.tools[tool].gate if tool in self.policy.tools else None
        if decision.outcome is Outcome.ALLOWED:
            reasons = [self._ruled(f"tools.{tool}.gate", "Its gate does not ask about these values.")] if gate else []
            return Answer(tool, decision.outcome, tuple(reasons))
        if decision.outcome is Outcome.GATED:
            return Answer(
                tool,
                decision.outcome,
                tuple(self._asking(tool, arguments)),
                decision.code,
                decision.message,
                self._warrant.approval_threshold(),
            )
        reasons = self._refusing(tool, arguments, forms, decision)
        return Answer(tool, decision.outcome, tuple(reasons[:_MAXIMUM_REASONS]), decision.code)

    def _issued(self, gates: Mapping[str, object]) -> tenuo_core.Warrant:
        return tenuo_core.Warrant.issue(
            self._issuer,
            capabilities=capabilities(self.policy, self._incident),
            ttl_seconds=LIFETIME_SECONDS,
            holder=self._holder.public_key,
            required_approvers=[tenuo_core.SigningKey.generate().public_key for _ in range(self.policy.min_approvals)],
            min_approvals=self.policy.min_approvals,
            approval_gates=gates,
        )

    def _enforced(self, tool: str, arguments: dict[str, Any]) -> EnforcementResult:
        """Return what Tenuo says: first its core, then its enforcement, as its plugin asks them at a worker."""
        try:
            proof = bytes(self._warrant.sign(self._holder, tool, arguments, int(time.time())))
            with suppress(ApprovalGateTriggered, InsufficientApprovals):
                self._authorizer.check_chain([self._warrant], tool, arguments, signature=proof, approvals=[])
            with _unlogged():
                return verify_inbound_call(
                    tool_name=tool,
                    tool_args=arguments,
                    warrant=self._warrant,
                    pop_signature=proof,
                    authorizer=self._authorizer,
                    approvals=[],
                )
        except (TenuoError, ValueError, TypeError) as error:
            code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), "authorization_failed")
            return EnforcementResult(False, tool, arguments, denial_reason=str(error), error_type=code)

    def _asking(self, tool: str, arguments: Mapping[str, Any]) -> list[Reason]:
        """Return what asks: Tenuo is asked about a gate of each argument alone."""
        gate = self.policy.tools[tool].gate
        if gate is None or gate.form is Form.ALWAYS:
            return [self._ruled(f"tools.{tool}.gate.always", "Every call of it stops.")]
        word = "is not among the values that are exempt" if gate.form is Form.UNLESS else "is a value that stops"
        return [
            self._ruled(f"tools.{tool}.gate.{gate.form}.{name}", f"{name} {word}.", name)
            for name in gate.arguments
            if tenuo_core.evaluate_approval_gates(self._gated_by(tool, name), tool, dict(arguments))
        ]

    def _gated_by(self, tool: str, argument: str) -> tenuo_core.Warrant:
        whole: Any = self._gates[tool]
        return self._issued({tool: {**whole, "args": {argument: whole["args"][argument]}}})

    def _refusing(
        self, tool: str, arguments: Mapping[str, Any], forms: Sequence[CatalogueTool], decision: Decision
    ) -> list[Reason]:
        early = unsignable(tool, arguments)
        if early is None and tool not in self.policy.tools:
            return [Reason(f"The policy has no tool {tool}. It has {', '.join(self.policy.tools)}.")]
        early = early or misfit(arguments, forms)
        if early is not None:
            return [early]
        declared = self.policy.tools[tool].arguments
        missing = [name for name in declared if name not in arguments]
        unknown = [name for name in arguments if name not in declared]
        refused = [name for name in declared if name in arguments and not self._allows(tool, name, arguments[name])]
        here = f"tools.{tool}.arguments"
        return [
            *(self._ruled(f"{here}.{name}", f"{name} may not be {_shown(arguments[name])}.", name) for name in refused),
            *(self._ruled(f"{here}.{name}", f"{name} is not given, and every one must be.", name) for name in missing),
            *(Reason(f"{name} is not declared: the tool takes {', '.join(declared)}.", name) for name in unknown),
        ] or [Reason(decision.message or decision.code, decision.argument)]

    def _allows(self, tool: str, name: str, value: object) -> bool:
        """Return whether the argument alone would pass."""
        rule = capabilities(self.policy, self._incident)[tool][name]
        alone = tenuo_core.Warrant.issue(self._issuer, capabilities={tool: {name: rule}}, ttl_seconds=LIFETIME_SECONDS)
        return alone.check_constraints(tool, {name: value}) is None

    def _ruled(self, path: str, sentence: str, argument: str = "") -> Reason:
        place = self._places.get(path)
        if place is None:
            return Reason(sentence, argument)
        return Reason(sentence, argument, place.line, _dedented(self.policy.text[place.start : place.end]))

    @cached_property
    def _places(self) -> Mapping[str, Place]:
        return places(self.policy.text)


_trying: ContextVar[bool] = ContextVar("countersign_trying", default=False)


class _Trials(logging.Filter):
    """Tenuo logs every call that it authorizes. Of one that nobody made, the log must say nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _trying.get()


logging.getLogger("tenuo.enforcement").addFilter(_Trials())


@contextmanager
def _unlogged() -> Iterator[None]:
    token = _trying.set(True)
    try:
        yield
    finally:
        _trying.reset(token)


def _shown(value: object) -> str:
    """Return a value as JSON, in which 1, 1.0 and "1" look different, or its beginning."""
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= _MAXIMUM_SHOWN else f"{written[:_MAXIMUM_SHOWN]}…"


def _dedented(text: str) -> str:
    """Return a piece of YAML whose first line was cut out of its indentation, in that of its other lines."""
    first, *others = text.splitlines()
    indents = [len(line) - len(line.lstrip()) for line in others if line.strip()]
    least = min(indents, default=2) - 2
    return "\n".join([first, *(line[max(least, 0) :] for line in others)])
