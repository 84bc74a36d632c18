"""Whoever has the database and every key of the application writes the past anew, and exports it: it is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.ledger.services import append
from audit.log.queries import newest_checkpoint
from audit.log.services import integrate
from audit.models import LedgerEntry
from audit.statements.kinds import EntryKind
from audit.verify.__main__ import FAILED, VERIFIED, main
from tests.audit.evidence import Evidence, approved_story
from tests.audit.test_export import on_file
from tests.audit.test_verify_ledger import chain_anew, delete, log_anew, verified

pytestmark = pytest.mark.django_db


@pytest.fixture
def story() -> Evidence:
    keys = {purpose: private_key_of(ensure_service_key(purpose=purpose)) for purpose in ("ledger", "receipts")}
    return on_file(approved_story(**keys))


@pytest.fixture
def kept(story: Evidence, tmp_path: Path) -> Path:
    """A checkpoint that somebody took away before."""
    integrate()
    path = tmp_path / "kept.checkpoint"
    path.write_text(newest_checkpoint(""), encoding="utf-8")
    return path


def other(count: int = 1) -> None:
    for _ in range(count):
        append(chain="people", kind=EntryKind.PERSON_ENABLED, details={"person": "local:other"})


def edit(story: Evidence) -> None:
    """Another title, as if the alert had said so."""

    def change(facts: dict[str, Any]) -> None:
        if facts["sequence"] == 1:
            incident = facts["details"]["incident"]
            facts["details"] = {**facts["details"], "incident": {**incident, "title": "Nothing happened"}}

    chain_anew(story.chain, change)


def remove(story: Evidence) -> None:
    """The refused call never was."""
    entry = LedgerEntry.objects.get(chain=story.chain, sequence=3)
    entry.recorded_receipt.delete()
    delete(story.chain, 3)
    chain_anew(story.chain)


def sign_again(story: Evidence) -> None:
    """Everything happened a second earlier."""

    def change(facts: dict[str, Any]) -> None:
        facts["at"] -= 1000

    chain_anew(story.chain, change)
    for entry in LedgerEntry.objects.filter(chain=story.chain):
        entry.at_ms -= 1000
        entry.save()


def forget_the_end(story: Evidence) -> None:
    """The run never ended."""
    delete(story.chain, 9)
    chain_anew(story.chain)


@pytest.mark.parametrize(("attack", "more"), [(edit, 1), (remove, 1), (sign_again, 40), (forget_the_end, 40)])
def test_an_export_of_a_past_that_was_written_anew_does_not_go_on_from_what_was_kept(
    story: Evidence, kept: Path, tmp_path: Path, attack: Callable[[Evidence], None], more: int
) -> None:
    attack(story)
    other(more)
    log_anew()
    integrate()
    output = tmp_path / "evidence.jsonl"
    call_command("export_receipts", story.chain, output=output)
    assert main([str(output), "--root", story.root_hex]) == VERIFIED, "the attack leaves no trace inside"
    call_command("export_receipts", story.chain, output=output, checkpoint=[kept])
    assert main([str(output), "--root", story.root_hex, "--checkpoint", str(kept)]) == FAILED
    code, said = verified(kept)
    assert (code, "is not what was signed" in said) == (1, True)


def test_an_export_that_hides_the_proof_is_found(story: Evidence, kept: Path, tmp_path: Path) -> None:
    output = tmp_path / "evidence.jsonl"
    call_command("export_receipts", story.chain, output=output)
    command = [str(output), "--root", story.root_hex, "--checkpoint", str(kept)]
    assert main(command) == FAILED
    call_command("export_receipts", story.chain, output=output, checkpoint=[kept])
    assert main(command) == VERIFIED


def test_a_log_that_was_cut_is_said_when_evidence_is_asked_for(story: Evidence, kept: Path, tmp_path: Path) -> None:
    forget_the_end(story)
    log_anew()
    output = tmp_path / "evidence.jsonl"
    with pytest.raises(CommandError, match="it was cut"):
        call_command("export_receipts", story.chain, output=output, checkpoint=[kept])
    assert not output.exists()


@pytest.mark.parametrize("chain", ["people", "keys"])
def test_a_chain_of_the_services_own_is_exported_and_goes_on_from_what_was_kept(
    story: Evidence, kept: Path, tmp_path: Path, chain: str
) -> None:
    kind = EntryKind.PERSON_DISABLED if chain == "people" else EntryKind.KEY_ENROLLED
    append(chain=chain, kind=kind, details={"person": "local:other", "key": bytes(32)})
    output = tmp_path / "evidence.jsonl"
    call_command("export_receipts", chain, output=output, checkpoint=[kept])
    # Not the story's root: the installation's own issuer endorsed the key.
    from warrants.issuers.queries import trusted_roots

    roots = [argument for root in trusted_roots() for argument in ("--root", root.hex())]
    assert main([str(output), *roots, "--checkpoint", str(kept)]) == VERIFIED
    assert main([str(output), "--root", story.root_hex, "--checkpoint", str(kept)]) == FAILED


def test_keys_that_decided_come_with_what_is_known_of_them(story: Evidence, kept: Path, tmp_path: Path) -> None:
    key = story.lead.public_key().public_bytes_raw()
    append(chain="keys", kind=EntryKind.KEY_ENROLLED, details={"person": "local:late", "key": bytes(32)})
    append(chain="keys", kind=EntryKind.KEY_REVOKED, details={"person": "local:lead", "key": key, "reason": "lost"})
    output = tmp_path / "evidence.jsonl"
    call_command("export_receipts", story.chain, output=output, checkpoint=[kept])
    records = [line for line in output.read_bytes().splitlines() if b'"line":"record"' in line]
    assert len(records) == 1
    assert b"key.revoked  local:lead" in records[0]
    assert main([str(output), "--root", story.root_hex, "--checkpoint", str(kept)]) == VERIFIED
