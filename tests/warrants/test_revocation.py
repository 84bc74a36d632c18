"""Taking warrants back: who is told, and that no older list ever comes out again."""

from __future__ import annotations

from datetime import timedelta

import pytest
import tenuo_core
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import ApproverKey
from audit.ledger.queries import details_of
from audit.models import LedgerEntry
from tests.warrants.calls import ALLOWED, Desk
from tests.warrants.conftest import INCIDENT
from warrants.errors import InvalidReason, UnknownWarrant
from warrants.issuers.queries import trusted_roots
from warrants.minting.contracts import MintedWarrant
from warrants.minting.services import mint
from warrants.models import AgentIdentity, Revocation, RevocationList, Warrant
from warrants.revocation.services import revoke, signed_list
from workers.gates.revocation import Revocation as WorkersList
from workers.gates.revocation import RevocationRefused
from workers.gates.trusted_roots import TrustedRoots


@pytest.fixture
def warrants(agent: AgentIdentity, ada_key: ApproverKey) -> list[MintedWarrant]:
    return [mint(policy="incident-response", incident=INCIDENT, agent=agent, approvers=[ada_key]) for _ in range(3)]


def revoked(warrant: MintedWarrant, reason: str = "The agent went astray.") -> tenuo_core.SignedRevocationList:
    revoke(warrant_id=warrant.id, reason=reason, revoked_by="local:ada")
    return newest()


def newest() -> tenuo_core.SignedRevocationList:
    data = signed_list()
    assert data is not None
    return tenuo_core.SignedRevocationList.from_bytes(data)


def test_nothing_revoked_is_no_list(db: None) -> None:
    assert signed_list() is None


def test_the_list_is_signed_by_the_issuer_and_keeps_every_revoked_warrant(warrants: list[MintedWarrant]) -> None:
    for count, warrant in enumerate(warrants, start=1):
        current = revoked(warrant)
        assert current.version == count
        assert current.verify(tenuo_core.PublicKey.from_bytes(trusted_roots()[0])) is not False
        assert set(current.revoked_ids) == {warrant.id for warrant in warrants[:count]}


def test_a_worker_takes_every_new_list_and_refuses_an_old_one(warrants: list[MintedWarrant]) -> None:
    worker = WorkersList(TrustedRoots(trusted_roots()))
    revoke(warrant_id=warrants[0].id, reason="First.", revoked_by="local:ada")
    old = signed_list()
    revoke(warrant_id=warrants[1].id, reason="Second.", revoked_by="local:ada")
    new = signed_list()
    assert old is not None
    assert new is not None
    assert worker.apply(new) is True
    with pytest.raises(RevocationRefused):
        worker.apply(old)


def test_a_revoked_warrant_allows_nothing_any_more(warrants: list[MintedWarrant]) -> None:
    call = {"service": INCIDENT.service, "minutes": 5}
    assert Desk(warrants[0]).outcome("read_logs", **call) == ALLOWED
    revoked_list = revoked(warrants[0])
    assert "revoked" in Desk(warrants[0], revoked_list).outcome("read_logs", **call)
    assert Desk(warrants[1], revoked_list).outcome("read_logs", **call) == ALLOWED


def test_the_same_version_is_never_signed_twice(warrants: list[MintedWarrant]) -> None:
    revoked(warrants[0])
    first = signed_list()
    assert signed_list() == first
    row = RevocationList.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        RevocationList.objects.bulk_create([RevocationList(1, row.issuer_id, b"other", timezone.now())])


def test_the_version_rises_even_when_every_older_revocation_has_left_the_list(warrants: list[MintedWarrant]) -> None:
    revoked(warrants[0])
    revoked(warrants[1])
    long_ago = timezone.now() - timedelta(days=2)
    Warrant.objects.filter(pk__in=[warrants[0].id, warrants[1].id]).update(
        issued_at=long_ago - timedelta(hours=1), expires_at=long_ago
    )
    current = revoked(warrants[2])
    assert current.version == 3
    assert list(current.revoked_ids) == [warrants[2].id]


def test_revoking_twice_keeps_the_first_and_signs_nothing(warrants: list[MintedWarrant]) -> None:
    revoked(warrants[0], "The first reason.")
    again = revoke(warrant_id=warrants[0].id, reason="Another.", revoked_by="local:grace")
    assert (again.reason, again.revoked_by) == ("The first reason.", "local:ada")
    assert (Revocation.objects.count(), newest().version) == (1, 1)


def test_a_revocation_is_recorded_with_its_reason(warrants: list[MintedWarrant]) -> None:
    revoked(warrants[0])
    entry = LedgerEntry.objects.get(chain=warrants[0].id, kind="warrant.revoked")
    assert details_of(entry) == {
        "warrant_id": warrants[0].id,
        "reason": "The agent went astray.",
        "person": "local:ada",
    }


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "bell\x07"])
def test_a_revocation_needs_a_reason(warrants: list[MintedWarrant], reason: str) -> None:
    with pytest.raises(InvalidReason):
        revoked(warrants[0], reason)
    assert signed_list() is None


def test_what_was_not_minted_here_cannot_be_revoked_here(db: None) -> None:
    with pytest.raises(UnknownWarrant):
        revoke(warrant_id="tnu_wrt_" + "0" * 32, reason="Unknown.", revoked_by="local:ada")
    assert signed_list() is None


def test_an_operator_revokes_from_the_command_line(
    warrants: list[MintedWarrant], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("revoke_warrant", warrants[0].id, reason="The agent went astray.")
    assert warrants[0].id in capsys.readouterr().out
    assert Revocation.objects.get().revoked_by == "command line"
    with pytest.raises(CommandError, match="no such warrant"):
        call_command("revoke_warrant", "tnu_wrt_0", reason="Unknown.")
