"""One root follows another: what each step changes, what it refuses, and what it says before."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections, transaction
from django.test import Client
from django.utils import timezone

from accounts.keys.services import revoke as revoke_key
from accounts.models import ApproverKey
from accounts.roles.contracts import Role
from approvals.models import ApprovalRequest
from audit.custody import CustodyError
from audit.export.services import bundle_of
from audit.ledger.queries import details_of
from audit.models import LedgerEntry
from audit.statements.statements import Context, parse, sign
from audit.statements.trusted_roots import facts_of, parse_trusted_roots
from audit.verify.verifier import verify
from tests.approvals import factories
from tests.people import person
from tests.warrants.conftest import INCIDENT
from warrants.agents.services import ensure_agent
from warrants.errors import (
    AgentStopped,
    InvalidIssuerName,
    InvalidReason,
    IssuerExists,
    LiveWarrantsLeft,
    NothingToRevoke,
    UnknownIssuer,
    WorkersNotReady,
    WrongIssuerState,
)
from warrants.issuers import queries, rotation
from warrants.issuers.contracts import State, Step
from warrants.issuers.preview import preview
from warrants.issuers.services import endorsements, ensure_issuer
from warrants.issuers.signing import signer_of
from warrants.key_revocations import services as key_revocations
from warrants.minting.contracts import MintedWarrant
from warrants.minting.services import mint
from warrants.models import IssuerKey, KeyRevocationList, ListConfirmation, RevocationList, TrustedRoots, Warrant
from warrants.revocation.confirming import confirm
from warrants.revocation.contracts import Aim, Held, Scope
from warrants.revocation.services import lift, revoke, signed_list, stop
from workers.crew import load_keys
from workers.gates.trusted_roots import TrustedRoots as Believed

pytestmark = pytest.mark.django_db
BY = "local:olga"


@pytest.fixture
def old(db: None) -> IssuerKey:
    return ensure_issuer()


def announce(name: str = "root-2") -> IssuerKey:
    return rotation.announce(name=name, announced_by=BY)


def switch(name: str = "root-2", **options: str) -> IssuerKey:
    return rotation.switch(name=name, switched_by=BY, **options)


def retire(name: str = "root", **options: str) -> IssuerKey:
    return rotation.retire(name=name, retired_by=BY, **options)


def minting(key: ApproverKey, **changes: str) -> MintedWarrant:
    return mint(
        policy="incident-response",
        incident=replace(INCIDENT, **changes),
        agent=ensure_agent(name="incident-agent"),
        approvers=[key],
    )


def states() -> dict[str, str]:
    return dict(IssuerKey.objects.values_list("name", "state"))


def keys(*issuers: IssuerKey) -> set[bytes]:
    return {bytes(issuer.public_key) for issuer in issuers}


def expire(**which: Any) -> None:
    long_ago = timezone.now() - timedelta(hours=2)
    Warrant.objects.filter(**which).update(issued_at=long_ago, expires_at=long_ago + timedelta(hours=1))


# --- The steps ------------------------------------------------------------------------------


def test_an_announced_issuer_is_trusted_and_signs_nothing(old, ada_key):
    new = announce()
    assert states() == {"root": State.ACTIVE, "root-2": State.ANNOUNCED}
    assert queries.trusted_roots() == [bytes(old.public_key), bytes(new.public_key)]
    assert Warrant.objects.get(pk=minting(ada_key).id).issuer == old
    signed = parse_trusted_roots(queries.signed_sets()[0])
    assert (signed.number, signed.signer_key) == (1, bytes(old.public_key))
    assert set(signed.roots) == keys(old, new)


def test_a_switch_signs_all_that_workers_hold_anew(old, ada_key, grace_key):
    revoke(warrant_id=minting(ada_key).id, reason="It went astray.", revoked_by=BY)
    revoke_key(person=grace_key.person, key_id=grace_key.pk, reason="lost")
    key_revocations.signed_list()
    taken_back = minting(ada_key).id
    new = announce()
    switch()
    assert states() == {"root": State.OVERLAPPING, "root-2": State.ACTIVE}
    newest = RevocationList.objects.get(version=2)
    assert newest.issuer == new
    listed = tenuo_core.SignedRevocationList.from_bytes(bytes(newest.data))
    listed.verify(tenuo_core.PublicKey.from_bytes(bytes(new.public_key)))
    assert len(listed.revoked_ids) == 1
    assert KeyRevocationList.objects.get(number=2).issuer == new
    assert {parse(data).signer_key for data in endorsements()} == keys(new)
    assert parse_trusted_roots(queries.signed_sets()[1]).signer_key == bytes(new.public_key)
    assert Warrant.objects.get(pk=minting(ada_key).id).issuer == new
    revoke(warrant_id=taken_back, reason="Signed by the one before.", revoked_by=BY)
    assert RevocationList.objects.get(version=3).issuer == new


def test_a_worker_comes_through_the_whole_rotation_with_what_the_database_offers(old, ada_key):
    worker = Believed([bytes(old.public_key)])
    new = announce()
    switch()
    retire()
    assert worker.apply(queries.signed_sets())
    assert (worker.keys, worker.number) == (keys(new), 3)
    assert queries.trusted_set().number == 3
    assert set(queries.trusted_set().keys) == keys(new)


def test_a_retired_issuer_is_trusted_by_nobody_and_its_key_is_gone(old, ada_key):
    minting(ada_key)
    announce()
    switch()
    expire()
    retire()
    assert states() == {"root": State.RETIRED, "root-2": State.ACTIVE}
    assert bytes(old.public_key) not in queries.trusted_roots()
    gone = IssuerKey.objects.get(name="root")
    assert bytes(gone.wrapped_private_key) == b""
    with pytest.raises(CustodyError):
        signer_of(gone).sign(b"a list of the retired root")


def test_an_announced_issuer_that_shall_not_follow_is_retired(old):
    new = announce()
    retire("root-2")
    assert parse_trusted_roots(queries.signed_sets()[-1]).roots == (bytes(old.public_key),)
    announce("root-3")
    assert bytes(new.public_key) not in queries.trusted_roots()


def test_every_step_is_an_entry_with_the_set_that_was_signed(old):
    announce()
    switch()
    retire(anyway_because="")
    entries = LedgerEntry.objects.filter(chain="policies").order_by("sequence")
    assert [entry.kind for entry in entries] == ["issuer.announced", "issuer.activated", "issuer.retired"]
    assert [details_of(entry)["issuer"] for entry in entries] == ["root-2", "root-2", "root"]
    assert [details_of(entry)["roots"] for entry in entries] == queries.signed_sets()
    assert all(parse(details_of(entry)["roots"]).verify(Context.TRUSTED_ROOTS) is None for entry in entries)


# --- What is refused ------------------------------------------------------------------------


def test_names_and_orders_that_make_no_sense_are_refused(old):
    for name in ("", "Root", "a b", "x" * 33, "root\0", "-"):
        with pytest.raises(InvalidIssuerName):
            announce(name)
    with pytest.raises(IssuerExists):
        announce("root")
    for step in (switch, retire):
        with pytest.raises(UnknownIssuer):
            step("nobody\0")
        with pytest.raises(WrongIssuerState):
            step("root")  # active
    announce()
    with pytest.raises(WrongIssuerState, match="root-2 is announced already"):
        announce("root-3")
    switch()
    with pytest.raises(WrongIssuerState):
        switch()
    assert TrustedRoots.objects.count() == 2


def test_the_database_has_one_active_and_one_announced_issuer_at_most(old):
    for state in (State.ACTIVE, State.ANNOUNCED):
        two = [IssuerKey(name=f"{state}-{number}", public_key=bytes([number]) * 32, state=state) for number in (1, 2)]
        with pytest.raises(IntegrityError), transaction.atomic():
            IssuerKey.objects.bulk_create(two)


def test_no_switch_while_a_worker_has_not_confirmed_unless_somebody_says_why(old):
    announce()
    confirm([Held("quick", "payments", 0, 1), Held("slow", "payments", 0, 0)])
    with pytest.raises(WorkersNotReady, match="slow in payments"):
        switch()
    with pytest.raises(InvalidReason):
        switch(anyway_because="\x00")
    assert states()["root"] == State.ACTIVE
    switch(anyway_because="It is being replaced.")
    details = details_of(LedgerEntry.objects.get(kind="issuer.activated"))
    assert (details["reason"], details["person"]) == ("It is being replaced.", BY)


def test_a_worker_that_was_killed_before_it_confirmed_keeps_the_switch_back_until_it_is_forgotten(old):
    announce()
    confirm([Held("silent", "payments", 0, 0), Held("killed later", "payments", 0, 1)])
    ListConfirmation.objects.update(seen_at=timezone.now() - timedelta(minutes=1))
    with pytest.raises(WorkersNotReady, match="Not confirmed by 1: silent"):
        switch()
    ListConfirmation.objects.update(seen_at=timezone.now() - timedelta(days=1, seconds=1))
    switch()


def test_no_retirement_while_warrants_live_unless_somebody_says_why(old, ada_key):
    minting(ada_key)
    announce()
    switch()
    with pytest.raises(LiveWarrantsLeft, match="1 live warrant of root"):
        retire()
    assert states()["root"] == State.OVERLAPPING
    retire(anyway_because="Its token was lost.")
    assert states()["root"] == State.RETIRED


def test_a_key_that_cannot_sign_leaves_everything_as_it_was(old):
    announce()
    IssuerKey.objects.filter(name="root-2").update(wrapped_private_key=b"damaged")
    with pytest.raises(CustodyError):
        switch()
    assert states() == {"root": State.ACTIVE, "root-2": State.ANNOUNCED}
    assert TrustedRoots.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_waits_for_a_switch_is_signed_by_the_next_issuer(ada_key, monkeypatch):
    """Minting takes the lock that a switch holds, and must not sign with the key that it waited for."""
    ensure_issuer()
    ensure_agent(name="incident-agent")
    new = announce()
    switching = threading.Event()
    sign_set = rotation._sign_set

    def sign_slowly(signer: IssuerKey) -> TrustedRoots:
        switching.set()
        threading.Event().wait(0.5)  # long enough for the other to wait for the lock
        return sign_set(signer)

    def in_a_thread(act: Any) -> Any:
        try:
            return act()
        finally:
            connections.close_all()

    def mint_meanwhile() -> MintedWarrant:
        switching.wait(10)
        return minting(ada_key)

    monkeypatch.setattr(rotation, "_sign_set", sign_slowly)
    with ThreadPoolExecutor(2) as threads:
        tasks = [threads.submit(in_a_thread, act) for act in (switch, mint_meanwhile)]
        minted = [task.result(timeout=30) for task in tasks][1]
    assert Warrant.objects.get(pk=minted.id).issuer == new


# --- What is said before --------------------------------------------------------------------


def breaking(step: Step, name: str) -> str:
    issuer = IssuerKey.objects.get(name=name)
    return " ".join(finding.sentence for finding in preview(step, issuer) if finding.breaks)


def test_a_dry_run_names_what_would_stop_verifying(settings, old):
    settings.WORKER_RECEIPT_KEYS = [b"\x05" * 32]
    approver = factories.approver("ada")
    waiting = factories.open_request(approver)
    announce()
    confirm([Held("slow", "payments", 0, 0)])
    assert "slow in payments" in breaking(Step.SWITCH, "root-2")
    said = " ".join(finding.sentence for finding in preview(Step.SWITCH, IssuerKey.objects.get(name="root-2")))
    assert "The 3 keys of this service, 1 of them of workers elsewhere," in said
    confirm([Held("slow", "payments", 0, 1)])
    assert breaking(Step.SWITCH, "root-2") == ""
    switch()
    # The request's warrant is one of the root that is about to be retired.
    minted = minting(approver.person.approver_keys.get())
    Warrant.objects.filter(pk=minted.id).update(issuer=old)
    ApprovalRequest.objects.filter(pk=waiting.pk).update(chain=minted.id)
    assert breaking(Step.RETIRE, "root") == (
        "1 live warrant of it would stop verifying. 1 request under them would wait for nothing."
    )
    expire()
    assert breaking(Step.RETIRE, "root") == ""


def test_commands_rotate_and_say_what_they_would_break(old, ada_key, capsys, monkeypatch):
    monkeypatch.setattr("warrants.management.commands.rotate_root.IN_TIME", timedelta(0))
    minting(ada_key)
    confirm([Held("slow", "payments", 0, 0)])
    call_command("issuers")
    assert "No root was rotated yet." in capsys.readouterr().out
    call_command("rotate_root", "announce", "root-2", "--dry-run")
    assert "Nothing was changed." in capsys.readouterr().out
    assert states() == {"root": State.ACTIVE}
    call_command("rotate_root", "announce", "root-2")
    said = capsys.readouterr().out
    assert "0 of 1 workers confirmed set 1" in said
    assert "NOT CONFIRMED  slow in payments: holds set 0" in said
    call_command("rotate_root", "switch", "root-2", "--dry-run")
    assert "BREAKS  slow in payments holds set 0" in capsys.readouterr().out
    with pytest.raises(CommandError, match="slow in payments"):
        call_command("rotate_root", "switch", "root-2")
    confirm([Held("slow", "payments", 0, 1)])
    call_command("rotate_root", "switch", "root-2")
    with pytest.raises(CommandError, match="1 live warrant of root"):
        call_command("rotate_root", "retire", "root")
    call_command("rotate_root", "retire", "root", "--anyway", "Its token was lost.")
    capsys.readouterr()
    call_command("issuers")
    said = capsys.readouterr().out
    assert "active       root-2" in said
    assert "retired      root" in said
    assert "Newest set of trusted roots: 3." in said
    call_command("issuers", "--sets")
    assert [bytes.fromhex(line) for line in capsys.readouterr().out.split()] == queries.signed_sets()
    with pytest.raises(CommandError, match="no issuer named"):
        call_command("rotate_root", "retire", "nobody", stdout=StringIO())


# --- Evidence -------------------------------------------------------------------------------


def verifies(chain: str, *roots: IssuerKey) -> bool:
    named = [bytes(root.public_key).hex() for root in roots]
    return verify(b"".join(bundle_of(chain).lines()), roots=named).result.verified


def test_evidence_verifies_with_the_root_it_began_under_and_the_ledger_of_issuers_with_any(old, ada_key):
    before = minting(ada_key).id
    new = announce()
    switch()
    after = minting(ada_key).id
    expire(pk=before)
    retire()
    assert verifies(before, old)
    assert verifies(after, new)
    assert verifies(before, old, new)
    assert verifies(after, old, new)
    assert not verifies(before, new)
    assert not verifies(after, old)
    assert verifies("policies", old)
    assert verifies("policies", new)


# --- A stop per agent -----------------------------------------------------------------------


def test_for_a_stopped_agent_nothing_is_minted_until_it_is_lifted(ada_key):
    minted, agent = minting(ada_key), Aim(Scope.AGENT, "incident-agent")
    assert [one.warrant_id for one in stop(aim=agent, reason="It went astray.", stopped_by=BY)] == [minted.id]
    with pytest.raises(AgentStopped):
        minting(ada_key, namespace="payments")
    other = ensure_agent(name="night-agent")
    mint(policy="incident-response", incident=INCIDENT, agent=other, approvers=[ada_key])
    lift(aim=agent, lifted_by=BY)
    minting(ada_key)
    kinds = LedgerEntry.objects.filter(chain="policies").order_by("sequence").values_list("kind", flat=True)
    assert list(kinds) == ["agent.stopped", "agent.resumed"]


def test_only_namespaces_and_known_agents_are_stopped(ada_key):
    for aim in (Aim(Scope.AGENT, "nobody"), Aim(Scope.POLICY, "incident-response", 1), Aim(Scope.ISSUER, "root")):
        with pytest.raises(NothingToRevoke):
            stop(aim=aim, reason="x", stopped_by=BY)


def test_commands_stop_and_resume_an_agent(ada_key, capsys):
    minting(ada_key)
    call_command("revoke_warrant", agent="incident-agent", stop=True, reason="It went astray.")
    assert "No warrant is minted for incident-agent" in capsys.readouterr().out
    call_command("warrants")
    assert "STOPPED  agent incident-agent" in capsys.readouterr().out
    call_command("resume_agent", "incident-agent")
    minting(ada_key)
    with pytest.raises(CommandError, match="--stop is for --agent"):
        call_command("revoke_warrant", policy="incident-response", version_number=1, stop=True, reason="x")
    assert signed_list() is not None


# --- Pages ----------------------------------------------------------------------------------


def browser_of(role: Role, namespace: str = "") -> Client:
    client = Client()
    client.force_login(person(f"{role}-{namespace}", role, namespace=namespace))
    return client


@pytest.fixture
def administrator(old: IssuerKey) -> Client:
    return browser_of(Role.SECURITY_ADMINISTRATOR)


def step(client: Client, what: str, name: str, **more: str) -> int:
    return client.post("/warrants/issuers/", {"step": what, "name": name, **more}).status_code


def test_an_administrator_of_all_rotates_on_the_page(administrator, ada_key):
    minting(ada_key)
    confirm([Held("slow", "payments", 0, 0)])
    assert step(administrator, "announce", "root-2") == 302
    page = administrator.get("/warrants/issuers/").content.decode()
    assert "Would break:" in page
    assert "slow in payments holds set 0" in page
    assert step(administrator, "switch", "root-2") == 409
    assert step(administrator, "switch", "root-2", anyway_because="It is being replaced.") == 302
    assert step(administrator, "retire", "root") == 409
    assert step(administrator, "retire", "root", anyway_because="Its token was lost.") == 302
    assert states() == {"root": State.RETIRED, "root-2": State.ACTIVE}
    assert TrustedRoots.objects.count() == 3


def test_others_read_and_rotate_nothing(old):
    for role, namespace in [(Role.AUDITOR, ""), (Role.SECURITY_ADMINISTRATOR, "payments")]:
        client = browser_of(role, namespace)
        assert "Announce it" not in client.get("/warrants/issuers/").content.decode()
        assert step(client, "announce", "root-2") == 404
    assert browser_of(Role.VIEWER).get("/warrants/issuers/").status_code == 404
    assert states() == {"root": State.ACTIVE}


@pytest.mark.parametrize(
    ("what", "name", "status"),
    [
        ("", "root-2", 422),
        ("explode", "root-2", 422),
        ("announce", "<script>", 422),
        ("announce", "nul\0", 422),
        ("announce", "root", 409),
        ("switch", "nul\0", 404),
        ("retire", "root", 409),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is(administrator, what, name, status):
    answer = administrator.post("/warrants/issuers/", {"step": what, "name": name})
    assert answer.status_code == status
    assert "Nothing was changed" in answer.content.decode()
    assert not TrustedRoots.objects.exists()


def test_the_page_stops_an_agent_and_lets_it_mint_again(administrator, ada_key):
    minting(ada_key)
    form = {"scope": "agent", "name": "incident-agent", "reason": "It went astray.", "stop": "yes"}
    assert administrator.post("/warrants/revocations/", form).status_code == 302
    assert "The agent" in administrator.get("/warrants/").content.decode()
    local = browser_of(Role.SECURITY_ADMINISTRATOR, "default")
    lifting = {"scope": "agent", "name": "incident-agent"}
    assert local.post("/warrants/revocations/resumption/", lifting).status_code == 404
    assert administrator.post("/warrants/revocations/resumption/", lifting).status_code == 302
    minting(ada_key)


# --- Where a worker begins ------------------------------------------------------------------


@pytest.fixture
def other_keys(old: IssuerKey) -> None:
    """What a worker needs beside the roots."""
    ensure_agent(name="incident-agent")
    endorsements()


def test_a_worker_that_starts_later_begins_with_the_newest_set(other_keys):
    new = announce()
    switch()
    retire()
    found = load_keys()
    assert (set(found.roots), found.roots_number) == (keys(new), 3)


def test_a_worker_with_pinned_roots_believes_only_what_follows_from_them(old, other_keys, settings, caplog):
    settings.TRUSTED_ROOTS = [bytes(old.public_key)]
    new = announce()
    switch()
    found = load_keys()
    assert (set(found.roots), found.roots_number) == (keys(old, new), 2)
    # Whoever holds the database puts a root of their own into it, with a set that it signed itself.
    mallory = Ed25519PrivateKey.generate()
    root = mallory.public_key().public_bytes_raw()
    forged = sign(Context.TRUSTED_ROOTS, facts_of(at=1, number=3, roots=[root]), mallory)
    TrustedRoots.objects.create(number=3, issuer=old, envelope=forged.to_bytes(), signed_at=timezone.now())
    IssuerKey.objects.create(name="mallory", public_key=root, state=State.OVERLAPPING)
    found = load_keys()
    assert (set(found.roots), found.roots_number) == (keys(old, new), 2)
    assert "not signed by a root that is trusted here" in caplog.text
