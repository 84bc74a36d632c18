"""Looking after rings: listing, rotating, and retiring a key that nothing needs any more."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from temporalio.client import Schedule, ScheduleActionStartWorkflow, ScheduleSpec
from temporalio.testing import WorkflowEnvironment

from audit.ledger.queries import details_of
from audit.ledger.services import append
from audit.models import LedgerEntry, RingKey
from audit.rings.queries import keys_of, ring_of
from audit.rings.services import CannotRetire, ensure_ring, retire, rotate
from audit.sealing import RetiredKey, seal, unseal
from audit.statements.kinds import EntryKind
from workers import ring_needs
from workers.client import encrypted
from workers.rings import process_rings

NOW = datetime.now(UTC)


def said(*command: str, **options: Any) -> str:
    out = StringIO()
    call_command(*command, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def old_and_new(db: None) -> tuple[str, str]:
    ensure_ring(namespace="prd")
    rotate(namespace="prd", by="test")
    old, new = (row.pk for row in keys_of("prd"))
    RingKey.objects.update(created_at=NOW - timedelta(hours=1))
    return old, new


def test_the_list_says_which_key_seals_and_which_only_opens(old_and_new: tuple[str, str]) -> None:
    old, new = old_and_new
    lines = said("rings").splitlines()
    assert [line.split()[:3] for line in lines] == [["prd", old, "opens"], ["prd", new, "seals"]]
    assert "0 days old  nothing here" in lines[0]


def test_the_list_says_which_keys_this_database_needs(old_and_new: tuple[str, str]) -> None:
    _keep_something_sealed(old_and_new[0])
    assert ["in use here" in line for line in said("rings").splitlines()] == [False, True, False]


def test_the_list_names_keys_that_do_not_open(old_and_new: tuple[str, str]) -> None:
    RingKey.objects.filter(pk=old_and_new[0]).update(wrapped_key=b"\x01" + bytes(60))
    assert "does not open" in said("rings").splitlines()[0] or "manage.py rewrap_keys" in said("rings")


def test_a_rotation_by_hand_names_the_new_key_and_what_to_do_next(db: None) -> None:
    ensure_ring(namespace="prd")
    told = said("rotate_ring", "prd")
    assert ring_of("prd").current in told
    assert "export_ring prd" in told


def test_a_namespace_without_a_ring_is_not_given_one_by_a_slip_of_the_finger(db: None) -> None:
    with pytest.raises(CommandError, match="'prod' has no ring"):
        said("rotate_ring", "prod")
    assert not RingKey.objects.exists()


def test_a_retired_key_is_gone_and_says_so(old_and_new: tuple[str, str]) -> None:
    old, _ = old_and_new
    ring = ring_of("prd")
    sealed = seal(_as_of(ring, old), b"x", context=b"c")[1]
    retire(namespace="prd", key_id=old, by="test")
    with pytest.raises(RetiredKey, match="was retired"):
        unseal(ring_of("prd"), old, sealed, context=b"c")
    assert bytes(RingKey.objects.get(pk=old).wrapped_key) == b""
    (entry,) = LedgerEntry.objects.filter(kind=EntryKind.RING_KEY_RETIRED)
    assert details_of(entry)["key"] == old
    assert "retired" in said("rings").splitlines()[0]


def test_the_key_that_seals_is_never_retired(old_and_new: tuple[str, str]) -> None:
    with pytest.raises(CannotRetire, match="seals now"):
        retire(namespace="prd", key_id=old_and_new[1], by="test", reason="really")


def test_a_key_is_not_retired_while_a_process_may_not_have_heard_of_the_new_one(old_and_new: tuple[str, str]) -> None:
    old, new = old_and_new
    RingKey.objects.filter(pk=new).update(created_at=datetime.now(UTC) - timedelta(minutes=4))
    with pytest.raises(CannotRetire, match="less than 5 minutes ago"):
        retire(namespace="prd", key_id=old, by="test", reason="at once")


def test_the_ledger_of_an_incident_needs_its_key(db: None) -> None:
    ensure_ring(namespace="prd")
    old = ring_of("prd").current
    with transaction.atomic():
        append(chain="tnu_wrt_1", kind=EntryKind.CALL_ALLOWED, details={"tool": "x"}, namespace="prd")
    rotate(namespace="prd", by="test")
    RingKey.objects.update(created_at=NOW - timedelta(hours=1))
    with pytest.raises(CannotRetire, match=r"audit_ledgerentry\.envelope"):
        retire(namespace="prd", key_id=old, by="test", reason="really")


@pytest.mark.parametrize(("namespace", "key"), [("prd", "nothing"), ("stg", "")])
def test_a_key_that_is_not_there_is_named(old_and_new: tuple[str, str], namespace: str, key: str) -> None:
    with pytest.raises(CannotRetire, match="has no key"):
        retire(namespace=namespace, key_id=key or old_and_new[0], by="test")


def test_what_the_database_holds_is_never_given_up(old_and_new: tuple[str, str]) -> None:
    _keep_something_sealed(old_and_new[0])
    with pytest.raises(CannotRetire, match="What this database keeps is sealed with it"):
        retire(namespace="prd", key_id=old_and_new[0], by="test", needed_by=["."], reason="I do not care")


def test_what_needs_it_elsewhere_is_given_up_only_with_a_reason_which_the_ledger_keeps(
    old_and_new: tuple[str, str],
) -> None:
    old, _ = old_and_new
    with pytest.raises(CannotRetire, match=r"3 runs need it\. Wait"):
        retire(namespace="prd", key_id=old, by="test", needed_by=["3 runs need it."])
    assert RingKey.objects.get(pk=old).retired_at is None
    retire(namespace="prd", key_id=old, by="test", needed_by=["3 runs need it."], reason="the key leaked")
    (entry,) = LedgerEntry.objects.filter(kind=EntryKind.RING_KEY_RETIRED)
    assert details_of(entry)["reason"] == "the key leaked"
    assert details_of(entry)["needed_by"] == ["3 runs need it."]


def test_force_needs_a_reason_and_an_unreachable_temporal_is_no_permission(old_and_new: tuple[str, str]) -> None:
    old, _ = old_and_new
    with pytest.raises(CommandError, match="--reason"):
        said("retire_ring_key", "prd", old, "--force")
    with pytest.raises(CommandError, match="not known"):
        said("retire_ring_key", "prd", old, "--address", "127.0.0.1:9")


@pytest.mark.temporal
@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio(loop_scope="session")
async def test_runs_schedules_and_the_archive_need_a_key(
    live_temporal: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync_to_async(ensure_ring)(namespace="default")
    client = encrypted(live_temporal.client)
    old = (await process_rings.ring("default")).current
    name = f"kept-{uuid.uuid4().hex[:8]}"
    action = ScheduleActionStartWorkflow("nothing", "text", id=name, task_queue=name)
    schedule = await client.create_schedule(name, Schedule(action=action, spec=ScheduleSpec()))
    run = await client.start_workflow("nothing", id=name, task_queue=name)
    try:
        monkeypatch.setattr(ring_needs, "SETTLED", timedelta(seconds=5))
        found = await _until_listed(lambda: ring_needs.needs(client, namespace="default", key_id=old, until=_now()))
        assert "runs that began before" in found[0]
        assert name in found[1]
        await sync_to_async(_record_an_export)()
        assert "in the archive" in (await ring_needs.needs(client, namespace="default", key_id=old, until=_now()))[2]
        long_ago = NOW - timedelta(days=20_000)
        assert await ring_needs.needs(client, namespace="default", key_id="another", until=long_ago) == []
    finally:
        await run.terminate()
        await schedule.delete()


async def _until_listed(ask: Callable[[], Any]) -> list[str]:
    """Visibility is asynchronous."""
    async with asyncio.timeout(20):
        while len(found := await ask()) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return list(found)


def _record_an_export() -> None:
    from audit.ledger.chains import Subject, namespace_chain

    with transaction.atomic():
        chain = namespace_chain(Subject.EXPORTS, "default")
        append(chain=chain, kind=EntryKind.HISTORY_EXPORTED, details={"namespace": "default"}, namespace="default")


def _now() -> datetime:
    return datetime.now(UTC)


def _as_of(ring: Any, key_id: str) -> Any:
    from dataclasses import replace

    return replace(ring, current=key_id)


def _keep_something_sealed(key_id: str) -> None:
    """A column of any table will do: how sealed values begin is the same everywhere."""
    sealed = b"\xff" + bytes([len(key_id)]) + key_id.encode() + bytes(40)
    RingKey.objects.create(pk="stand-in", namespace="elsewhere", number=1, wrapped_key=sealed)
