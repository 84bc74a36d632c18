"""Rings in files, for workers that share no database with Countersign."""

from __future__ import annotations

import base64
import json
import os
import secrets
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from temporalio.api.common.v1 import Payload

from audit.keepers.local import LocalKeeper
from audit.ledger.queries import details_of
from audit.models import LedgerEntry
from audit.rings.queries import ring_of
from audit.rings.services import ensure_ring, rotate
from audit.sealing import Ring, UnknownKey
from audit.statements.kinds import EntryKind
from workers.codec.codec import PayloadEncryption
from workers.codec.errors import RingUnavailable
from workers.codec.files import FileRings, RingFileUnusable, dump, parse
from workers.codec.rings import FixedRings

KEY = base64.b64encode(secrets.token_bytes(32)).decode()
KEEPER = LocalKeeper(KEY)
RING = Ring(namespace="prd", current="k1", keys={"k1": b"1" * 32}, retired=frozenset({"k0"}))
PAYLOAD = Payload(metadata={"encoding": b"json/plain"}, data=b'"canary"')


def test_a_ring_file_gives_the_ring_back_and_holds_no_key() -> None:
    content = dump(RING, keeper=KEEPER)
    assert base64.b64encode(b"1" * 30).decode()[:30] not in content
    assert parse(content.encode(), "x", keeper=KEEPER) == RING


def test_a_key_of_one_file_does_not_open_in_another() -> None:
    """Whoever can write the file cannot give one namespace another one's keys."""
    other = json.loads(dump(Ring(namespace="stg", current="k1", keys={"k1": b"2" * 32}), keeper=KEEPER))
    other["namespace"] = "prd"
    with pytest.raises(RingFileUnusable, match="do not open"):
        parse(json.dumps(other).encode(), "x", keeper=KEEPER)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"}, {"keys": []}, {"keys": {"k1": 7}}, {"keys": {"k1": "%%%"}}, {"keys": {}},
        {"current": "k9"}, {"current": None}, {"namespace": None}, {"retired": 3}, {"retired": [[]]},
    ],
)  # fmt: skip
def test_a_damaged_file_is_said_to_be_one(change: dict[str, Any]) -> None:
    content = json.dumps({**json.loads(dump(RING, keeper=KEEPER)), **change})
    with pytest.raises(RingFileUnusable, match=r"ring\.json"):
        parse(content.encode(), "ring.json", keeper=KEEPER)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b"x" * 2_000_000])
def test_what_is_no_file_of_ours_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(RingFileUnusable):
        parse(content, "ring.json", keeper=KEEPER)


async def test_a_file_that_is_missing_or_of_another_namespace_is_said(tmp_path: Path) -> None:
    with pytest.raises(RingUnavailable, match="cannot be read"):
        await FileRings(tmp_path / "none.json", keeper=KEEPER).ring("prd")
    (tmp_path / "ring.json").write_text(dump(RING, keeper=KEEPER))
    with pytest.raises(RingUnavailable, match="export_ring stg"):
        await FileRings(tmp_path / "ring.json", keeper=KEEPER).ring("stg")


async def test_with_another_key_the_file_stays_closed(tmp_path: Path) -> None:
    (tmp_path / "ring.json").write_text(dump(RING, keeper=KEEPER))
    other = LocalKeeper(base64.b64encode(secrets.token_bytes(32)).decode(), name="THE_TEAMS_KEY")
    with pytest.raises(RingUnavailable, match="THE_TEAMS_KEY"):
        await FileRings(tmp_path / "ring.json", keeper=other).ring("prd")


async def test_a_new_key_in_the_file_is_noticed_when_a_payload_needs_it(tmp_path: Path) -> None:
    file = tmp_path / "ring.json"
    file.write_text(dump(RING, keeper=KEEPER))
    codec = PayloadEncryption(FileRings(file, keeper=KEEPER), "prd")
    (old,) = await codec.encode([PAYLOAD])
    rotated = Ring(namespace="prd", current="k2", keys={**RING.keys, "k2": b"2" * 32})
    (new,) = await PayloadEncryption(FixedRings(rotated), "prd").encode([PAYLOAD])
    with pytest.raises(UnknownKey):
        await codec.decode([new])
    file.write_text(dump(rotated, keeper=KEEPER))
    assert await codec.decode([old, new]) == [PAYLOAD, PAYLOAD]


@pytest.mark.django_db
def test_the_command_writes_a_ring_that_the_teams_key_opens_and_the_ledger_says_so(tmp_path: Path) -> None:
    ensure_ring(namespace="prd")
    rotate(namespace="prd", by="test")
    ring_file, key_file = tmp_path / "ring.json", tmp_path / "key"
    out = StringIO()
    for _ in range(2):  # the second with the key that the first has made
        call_command("export_ring", "prd", output=ring_file, key_file=key_file, stdout=out)
    keeper = LocalKeeper(key_file.read_text().strip())
    assert parse(ring_file.read_bytes(), "x", keeper=keeper) == ring_of("prd")
    assert [os.stat(file).st_mode & 0o777 for file in (ring_file, key_file)] == [0o600, 0o600]
    exported = [details_of(entry) for entry in LedgerEntry.objects.filter(kind=EntryKind.RING_EXPORTED)]
    assert exported[0] == {"by": "command line", "keys": sorted(ring_of("prd").keys), "namespace": "prd"}


@pytest.mark.django_db
def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"manage\.py setup"):
        call_command("export_ring", "nowhere", output=tmp_path / "x", key_file=tmp_path / "key")
    ensure_ring(namespace="prd")
    with pytest.raises(CommandError, match="cannot be used"):
        call_command("export_ring", "prd", output=tmp_path / "no" / "x", key_file=tmp_path / "key")
