"""Promise 8: content from an agent is data.

The attacker is the agent, or whoever writes what it reads. They put script, markup, template code, bidirectional and
invisible characters, look-alikes, ten megabytes and a thousand levels into every field that they control. Each is
either refused by a typed error with nothing written, or shown inert with a mark where the eye would miss something.

Tried elsewhere: all fields of a request at once in ``tests/approvals/test_pages.py``; each character in
``tests/approvals/test_agent_text.py``; hostile arguments by form in ``tests/approvals/test_opening.py``; the terminal
in ``tests/workers/test_narration.py``; arguments as the browser shows them in ``tests/browser/``.
"""

from __future__ import annotations

import base64
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from approvals.contracts import CallRecord, Outcome, RunReport
from approvals.errors import ApprovalError
from approvals.models import ApprovalRequest, ClosedRun
from approvals.requests import services
from audit.ledger.errors import LedgerError
from audit.ledger.services import append
from audit.models import Attachment, LedgerEntry
from audit.statements import cbor
from audit.statements.kinds import EntryKind
from tests.approvals import factories
from tests.approvals.factories import Approver, base64_text

pytestmark = pytest.mark.django_db

EVIL = "x-evil"
PAYLOADS = {
    "script": f"<script>alert(1)</script><{EVIL}>",
    "handler": f'" onmouseover="alert(1)" x=\'<{EVIL}',
    "end of everything": f"</script></textarea></title></style>--><{EVIL} onerror=alert(1)>",
    "address": "javascript:alert(1)",
    "template": "{{ 7|add:7 }}{% debug %}{# hidden #}",
    "bidirectional": "\u202egnp.exe\u2066",
    "invisible": "pay\u200bments\ufeff\u2060",
    "control": "\x1b[31mred\x00\x07\x9b",
    "look-alike": "p\u0430yments",
    "surrogate": "lone \ud800",
    "ten megabytes": f"<{EVIL}>" * 1_000_000,
    "a thousand levels": "[" * 1000 + "]" * 1000,
}
MARKED = {"bidirectional": "⟨U+202E⟩", "invisible": "⟨U+200B⟩", "control": "⟨U+001B⟩", "look-alike": "⟨U+0430⟩"}


class Reading(HTMLParser):
    """What a browser would make of a page: what is alive in it, and what a person reads."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.alive: list[str] = []
        self.read: list[str] = []
        self._in_data = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attributes}
        self._in_data = tag == "script" and facts.get("type") == "application/json"
        is_script = tag == "script" and "src" not in facts and not self._in_data
        addresses = [facts.get(name, "").strip().lower() for name in ("href", "src", "action")]
        if tag == EVIL or is_script or any(address.startswith("javascript:") for address in addresses):
            self.alive.append(self.get_starttag_text() or tag)
        self.alive.extend(name for name in facts if name.startswith("on") or name == "style")
        self.read.extend(facts.values())

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._in_data = False

    def handle_data(self, data: str) -> None:
        if not self._in_data:
            self.read.append(data)

    @property
    def hidden(self) -> set[str]:
        """Return the characters that a person would not see."""
        text = "".join(self.read)
        return {c for c in set(text) - set("\n\r\t") if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")}


@dataclass
class Attack:
    """An agent with a request that waits, at a place where it can put ``payload``."""

    ada: Approver
    waiting: ApprovalRequest
    minted: factories.Minted

    def open(self, tool: str = factories.TOOL, arguments: dict[str, Any] | None = None, **changes: Any) -> None:
        services.open(gate_request=factories.gate_request(self.minted, tool=tool, arguments=arguments, **changes))

    def open_as(self, **changes: Any) -> None:
        services.open(gate_request=replace(factories.gate_request(self.minted), **changes))

    def close(self, status: str = "failed", **changes: Any) -> None:
        services.close(outcome=Outcome(self.waiting.pk, status, 1, **changes))

    def end_run(self, **changes: Any) -> None:
        facts = {"workflow_id": self.waiting.workflow_id, "run_id": self.waiting.run_id, "status": "failed", **changes}
        services.record_run(
            report=RunReport(chain=self.waiting.chain, namespace="default", at_ms=1_790_000_000_000, **facts)
        )

    def history(self, **changes: Any) -> None:
        line = CallRecord(tool="read_logs", verdict="denied", at_ms=1, code="revoked", detail="No.")
        self.open(history=[replace(line, **changes)])

    def receipt(self, *, arguments_cbor: str = "", **changes: Any) -> None:
        """Leave a receipt in the ledger, as a worker could whose endorsed key the agent's team holds."""
        details = {
            "receipt": b"",
            "tool": "read_logs",
            "warrant_chain": self.minted.chain,
            "proof_of_possession": b"",
            "approvals": [],
            "namespace": "default",
            "workflow_id": self.waiting.workflow_id,
            "run_id": self.waiting.run_id,
            "activity_id": "1",
            "attempt": 1,
            "decided_at_ms": 1_790_000_000_000,
            "worker": "worker",
            "worker_sequence": 1,
            "request_id": "1",
            "code": "revoked",
            "detail": "No.",
        }
        arguments = base64.b64decode(arguments_cbor) or cbor.encode({"service": "checkout"})
        with transaction.atomic():
            append(
                chain=self.waiting.chain,
                kind=EntryKind.CALL_DENIED,
                details={**details, **changes},
                attachments={"arguments": arguments},
            )


def _cbor(value: Any) -> str:
    return base64_text(cbor.encode(value))


FIELDS: dict[str, Callable[[Attack, str], None]] = {
    "an argument": lambda at, text: at.open("run_query", {"text": text}),
    "a list in an argument": lambda at, text: at.open("run_query", {"text": [text, text]}),
    "reasoning": lambda at, text: at.open(reasoning=text),
    "gate message": lambda at, text: at.open(gate_message=text),
    "workflow id": lambda at, text: at.open(workflow_id=text),
    "workflow type": lambda at, text: at.open(workflow_type=text),
    "run id": lambda at, text: at.open(run_id=text),
    "tool": lambda at, text: at.open_as(tool=text),
    "history: tool": lambda at, text: at.history(tool=text),
    "history: code": lambda at, text: at.history(code=text),
    "history: detail": lambda at, text: at.history(detail=text),
    "history: argument name": lambda at, text: at.history(arguments_cbor=_cbor({text: 1})),
    "history: argument": lambda at, text: at.history(arguments_cbor=_cbor({"text": text})),
    "error type": lambda at, text: at.close(error_type=text),
    "error": lambda at, text: at.close(detail=text),
    "result": lambda at, text: at.close("executed", result_json=text),
    "withdrawal": lambda at, text: at.close("withdrawn", detail=text),
    "end of run": lambda at, text: at.end_run(detail=text),
    "status of run": lambda at, text: at.end_run(status=text),
    "receipt: tool": lambda at, text: at.receipt(tool=text),
    "receipt: code": lambda at, text: at.receipt(code=text),
    "receipt: detail": lambda at, text: at.receipt(detail=text),
    "receipt: argument": lambda at, text: at.receipt(arguments_cbor=_cbor({"text": text})),
    "receipt: argument name": lambda at, text: at.receipt(arguments_cbor=_cbor({text: "x"})),
    "receipt: workflow id": lambda at, text: at.receipt(workflow_id=text),
    "receipt: activity id": lambda at, text: at.receipt(activity_id=text),
    "receipt: request id": lambda at, text: at.receipt(request_id=text),
    "receipt: worker": lambda at, text: at.receipt(worker=text),
}
# Where the person looks: what was taken into these fields must be seen there, with its mark.
SHOWN = ["an argument", "reasoning", "history: tool", "history: detail", "error", "result", "receipt: detail"]


@pytest.fixture
def attack() -> Attack:
    ada = factories.approver("ada")
    minted = factories.mint(ada)
    incident = {"id": "P1042", "title": "High error rate", "severity": "high", "service": "payments"}
    with transaction.atomic():
        append(
            chain=minted.leaf.id,
            kind=EntryKind.WARRANT_MINTED,
            details={"warrant_chain": minted.chain, "incident": incident, "agent": {"name": "agent", "holder": b""}},
            label="P1042",
        )
    return Attack(ada, services.open(gate_request=factories.gate_request(minted)), minted)


@pytest.fixture
def as_ada(client: Client, attack: Attack) -> Client:
    client.force_login(attack.ada.person)
    return client


def written() -> tuple[Any, ...]:
    rows = (ApprovalRequest, LedgerEntry, Attachment, ClosedRun)
    return (*[model.objects.count() for model in rows], *ApprovalRequest.objects.order_by("pk").values_list())


def pages(as_ada: Client, attack: Attack) -> list[str]:
    """Return every page that could show something of the agent's; none of them may fail."""
    urls = [reverse("approvals:queue"), reverse("approvals:list"), reverse("audit:incidents")]
    for request_id in ApprovalRequest.objects.values_list("pk", flat=True):
        urls += [reverse(f"approvals:{name}", args=[request_id]) for name in ("request", "card", "progress")]
    urls += [reverse(f"audit:{name}", args=[attack.waiting.chain]) for name in ("incident", "tree")]
    answers = [as_ada.get(url, {"show": "all"} if "approvals" in url else {}) for url in urls]
    assert [answer.status_code for answer in answers] == [200] * len(urls)
    return [answer.content.decode() for answer in answers]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_an_agent_says_is_refused_whole_or_shown_inert(
    as_ada: Client, attack: Attack, field: str, payload: str
) -> None:
    before = written()
    try:
        FIELDS[field](attack, PAYLOADS[payload])
    except (ApprovalError, LedgerError, cbor.MalformedBytes):
        assert written() == before, "nothing is half written"
        assert field not in SHOWN or payload in ("ten megabytes", "surrogate")
        return
    readings = [Reading(page) for page in pages(as_ada, attack)]
    assert [alive for reading in readings for alive in reading.alive] == []
    assert set().union(*(reading.hidden for reading in readings)) == set()
    if field in SHOWN and payload in MARKED:
        assert any(MARKED[payload] in "".join(reading.read) for reading in readings)


def test_the_reader_of_these_tests_sees_what_is_alive() -> None:
    """So that the test above can fail."""
    for alive in (
        f"<{EVIL}>", "<script>alert(1)</script>", "<p onclick='x'>", "<a href=' javascript:alert(1)'>", "<p style='x'>",
    ):  # fmt: skip
        assert Reading(alive).alive
    inert = '<script src="/app.js"></script><script type="application/json">"<p onclick=x>"</script><a href="/">x</a>'
    assert Reading(inert).alive == []
    assert Reading("<p title='\u202e'>\u200b").hidden == {"\u202e", "\u200b"}


DEPTHS = {"list": lambda levels: b"\x81" * levels + b"\x01", "map": lambda levels: b"\xa1\x61x" * levels + b"\x01"}


@pytest.mark.parametrize("shape", DEPTHS)
@pytest.mark.parametrize("levels", [40, 1000, 100_000])
def test_deep_arguments_break_nothing(as_ada: Client, attack: Attack, shape: str, levels: int) -> None:
    deep = base64_text(b"\xa1\x64text" + DEPTHS[shape](levels))
    before = written()
    with pytest.raises(ApprovalError):
        attack.open("run_query", arguments_cbor=deep)
    assert written() == before
    for put in (attack.history, attack.receipt):
        try:
            put(arguments_cbor=deep)
        except ApprovalError:
            continue
    assert pages(as_ada, attack)


def test_a_great_many_lines_are_shown_in_good_time(as_ada: Client, attack: Attack) -> None:
    line = CallRecord(tool="<x-evil>" * 20, verdict="denied", at_ms=1, code="x" * 200, detail="y" * 10_000)
    attack.open(history=[line] * 2000)
    for number in range(1, 301):
        attack.receipt(worker_sequence=number, detail="<x-evil>" * 100)
    began = time.monotonic()
    assert all(not Reading(page).alive for page in pages(as_ada, attack))
    assert time.monotonic() - began < 20
