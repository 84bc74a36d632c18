"""The ledger in the words of a terminal: one line per entry, and a chain as a tree. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.agent_text import visible
from approvals.signing import denial
from audit.ledger.contracts import IncidentTree, TreeLine
from audit.statements.kinds import EntryKind
from audit.statements.statements import MalformedStatement

_TAG = 9
_SUBJECT = 22
_GREEN, _YELLOW, _RED, _CYAN, _DIM = "32", "33", "31", "36", "2"

_REFUSALS = {
    "tool_not_allowed": "not in the warrant",
    "tool_not_authorized": "not in the warrant",
    "constraint_violation": "outside what the warrant allows",
    "CONSTRAINT_VIOLATED": "outside what the warrant allows",
    "revoked": "the warrant was revoked",
    "WARRANT_EXPIRED": "the warrant has expired",
    "POP_VERIFICATION_FAILED": "the agent's proof was too old",
    "APPROVAL_REPLAYED": "the approval was used before",
    "APPROVAL_LIFETIME": "the approval lives too long",
    "APPROVAL_LAPSED": "the approval expired before a worker was there",
    "APPROVAL_BY_A_PARTY": "an agent's or an issuer's key signed",
    "APPROVER_NOT_ENDORSED": "the approver's key is not endorsed",
    "APPROVER_KEY_REVOKED": "the approver's key was revoked",
    "APPROVAL_FLOOR": "this worker always asks people",
    "WARRANT_ELSEWHERE": "the warrant is for another namespace",
    "APPROVAL_UNBOUND": "the approval is not for this request",
}


@dataclass(frozen=True)
class Signer:
    """Whose key signed: a name for people, the key's short fingerprint, and where it is kept."""

    name: str
    key: str
    place: str

    def __str__(self) -> str:
        return f"{one_line(self.name)} (key {self.key[:4]}…, {self.place})"


@dataclass(frozen=True)
class Telling:
    """One line. ``colour`` is a terminal's colour code, used only where there is a terminal."""

    tag: str
    text: str
    colour: str

    def render(self, *, in_colour: bool) -> str:
        tag = f"\x1b[{self.colour}m{self.tag}\x1b[0m" if in_colour else self.tag
        return f"{tag}{' ' * (_TAG - len(self.tag))}{self.text}"


def tell(kind: str, details: Mapping[str, Any], *, signer: Signer | None, site: str) -> Telling | None:
    """Return the line for an entry, or None if it needs none. ``signer`` is that of a decision or an enrolment."""
    tool = one_line(str(details.get("tool", "")))
    match kind:
        case EntryKind.WARRANT_MINTED:
            incident = details["incident"]
            what = f"{incident['severity']}: {incident['title']}"
            return Telling("[alert]", _columns(str(incident["id"]), what), _DIM)
        case EntryKind.WARRANT_ATTENUATED:
            return Telling("[agent]", _columns("handed on", _lost(details)), _DIM)
        case EntryKind.WARRANT_REVOKED:
            return Telling("[agent]", _columns("revoked", str(details.get("reason", ""))), _RED)
        case EntryKind.CALL_ALLOWED:
            signed = " (signed approval verified)" if details.get("approvals") else ""
            return Telling("[tool ✓]", _columns(tool, f"ALLOWED{signed}"), _GREEN)
        case EntryKind.CALL_DENIED:
            return Telling("[tool ✗]", _columns(tool, f"DENIED ({_refusal(details)})"), _RED)
        case EntryKind.CALL_GATED:
            return Telling("[gate]", _columns(tool, "approval_gate triggered (warrant requires a person)"), _YELLOW)
        case EntryKind.APPROVAL_REQUESTED:
            address = f"{site}/approvals/{details['request_id']}/"
            return Telling("[hitl]", _columns("awaiting approval", address), _CYAN)
        case EntryKind.APPROVAL_GRANTED:
            return Telling("[hitl ✓]", f"approved by {signer}", _GREEN)
        case EntryKind.APPROVAL_DENIED:
            return Telling("[hitl ✗]", f"denied by {signer}: {one_line(_reason(details))}", _RED)
        case EntryKind.APPROVAL_RETRACTED:
            return Telling("[hitl]", f"taken back by {signer}", _YELLOW)
        case EntryKind.APPROVAL_EXPIRED:
            return Telling("[hitl ✗]", "expired: nobody decided in time", _RED)
        case EntryKind.APPROVAL_WITHDRAWN:
            return Telling("[hitl ✗]", "withdrawn: the workflow no longer waits for it", _RED)
        case EntryKind.APPROVAL_SUPERSEDED:
            return Telling("[hitl ↻]", "asked again: the incident's page says why", _YELLOW)
        case EntryKind.CALL_RESULT if details.get("status") == "failed":
            return Telling("[tool ✗]", _columns(tool, f"FAILED ({one_line(str(details.get('error_type', '')))})"), _RED)
        case EntryKind.RUN_COMPLETED:
            return Telling("[done]", _columns(str(details["workflow_id"]), str(details["status"])), _DIM)
        case EntryKind.KEY_ENROLLED:
            return Telling("[key]", f"enrolled by {signer}", _DIM)
        case EntryKind.KEY_ENDORSED:
            return Telling("[key]", f"endorsed by {signer}", _GREEN)
        case EntryKind.PEOPLE_ROOT_ESTABLISHED:
            return Telling("[key]", f"people root established for {one_line(str(details['person']))}", _DIM)
    return None


def branches(tree: IncidentTree) -> list[str]:
    """Return the lines of an incident's receipt chain, what people were asked under the call that asked."""
    top: list[tuple[TreeLine, list[TreeLine]]] = []
    for line in tree.lines:
        gate = _gate_of(line, top) if line.request_id else None
        if gate is None:
            top.append((line, []))
        else:
            gate.append(line)
    drawn = []
    for line, below in top:
        is_last = line is top[-1][0]
        drawn.append(f"{_branch(is_last)} {_words(line)}")
        stem = "   " if is_last else "│  "
        drawn += [f"{stem}{_branch(inner is below[-1])} {_words(inner)}" for inner in below]
    return drawn


def one_line(text: str) -> str:
    """Return ``text`` fit for one line of a terminal: nothing in it moves the cursor or hides."""
    return visible(text).replace("\n", " ").replace("\t", " ")


def _branch(is_last: bool) -> str:
    return "└─" if is_last else "├─"


def _gate_of(line: TreeLine, top: list[tuple[TreeLine, list[TreeLine]]]) -> list[TreeLine] | None:
    for gate, below in reversed(top):
        if gate.kind == EntryKind.CALL_GATED and below and below[0].request_id == line.request_id:
            return below
        if gate.kind == EntryKind.CALL_GATED and not below and gate.tool == line.tool:
            return below
    return None


def _words(line: TreeLine) -> str:
    detail = f"  {one_line(line.detail)}" if line.detail else ""
    return f"{line.sequence:>3}  {one_line(line.title)}{detail}"


def _columns(subject: str, text: str) -> str:
    return f"{one_line(subject):<{_SUBJECT}}{'' if len(subject) < _SUBJECT else ' '}{one_line(text)}"


def _refusal(details: Mapping[str, Any]) -> str:
    code = str(details.get("code", ""))
    return _REFUSALS.get(code) or one_line(code) or "the worker refused it"


def _lost(details: Mapping[str, Any]) -> str:
    lost = [("without", details.get("tools_removed")), ("narrower:", details.get("tools_narrowed"))]
    said = [f"{word} {', '.join(map(str, names))}" for word, names in lost if isinstance(names, list) and names]
    return "; ".join(said) or "with all its tools"


def _reason(details: Mapping[str, Any]) -> str:
    try:
        return denial.parse(details["denial"]).reason
    except (MalformedStatement, KeyError):
        return "no readable reason"
