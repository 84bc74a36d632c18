"""A request as the terminal shows it, in the order of the browser's page."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from approvals.agent_text import visible
from approvals.arguments import as_lines
from approvals.cli import terminal, words
from approvals.cli.chain import WarrantChain
from approvals.cli.review import Examination
from approvals.cli.roots import fingerprint
from approvals.cli.words import moment, one_line
from approvals.contracts import CallVerdict
from audit.statements.terms import Terms


def request_lines(page: Mapping[str, Any], found: Examination, own_key: bytes | None) -> Iterator[str]:
    """Return the lines. ``page`` is what the site answered: only ``found`` was computed here."""
    yield from _what(page, found)
    yield from _why(page, found)
    yield from shown_lines(found)
    yield from _may(found, own_key)
    yield from check_lines(found)
    yield from _decided(page)


def shown_lines(found: Examination) -> Iterator[str]:
    """Return what the agent says and did before, which every signature covers."""
    yield from _says(found)
    yield from _before(found)


def check_lines(found: Examination) -> Iterator[str]:
    """Return every check by name, and what makes signing impossible."""
    yield _heading("Checked here")
    for check in found.checks:
        mark = terminal.coloured("holds", terminal.GREEN) if check.ok else terminal.coloured("FAILS", terminal.RED)
        yield f"  {mark}  {check.name}: {check.sentence}"
    for problem in found.problems:
        yield terminal.coloured(f"  It cannot be signed: {problem.field}: {problem.sentence}", terminal.RED)


def _what(page: Mapping[str, Any], found: Examination) -> Iterator[str]:
    card = _map(page.get("card"))
    yield _heading("What will happen")
    if found.claim is None or found.arguments is None:
        yield "  What will happen cannot be read from the bytes that would be signed."
        return
    yield f"  {visible(found.claim.tool)}"
    if not found.arguments:
        yield "    The call has no arguments."
    for name, value in found.arguments.items():
        yield from (f"    {line}" for line in words.value_lines(name, value))
    severity, agent = (one_line(card.get(name) or "not said") for name in ("severity", "agent"))
    yield f"  severity {severity}, agent {agent}, as the site says"
    yield f"  run {visible(found.claim.binding.workflow_id)} in {visible(found.claim.binding.namespace)}"
    yield f"  to be decided until {moment(found.claim.expires_at)}"


def _why(page: Mapping[str, Any], found: Examination) -> Iterator[str]:
    card = _map(page.get("card"))
    yield _heading("Why it stopped")
    if found.claim is not None and found.chain is not None:
        gate = found.chain.gates.get(found.claim.tool)
        for sentence in words.gate_sentences(gate) if gate is not None else []:
            yield f"  {sentence}"
    if found.display is not None and found.display.gate_message:
        yield f"  {one_line(found.display.gate_message)}"
    if page.get("why_again"):
        yield f"  Asked again. Given as the reason: {one_line(page['why_again'])}"
    yield f"  {card.get('approvals_given', 0)} of {card.get('approvals_needed', '?')} approvals given"


def _says(found: Examination) -> Iterator[str]:
    yield _heading("What the agent says (written by the agent, not verified)")
    if found.display is None:
        yield "  What the agent says cannot be read from the bytes that would be signed."
        return
    if not found.display.reasoning.strip():
        yield "  The agent gave no reason."
        return
    yield from (f"  | {line}" for line in visible(found.display.reasoning).split("\n"))


def _before(found: Examination) -> Iterator[str]:
    yield _heading("What happened before, in this run")
    if found.display is None:
        yield "  What happened before cannot be read from the bytes that would be signed."
        return
    if not found.display.history:
        yield "  Nothing."
    for line in found.display.history:
        pairs = as_lines(base64.b64decode(line.arguments_cbor))
        arguments = ", ".join(f"{one_line(name, 60)}={one_line(value, 120)}" for name, value in pairs)
        said = f"  {moment(line.at_ms / 1000)}  {line.verdict:8} {one_line(line.tool)}({arguments})"
        said += "".join(f"  {one_line(text)}" for text in (line.code, line.detail) if text)
        yield terminal.coloured(said, terminal.RED) if line.verdict == CallVerdict.DENIED else said


def _may(found: Examination, own_key: bytes | None) -> Iterator[str]:
    yield _heading("What it may do: the warrant, read here")
    if found.chain is None:
        yield "  The warrant cannot be read."
        return
    holds = any(check.name == "chain" and check.ok for check in found.checks)
    yield from (f"  {line}" for line in _warrant(found.chain, own_key, verified=holds))


def _warrant(chain: WarrantChain, own_key: bytes | None, *, verified: bool) -> Iterator[str]:
    yield f"{chain.leaf.id}, {'verified here' if verified else 'NOT verified here'}"
    yield f"root {_key(chain.root, own_key)}, held by {_key(bytes(chain.leaf.authorized_holder.to_bytes()), own_key)}"
    yield f"from {moment(chain.issued_at)} until {moment(chain.expires_at)}, handed on {len(chain.warrants) - 1} times"
    for tool, capability in chain.capabilities.items():
        constraints = _map(_map(capability).get("constraints"))
        rules = [f"{visible(str(name))}: {words.describe(rule)}" for name, rule in constraints.items()]
        if not constraints or _map(capability).get("allow_unknown") is True:
            rules.append("any other argument: anything")
        yield f"may {visible(str(tool))}: {'; '.join(rules)}"
    for tool, gate in chain.gates.items():
        yield f"asks people for {visible(str(tool))}: {'; '.join(words.gate_sentences(gate))}"
    if chain.acting:
        yield f"agent {one_line(chain.acting.agent)} for {one_line(chain.acting.person)}"
    yield from _terms(chain.terms)
    keys = sorted(chain.approvers, key=fingerprint)
    yield f"{chain.leaf.approval_threshold()} of these keys: {', '.join(_key(key, own_key) for key in keys)}"


def _terms(terms: Terms) -> Iterator[str]:
    yield f"policy {visible(terms.policy_label) or 'is not named'}"
    if terms.approval_seconds:
        yield f"an approval lives at most {terms.approval_seconds} s"
    if terms.one_denial_ends:
        yield "one denial ends a request"
    if terms.barred_people:
        yield f"must not approve: {', '.join(map(one_line, terms.barred_people))}"


def _decided(page: Mapping[str, Any]) -> Iterator[str]:
    card = _map(page.get("card"))
    yield _heading("How it stands, as the site says")
    yield f"  {one_line(card.get('state', 'unknown'))}"
    for line in map(_map, page.get("decisions") or []):
        reason = f": {one_line(line['reason'])}" if line.get("reason") else ""
        yield f"  {one_line(line.get('kind', '?'))} by {one_line(line.get('person', '?'))}{reason}"
    for step in map(_map, page.get("steps") or []):
        yield _step(step)
    if page.get("superseded_by"):
        yield f"  The same call is asked about anew, as {one_line(page['superseded_by'])}"
    if page.get("why_not"):
        yield f"  {one_line(page['why_not'])}"


def _step(step: Mapping[str, Any]) -> str:
    """Return how far one of signed, delivered, verified and executed is."""
    state, when = one_line(step.get("state", "?")), step.get("at") or step.get("since")
    since = "since " if step.get("state") == "stuck" else ""
    said = f"  {one_line(step.get('name', '?')):9} {'not reached' if state == 'none' else state}"
    said += f" {since}{one_line(when)}" if when else ""
    said += f": {one_line(step['detail'])}" if step.get("detail") else ""
    return terminal.coloured(said, terminal.RED) if state in ("stuck", "failed") else said


def _key(key: bytes, own_key: bytes | None) -> str:
    return fingerprint(key)[:16] + (" (your key here)" if key == own_key else "")


def _heading(text: str) -> str:
    return "\n" + terminal.coloured(text, terminal.BOLD)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
