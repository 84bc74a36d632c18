"""``manage.py incident``: the tree in a terminal, and what happens next, for whoever is on a server at night."""

from __future__ import annotations

import io
import threading
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections, transaction

from audit.keys.contracts import Purpose
from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.ledger.services import append
from audit.statements.kinds import EntryKind
from tests.audit.evidence import RUN, Evidence, approved_story
from tests.audit.test_export import on_file
from workers import narrator
from workers.management.commands import incident

HOSTILE = "\x1b[2J\u202e\nmasked"


class Terminal(io.StringIO):
    """What was written; ``wait_for`` waits for a text."""

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while text not in self.getvalue():
            assert time.monotonic() < deadline, self.getvalue()
            time.sleep(0.01)


@pytest.fixture
def story(transactional_db: None) -> Evidence:
    keys = {name: private_key_of(ensure_service_key(purpose=Purpose(name))) for name in ("ledger", "receipts")}
    return approved_story(**keys)


def write(chain: str, kind: EntryKind, **details: object) -> None:
    with transaction.atomic():
        append(chain=chain, kind=kind, details=details, label="P1042")


@pytest.mark.django_db(transaction=True)
def test_the_tree_of_an_incident_that_is_over_is_shown_and_the_command_ends(story: Evidence) -> None:
    on_file(story)
    output = Terminal()
    call_command("incident", "P1042", follow=True, stdout=output)
    shown = output.getvalue()
    assert "P1042  High error rate" in shown
    assert "read_logs ALLOWED" in shown
    assert "approval-granted (Ed25519-signed by local:lead" in shown
    assert f"/incidents/{story.chain}/" in shown
    assert "\x1b" not in shown


@pytest.mark.django_db(transaction=True)
def test_what_happens_next_is_told_until_the_run_is_over_also_when_the_database_was_away(
    story: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.statements, story.attachments = story.statements[:2], story.attachments[:2]
    on_file(story)
    monkeypatch.setattr(incident, "EVERY_SECONDS", 0.02)
    real, away = narrator.told_after, True

    def told_after(*args: object) -> object:
        if away:
            raise OperationalError("the database is away")
        return real(*args)

    monkeypatch.setattr(incident, "told_after", told_after)
    output = Terminal()

    def follow() -> None:
        try:
            call_command("incident", story.chain, follow=True, stdout=output)
        finally:
            connections.close_all()

    following = threading.Thread(target=follow)
    following.start()
    output.wait_for("does not answer")
    write(story.chain, EntryKind.CALL_RESULT, tool=HOSTILE, status="failed", error_type="Boom")
    away = False
    output.wait_for("FAILED (Boom)")
    assert output.getvalue().count("does not answer") == 1
    write(story.chain, EntryKind.RUN_COMPLETED, **RUN, status="completed", detail="")
    following.join(20)
    assert not following.is_alive()
    assert "workflow complete" in output.getvalue()
    assert "\x1b" not in output.getvalue()
    assert "\u202e" not in output.getvalue()


@pytest.mark.django_db(transaction=True)
def test_an_unknown_incident_is_told_so(story: Evidence) -> None:
    with pytest.raises(CommandError, match="There is no incident 'P9'"):
        call_command("incident", "P9")


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_ends_it_quietly(story: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    story.statements, story.attachments = story.statements[:1], story.attachments[:1]
    on_file(story)

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(incident.time, "sleep", interrupted)
    with pytest.raises(SystemExit) as ended:
        call_command("incident", "P1042", follow=True, stdout=Terminal())
    assert ended.value.code == 130
