"""An installation from before content was sealed: migrating seals what is there, and leaves nothing of it in plain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from tests.approvals.stored import every_stored_byte

SECRETS = {
    "target": "CANARY-target",
    "confirm_text": "CANARY-confirm",
    "why_again": "CANARY-why \\n back\\slash",
    "gate_message": "CANARY-gate",
    "reasoning": "CANARY-reasoning é",
    "outcome_detail": "CANARY-detail",
    "result_text": "CANARY-result",
    "arguments_cbor": "CANARY-arguments",
    "history": [{"detail": "CANARY-history \\u0041"}],
    "signed": "CANARY-signed",
    "reason": "CANARY-reason",
    "envelope": "CANARY-envelope",
    "content": "CANARY-attached",
    "title": "CANARY-title",
}
# Runs in a process of its own, on a database of its own: made as of old, filled, stopped half way, and migrated.
SCRIPT = """
import datetime, json, os, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

secrets, rows = json.loads(os.environ["SECRETS"]), 3
targets = [("approvals", "0008_superseded"), ("audit", "0005_rings"), ("accounts", "0012_payload_reader"),
           ("workers", "0003_acting_for")]
MigrationExecutor(connection).migrate(targets)
old = MigrationExecutor(connection).loader.project_state(targets).apps
now = timezone.now()
text = {name: value for name, value in secrets.items() if name not in
        ("arguments_cbor", "signed", "reason", "envelope", "content", "title")}
for number in range(rows):
    request = old.get_model("approvals", "ApprovalRequest").objects.create(
        id=f"req_old{number:05}", urgency=2, opened_at=now, expires_at=now + datetime.timedelta(hours=1), threshold=1,
        tool="restart", chain=f"chain{number}", warrant_id="w", namespace="payments", workflow_id="w", run_id="r",
        workflow_type="t", request_hash=bytes(32), content_digest=bytes(32), display_digest=bytes(32),
        warrant_chain=[], arguments_cbor=secrets["arguments_cbor"].encode(), **text)
    old.get_model("approvals", "Decision").objects.create(
        approval_request=request, kind="deny", external_id="ada", display_name="Ada", public_key=bytes(32),
        nonce=number.to_bytes(16), signed=secrets["signed"].encode(), reason=secrets["reason"], decided_at=now)
    chain = old.get_model("audit", "LedgerChain").objects.create(name=f"chain{number}", namespace="payments")
    entry = old.get_model("audit", "LedgerEntry").objects.create(
        chain=chain, sequence=1, kind="call.denied", at_ms=1, envelope=secrets["envelope"].encode(),
        entry_hash=number.to_bytes(32))
    old.get_model("audit", "Attachment").objects.create(
        entry=entry, name="arguments", salt=bytes(16), content=secrets["content"].encode())
    old.get_model("audit", "Attachment").objects.create(entry=entry, name="result", erased_at=now)
old.get_model("workers", "Incident").objects.create(
    incident_id="P1", workflow_id="incident-P1", title=secrets["title"], severity="high", service="s", scenario="s")

# A process that is killed after one of the rows.
call_command("migrate", "audit", verbosity=0)
call_command("migrate", "approvals", "0009", verbosity=0)
half = MigrationExecutor(connection).loader.project_state([("approvals", "0009_sealed_columns")]).apps
row = half.get_model("approvals", "ApprovalRequest").objects.get(pk="req_old00000")
for name in ("target", "reasoning"):
    setattr(row, name, secrets[name])
row.save(update_fields=["target", "reasoning"])
call_command("migrate", "approvals", verbosity=0)

from approvals.models import ApprovalRequest, Decision
from audit.models import Attachment, LedgerEntry, PendingLeaf
from workers.models import Incident
for row in ApprovalRequest.objects.all():
    assert {name: getattr(row, name) for name in text} == text
    assert row.arguments_cbor.decode() == secrets["arguments_cbor"]
for row in Decision.objects.select_related("approval_request"):
    assert (row.signed.decode(), row.reason) == (secrets["signed"], secrets["reason"])
assert [row.envelope.decode() for row in LedgerEntry.objects.filter(chain__namespace="payments")] == [
    secrets["envelope"]] * rows
assert [row.content and row.content.decode() for row in Attachment.objects.order_by("name", "pk")] == [
    secrets["content"]] * rows + [None] * rows
assert Incident.objects.get().title == secrets["title"]
# What was written before there were logs waits for its place in them, like what is written since.
assert PendingLeaf.objects.count() == LedgerEntry.objects.count() > rows
print("sealed")
"""


@pytest.fixture
def old_database(db: None, tmp_path: Path) -> str:
    """Return the URL of a new, empty database of the kind that the tests run on."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{tmp_path}/old.sqlite3"
    parameters = connection.get_connection_params()
    address = {name: parameters[name] for name in ("host", "port", "user", "password") if parameters.get(name)}
    with psycopg.connect(**address, dbname="postgres", autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS from_before")
        server.execute("CREATE DATABASE from_before")
    whole, _, _ = os.environ["DATABASE_URL"].partition("?")
    return os.environ["DATABASE_URL"].replace(whole, f"{whole.rsplit('/', 1)[0]}/from_before", 1)


def test_migrating_seals_what_is_there_and_leaves_nothing_in_plain(old_database: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": old_database,
        "TEST_DATABASE": "",
        "SECRETS": json.dumps(SECRETS),
    }
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "sealed", done.stderr[-3000:]
    assert b"CANARY" not in every_stored_byte(old_database)
    assert b"restart" in every_stored_byte(old_database), "the search would find it"
