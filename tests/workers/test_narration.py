"""What the terminal says, line by line."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from approvals.signing import denial
from approvals.signing.binding import Binding
from audit.ledger.contracts import IncidentCard, IncidentTree, Tone, TreeLine
from audit.statements.kinds import EntryKind
from audit.statements.statements import Context, sign
from workers.narration import Signer, branches, tell
from workers.narrator import Narrator

LEAD = Signer("the on-call lead", "3f9a1b2c", "browser")


def line(kind: str, details: dict[str, object], signer: Signer | None = None) -> str:
    telling = tell(kind, details, signer=signer, site="http://localhost:5050")
    assert telling is not None
    return telling.render(in_colour=False)


@pytest.mark.parametrize(
    ("kind", "details", "expected"),
    [
        (EntryKind.CALL_ALLOWED, {"tool": "read_logs", "approvals": []}, "[tool ✓] read_logs             ALLOWED"),
        (
            EntryKind.CALL_GATED,
            {"tool": "restart_service"},
            "[gate]   restart_service       approval_gate triggered (warrant requires a person)",
        ),
        (
            EntryKind.APPROVAL_REQUESTED,
            {"request_id": "apr_1"},
            "[hitl]   awaiting approval     http://localhost:5050/approvals/apr_1/",
        ),
        (
            EntryKind.APPROVAL_GRANTED,
            {"request_id": "apr_1"},
            "[hitl ✓] approved by the on-call lead (key 3f9a…, browser)",
        ),
        (
            EntryKind.CALL_ALLOWED,
            {"tool": "restart_service", "approvals": [b"signed"]},
            "[tool ✓] restart_service       ALLOWED (signed approval verified)",
        ),
        (
            EntryKind.CALL_DENIED,
            {"tool": "delete_database", "code": "tool_not_authorized"},
            "[tool ✗] delete_database       DENIED (not in the warrant)",
        ),
        (
            EntryKind.CALL_DENIED,
            {"tool": "escalate", "code": "constraint_violation"},
            "[tool ✗] escalate              DENIED (outside what the warrant allows)",
        ),
        (EntryKind.APPROVAL_EXPIRED, {"request_id": "apr_1"}, "[hitl ✗] expired: nobody decided in time"),
        (
            EntryKind.RUN_COMPLETED,
            {"workflow_id": "incident-P1042", "status": "completed"},
            "[done]   incident-P1042        completed",
        ),
    ],
)
def test_every_step_of_the_story_is_one_line(kind, details, expected):
    assert line(kind, details, LEAD) == expected


def test_a_denial_is_told_with_its_signed_reason():
    facts = denial.facts(
        request_hash=bytes(32),
        nonce=bytes(16),
        external_id="local:lead",
        denied_at=1,
        reason="The runbook is false.",
        binding=Binding("apr_1", "default", "w", "r", bytes(32), ""),
    )
    envelope = sign(Context.DENIAL, facts, Ed25519PrivateKey.generate()).to_bytes()
    told = line(EntryKind.APPROVAL_DENIED, {"denial": envelope}, LEAD)
    assert told == "[hitl ✗] denied by the on-call lead (key 3f9a…, browser): The runbook is false."


def test_an_agents_text_moves_no_cursor_and_begins_no_line():
    told = line(EntryKind.CALL_DENIED, {"tool": "\x1b[2J\nread\u202elogs", "code": "\x07new\ncode"})
    assert "\x1b" not in told
    assert "\n" not in told
    assert "\u202e" not in told


def test_colour_is_for_terminals_only(monkeypatch):
    telling = tell(EntryKind.CALL_ALLOWED, {"tool": "read_logs"}, signer=None, site="")
    assert telling is not None
    assert "\x1b[32m[tool ✓]\x1b[0m read_logs" in telling.render(in_colour=True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert not Narrator(io.StringIO()).in_colour
    assert Narrator(_Terminal()).in_colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Narrator(_Terminal()).in_colour


def test_the_tree_shows_what_people_were_asked_under_the_call_that_asked():
    drawn = branches(
        _tree(
            _line(1, EntryKind.WARRANT_MINTED, "incident-warrant"),
            _line(2, EntryKind.CALL_GATED, "restart_service GATE", tool="restart_service"),
            _line(3, EntryKind.APPROVAL_REQUESTED, "approval-requested", tool="restart_service", request_id="apr_1"),
            _line(4, EntryKind.APPROVAL_GRANTED, "approval-granted", request_id="apr_1"),
            _line(5, EntryKind.CALL_ALLOWED, "restart ALLOWED", tool="restart_service", request_id="apr_1"),
            _line(6, EntryKind.RUN_COMPLETED, "workflow complete"),
        )
    )
    assert drawn == [
        "├─   1  incident-warrant",
        "├─   2  restart_service GATE",
        "│  ├─   3  approval-requested",
        "│  ├─   4  approval-granted",
        "│  └─   5  restart ALLOWED",
        "└─   6  workflow complete",
    ]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _line(sequence: int, kind: str, title: str, *, tool: str = "", request_id: str = "") -> TreeLine:
    return TreeLine(
        sequence=sequence,
        kind=kind,
        at=datetime.now(UTC),
        title=title,
        detail="",
        tone=Tone.SERVICE,
        tool=tool,
        person="",
        key_short="",
        request_id=request_id,
        proof=[],
        attached=[],
        previous_hash="",
        entry_hash="",
    )


def _tree(*lines: TreeLine) -> IncidentTree:
    now = datetime.now(UTC)
    card = IncidentCard("chain", "P1042", "", "", "", "open", len(lines), now, now)
    return IncidentTree(card=card, agent="", policy="", head="", lines=list(lines), groups=[], shows_content=False)
