"""What a policy allows that the one before it did not. Pure.

Tenuo compares the rules. What it cannot compare counts as wider: better one mark too many.
"""

from __future__ import annotations

from collections.abc import Iterator

from accounts.keys.contracts import KeyStrength
from warrants.policies.compiling import allows, is_within
from warrants.policies.constraints import Constraint
from warrants.policies.gates import Form, Gate, texts_of
from warrants.policies.rules import UNLIMITED_SUB_AGENTS, Policy, Tool


def widenings(before: Policy, after: Policy) -> Iterator[tuple[str, str]]:
    """Yield the path and a sentence for everything in ``after`` that allows more, or asks less of people."""
    yield from _terms(before, after)
    for name, tool in after.tools.items():
        path = f"tools.{name}"
        if name not in before.tools:
            yield path, "Wider: the version before did not allow this tool at all."
            continue
        earlier = before.tools[name]
        yield from _arguments(path, earlier, tool)
        yield from _gates(f"{path}.gate" if tool.gate else path, earlier.gate, tool.gate)


def _terms(before: Policy, after: Policy) -> Iterator[tuple[str, str]]:
    for severity, seconds in after.lifetimes.items():
        earlier = before.lifetimes.get(severity)
        if earlier is None:
            yield f"lifetimes.{severity}", "Wider: no warrant was minted for this severity before."
        elif seconds > earlier:
            yield f"lifetimes.{severity}", "Wider: warrants live longer than before."
    if after.min_approvals < before.min_approvals:
        yield "min_approvals", f"Wider: {before.min_approvals} people had to approve before."
    if before.approver_key_strength is KeyStrength.STRONG and after.approver_key_strength is not KeyStrength.STRONG:
        yield "approver_key_strength", "Wider: approvers needed strong keys before."
    if after.endorsers < before.endorsers:
        yield "endorsers", f"Wider: {before.endorsers} people had to stand behind an approver's key before."
    for name, word in (("step_up_seconds", "a second factor"), ("approval_seconds", "an approval")):
        old, new = getattr(before, name), getattr(after, name)
        if old is not None and (new is None or new > old):
            yield name, f"Wider: {word} was good for {old} seconds at most before."
    if before.reading_seconds and (after.reading_seconds or 0) < before.reading_seconds:
        yield "reading_seconds", f"Wider: approvers had to read for {before.reading_seconds} seconds before."
    if before.approvals_per_hour and (after.approvals_per_hour or before.approvals_per_hour + 1) > (
        before.approvals_per_hour
    ):
        yield "approvals_per_hour", f"Wider: one person gave {before.approvals_per_hour} approvals an hour before."
    if before.one_denial_ends and not after.one_denial_ends:
        yield "one_denial_ends", "Wider: one denial ended a request before."
    yield from _parties(before, after)


def _parties(before: Policy, after: Policy) -> Iterator[tuple[str, str]]:
    """Yield who may act and decide now. Fewer approvers are told too: they decide alone what others saw before."""
    if before.agents and (not after.agents or set(after.agents) - set(before.agents)):
        yield "agents", f"Wider: only {', '.join(before.agents)} could hold a warrant before."
    old, new = (UNLIMITED_SUB_AGENTS if one.sub_agents is None else one.sub_agents for one in (before, after))
    if new > old:
        yield "sub_agents", f"Wider: warrants could be handed on {old} times at most before."
    if before.approvers and (not after.approvers or set(after.approvers) - set(before.approvers)):
        yield "approvers", "Wider: only the people whom the version before named could approve."
    if after.approvers and (not before.approvers or set(before.approvers) - set(after.approvers)):
        yield "approvers", "Wider: people who could approve before no longer can, so that the others decide alone."


def _arguments(path: str, before: Tool, after: Tool) -> Iterator[tuple[str, str]]:
    for name, rule in after.arguments.items():
        earlier = before.arguments.get(name)
        if earlier is None:
            yield f"{path}.arguments.{name}", "Wider: the tool was called without this argument before."
        elif not _holds(earlier, rule):
            yield f"{path}.arguments.{name}", "Wider: this may be what it could not be in the version before."
    for name in before.arguments:
        if name not in after.arguments:
            yield f"{path}.arguments", f"Wider: {name} is limited no longer, the tool is called without it."


def _holds(outer: Constraint, inner: Constraint) -> bool:
    if inner == outer:
        return True
    texts = texts_of(inner)
    if texts is not None:
        return all(allows(outer, text) for text in texts)
    return is_within(inner, outer)


def _gates(path: str, before: Gate | None, after: Gate | None) -> Iterator[tuple[str, str]]:
    if before is None:
        return
    if after is None:
        yield path, "Wider: calls of this tool stopped for people before, and no longer do."
        return
    if before.confirm and after.confirm != before.confirm:
        yield path, f"Wider: approvers had to type {before.confirm} before."
    if after.form is Form.ALWAYS:
        return
    if not _stops_as_much(before, after):
        yield f"{path}.{after.form}", "Wider: calls run without a person that stopped before."


def _stops_as_much(before: Gate, after: Gate) -> bool:
    """Return whether every call that stopped still does. A call stops as soon as one argument asks for it."""
    if before.form is not after.form:
        return False
    for name, earlier in before.arguments.items():
        condition = after.arguments.get(name)
        if condition is None:
            return False
        inner, outer = (condition, earlier) if after.form is Form.UNLESS else (earlier, condition)
        if not _holds(outer, inner):
            return False
    return True
