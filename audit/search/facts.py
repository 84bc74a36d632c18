"""What the index takes of an entry: who, what and when in plain, and the words that become tokens. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from audit.models.search import TermSource
from audit.search.words import leaves, whole, words, words_and_parts
from audit.statements import cbor
from audit.statements.kinds import EntryKind
from audit.verify.approvals import read_approval, read_denial
from audit.verify.fields import Fields
from audit.verify.steps import Refused, Step

_OTHERS = ("by", "endorser", "revoked_by")
_SAID_BY_AGENTS = {
    EntryKind.CALL_DENIED: "detail",
    EntryKind.APPROVAL_WITHDRAWN: "reason",
    EntryKind.APPROVAL_SUPERSEDED: "reason",
    EntryKind.RUN_COMPLETED: "detail",
}


@dataclass(slots=True)
class Facts:
    """``said``: the words of a reason or a title, and ``source`` whose they are. ``is_cut``: some could not be read."""

    tool: str = ""
    agent: str = ""
    person: str = ""
    by: str = ""
    key: str = ""
    by_key: str = ""
    request_id: str = ""
    workflow_id: str = ""
    said: str = ""
    source: TermSource = TermSource.SAID_BY_PEOPLE
    arguments: dict[str, Any] = field(default_factory=dict)
    is_cut: bool = False


def facts_of(kind: str, details: dict[str, Any], arguments: bytes | None) -> Facts:
    """Return what is known of an entry of ``kind`` from what it says, and the stored ``arguments`` of its call."""
    agent = details.get("agent")
    found = Facts(
        tool=_text(details.get("tool")),
        agent=_text(agent.get("name")) if isinstance(agent, dict) else "",
        person=_text(details.get("person")),
        by=_other(kind, details),
        key=_fingerprint(details.get("key")),
        by_key=_fingerprint(details.get("endorser_key")),
        request_id=_text(details.get("request_id")),
        workflow_id=_text(details.get("workflow_id")),
    )
    _say(found, kind, details)
    if arguments is not None:
        _argue(found, arguments)
    return found


def terms_of(facts: Facts) -> Iterator[tuple[TermSource, str, str]]:
    """Yield (source, name of the argument or nothing, word): whole values before words, each maybe several times."""
    values = [(name, leaf) for name, value in facts.arguments.items() for leaf in leaves(value)]
    for name, leaf in values:
        if value := whole(leaf):
            yield TermSource.ARGUMENT, name, value
            yield TermSource.ARGUMENT, "", value
    for word in words_and_parts(facts.said):
        yield facts.source, "", word
    for name, leaf in values:
        for word in words(leaf):
            yield TermSource.ARGUMENT, name, word
            yield TermSource.ARGUMENT, "", word


def _say(found: Facts, kind: str, details: dict[str, Any]) -> None:
    signed = Fields(details, Step.DECISION)
    try:
        match kind:
            case EntryKind.APPROVAL_GRANTED:
                found.said = read_approval(signed.data("approval"), Step.DECISION).reason
            case EntryKind.APPROVAL_DENIED:
                found.said = read_denial(signed.data("denial"), Step.DECISION).reason
            case EntryKind.WARRANT_MINTED:
                incident = details.get("incident")
                found.said = _text(incident.get("title")) if isinstance(incident, dict) else ""
            case _ if kind in _SAID_BY_AGENTS:
                found.said, found.source = (
                    _text(details.get(_SAID_BY_AGENTS[EntryKind(kind)])),
                    TermSource.SAID_BY_AGENTS,
                )
            case _:
                found.said = _text(details.get("reason"))
    except Refused:
        found.is_cut = True


def _argue(found: Facts, arguments: bytes) -> None:
    try:
        value = cbor.decode(arguments)
    except cbor.MalformedBytes:
        value = None
    if isinstance(value, dict):
        found.arguments = value
    else:
        found.is_cut = True


def _other(kind: str, details: dict[str, Any]) -> str:
    if kind == EntryKind.APPROVAL_SUPERSEDED:
        return ""  # its "by" is the request that takes over
    return next((text for name in _OTHERS if (text := _text(details.get(name)))), "")


def _text(value: Any) -> str:
    # PostgreSQL takes no NUL.
    return value.replace("\0", "") if isinstance(value, str) else ""


def _fingerprint(key: Any) -> str:
    return hashlib.sha256(key).hexdigest() if isinstance(key, bytes) and key else ""
