"""Taking back many warrants at once, stopping a namespace, and which workers know."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import tenuo_core
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import ApproverKey
from accounts.roles.contracts import Role
from audit.ledger.queries import details_of
from audit.models import LedgerEntry
from tests.people import person
from tests.warrants.conftest import INCIDENT
from warrants.agents.services import ensure_agent
from warrants.errors import InvalidReason, NamespaceStopped, NothingToRevoke, NotStopped
from warrants.minting.services import mint
from warrants.models import ListConfirmation, MintingStop, Revocation, RevocationList, Warrant
from warrants.revocation import queries
from warrants.revocation.confirming import confirm, forget, still_here
from warrants.revocation.contracts import Aim, Held, Scope
from warrants.revocation.services import lift, revoke, revoke_all, signed_list, stop

PAYMENTS = Aim(Scope.NAMESPACE, "payments")


@pytest.fixture
def minted(ada_key: ApproverKey) -> dict[str, str]:
    """Return the warrants' ids by agent and namespace; of another version than the others is "old"."""
    ids = {}
    for name, agent, namespace in [("a", "one", "default"), ("b", "one", "payments"), ("c", "two", "payments")]:
        incident = replace(INCIDENT, id=f"P{name}", namespace=namespace)
        ids[name] = mint(
            policy="incident-response", incident=incident, agent=ensure_agent(name=agent), approvers=[ada_key]
        ).id
    Warrant.objects.filter(pk=ids["a"]).update(policy_version=99)
    return ids


def taken_back(aim: Aim) -> set[str]:
    return {one.warrant_id for one in revoke_all(aim=aim, reason="It went astray.", revoked_by="local:ada")}


def listed() -> set[str]:
    data = signed_list()
    return set(tenuo_core.SignedRevocationList.from_bytes(data).revoked_ids) if data else set()


@pytest.mark.parametrize(
    ("aim", "names"),
    [
        (Aim(Scope.AGENT, "one"), "ab"),
        (Aim(Scope.POLICY, "incident-response", 99), "a"),
        (Aim(Scope.ISSUER, "root"), "abc"),
        (Aim(Scope.NAMESPACE, "payments"), "bc"),
        (Aim(Scope.WARRANT, "b"), "b"),
    ],
)
def test_one_act_takes_back_all_that_it_means_and_signs_one_list(minted, aim, names):
    aim = replace(aim, name=minted[aim.name]) if aim.scope is Scope.WARRANT else aim
    meant = {minted[name] for name in names}
    assert taken_back(aim) == meant
    assert listed() == meant
    signed = RevocationList.objects.get()
    assert (signed.version, signed.scope, signed.name, signed.number) == (1, aim.scope, aim.name, aim.number)
    entries = LedgerEntry.objects.filter(kind="warrant.revoked")
    assert {entry.chain_id for entry in entries} == meant
    assert all(details_of(entry)["reason"] == "It went astray." for entry in entries)


def test_the_next_list_keeps_what_the_one_before_named(minted):
    taken_back(Aim(Scope.AGENT, "two"))
    taken_back(Aim(Scope.AGENT, "one"))
    assert listed() == set(minted.values())
    assert RevocationList.objects.count() == 2


def test_what_expired_or_was_taken_back_is_not_taken_back_again(minted):
    revoke(warrant_id=minted["a"], reason="First.", revoked_by="local:ada")
    long_ago = timezone.now() - timedelta(hours=2)
    Warrant.objects.filter(pk=minted["b"]).update(issued_at=long_ago, expires_at=long_ago + timedelta(hours=1))
    with pytest.raises(NothingToRevoke):
        taken_back(Aim(Scope.AGENT, "one"))
    assert Revocation.objects.get().reason == "First."
    assert RevocationList.objects.count() == 1


@pytest.mark.parametrize(
    "aim",
    [
        Aim(Scope.AGENT, "nobody"),
        Aim(Scope.AGENT, "nul\0"),
        Aim(Scope.POLICY, "incident-response"),
        Aim(Scope.POLICY, "incident-response", 2**31),
        Aim(Scope.WARRANT, ""),
    ],
)
def test_an_act_that_means_nothing_says_so_and_signs_nothing(minted, aim):
    with pytest.raises(NothingToRevoke):
        taken_back(aim)
    assert signed_list() is None


def test_an_act_without_a_reason_takes_nothing_back(minted):
    with pytest.raises(InvalidReason):
        revoke_all(aim=Aim(Scope.AGENT, "one"), reason=" ", revoked_by="local:ada")
    assert not Revocation.objects.exists()


def test_an_act_that_fails_in_the_middle_takes_nothing_back(minted, monkeypatch):
    from warrants.revocation import services

    appended = iter([True])

    def append(**_: object) -> None:
        if not next(appended, False):
            raise RuntimeError("the database is away")

    monkeypatch.setattr(services, "append", append)
    with pytest.raises(RuntimeError):
        taken_back(Aim(Scope.AGENT, "one"))
    assert not Revocation.objects.exists()
    assert signed_list() is None


# --- A namespace that is stopped ------------------------------------------------------------


def test_in_a_stopped_namespace_nothing_lives_and_nothing_is_minted_until_it_is_lifted(minted, ada_key):
    taken = stop(aim=PAYMENTS, reason="It went astray.", stopped_by="local:ada")
    assert {one.warrant_id for one in taken} == {minted["b"], minted["c"]}
    mint_again = {"policy": "incident-response", "agent": ensure_agent(name="one"), "approvers": [ada_key]}
    before = Warrant.objects.count()
    with pytest.raises(NamespaceStopped):
        mint(incident=replace(INCIDENT, namespace="payments"), **mint_again)
    assert Warrant.objects.count() == before
    mint(incident=INCIDENT, **mint_again)  # elsewhere
    lift(aim=PAYMENTS, lifted_by="local:grace")
    mint(incident=replace(INCIDENT, namespace="payments"), **mint_again)
    kinds = LedgerEntry.objects.filter(chain="policies").order_by("sequence").values_list("kind", flat=True)
    assert list(kinds) == ["namespace.stopped", "namespace.resumed"]


def test_stopping_twice_keeps_the_first_and_lifting_twice_is_refused(minted):
    stop(aim=PAYMENTS, reason="First.", stopped_by="local:ada")
    assert stop(aim=PAYMENTS, reason="Second.", stopped_by="local:grace") == []
    assert MintingStop.objects.get().reason == "First."
    lift(aim=PAYMENTS, lifted_by="local:grace")
    with pytest.raises(NotStopped):
        lift(aim=PAYMENTS, lifted_by="local:grace")


# --- What workers confirm -------------------------------------------------------------------


def test_a_worker_that_did_not_confirm_in_time_is_late(minted):
    confirm([Held("quick", "payments", 0), Held("slow", "payments", 0)])
    taken_back(Aim(Scope.AGENT, "one"))
    confirm([Held("quick", "payments", 1)])
    assert queries.late(queries.workers()) == []  # it still has time
    RevocationList.objects.update(signed_at=timezone.now() - timedelta(seconds=2.1))
    assert [one.held.worker for one in queries.late(queries.workers())] == ["slow"]
    confirm([Held("slow", "payments", 1)])
    assert queries.late(queries.workers()) == []


def test_a_worker_that_is_not_heard_of_is_late_and_is_forgotten_after_a_day(minted):
    confirm([Held("silent", "payments", 0), Held("there", "payments", 0)])
    ListConfirmation.objects.update(seen_at=timezone.now() - timedelta(seconds=31))
    still_here(["there"])
    assert [(one.held.worker, one.is_late) for one in queries.workers()] == [("silent", True), ("there", False)]
    ListConfirmation.objects.filter(worker="silent").update(seen_at=timezone.now() - timedelta(days=1, seconds=1))
    assert [one.held.worker for one in queries.workers()] == ["there"]
    forget(["there"])
    assert queries.workers() == []


# --- Commands -------------------------------------------------------------------------------


def test_commands_revoke_many_stop_list_and_resume(minted, capsys, monkeypatch):
    monkeypatch.setattr(queries, "IN_TIME", timedelta(0))
    confirm([Held("slow", "payments", 0)])
    call_command("warrants")
    said = capsys.readouterr().out
    assert "3 live." in said
    assert minted["a"] in said
    call_command("revoke_warrant", agent="two", reason="It went astray.")
    said = capsys.readouterr().out
    assert minted["c"] in said
    assert "0 of 1 workers confirmed version 1" in said
    assert "NOT CONFIRMED  slow in payments: holds version 0" in said
    call_command("revoke_warrant", policy="incident-response", version_number=99, reason="It went astray.")
    assert minted["a"] in capsys.readouterr().out
    call_command("revoke_warrant", namespace="payments", reason="It went astray.")
    assert minted["b"] in capsys.readouterr().out
    call_command("warrants")
    said = capsys.readouterr().out
    assert "0 live." in said
    assert "STOPPED  namespace payments: by command line, It went astray." in said
    call_command("resume_namespace", "payments")
    with pytest.raises(CommandError, match="not stopped"):
        call_command("resume_namespace", "payments")
    with pytest.raises(CommandError, match="no live warrant"):
        call_command("revoke_warrant", issuer="root", reason="It went astray.")
    with pytest.raises(CommandError, match="belong together"):
        call_command("revoke_warrant", policy="incident-response", reason="It went astray.")


# --- Pages ----------------------------------------------------------------------------------


def browser_of(role: Role, namespace: str = "") -> Client:
    client = Client()
    client.force_login(person(f"{role}-{namespace}", role, namespace=namespace))
    return client


def act(client: Client, scope: str, name: str, **more: str) -> int:
    form = {"scope": scope, "name": name, "reason": "It went astray.", **more}
    return client.post("/warrants/revocations/", form).status_code


def test_readers_see_the_warrants_and_revocations_of_their_namespaces(minted):
    taken_back(Aim(Scope.AGENT, "two"))
    auditor = browser_of(Role.AUDITOR, "payments")
    page = auditor.get("/warrants/").content.decode()
    assert minted["b"] in page
    assert minted["a"] not in page
    assert "Revoke this warrant" not in page
    assert "It went astray." in auditor.get("/warrants/revocations/").content.decode()
    assert "It went astray." not in browser_of(Role.AUDITOR, "billing").get("/warrants/revocations/").content.decode()


def test_an_administrator_of_a_namespace_revokes_there_and_nowhere_else(minted):
    local = browser_of(Role.SECURITY_ADMINISTRATOR, "payments")
    assert "Stop this run" in local.get(f"/incidents/{minted['b']}/").content.decode()
    assert act(local, "warrant", minted["a"]) == 404
    assert act(local, "agent", "one") == 404
    assert act(local, "issuer", "root") == 404
    assert act(local, "namespace", "default") == 404
    assert not Revocation.objects.exists()
    assert act(local, "warrant", minted["b"]) == 302
    assert "Stop this run" not in local.get(f"/incidents/{minted['b']}/").content.decode()
    assert act(local, "namespace", "payments") == 302
    assert {one.warrant_id for one in Revocation.objects.all()} == {minted["b"], minted["c"]}
    assert "is stopped" in local.get("/warrants/").content.decode()


def test_an_administrator_of_all_revokes_all_of_an_agent_or_a_policy(minted):
    admin = browser_of(Role.SECURITY_ADMINISTRATOR)
    assert act(admin, "policy", "incident-response", number="99") == 302
    assert act(admin, "agent", "one") == 302
    assert {one.warrant_id for one in Revocation.objects.all()} == {minted["a"], minted["b"]}
    assert Revocation.objects.first().revoked_by == "local:security_administrator-"


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"scope": "everything"}, 422),
        ({"scope": "warrant", "name": "nul\0", "reason": "x"}, 404),
        ({"scope": "namespace", "name": "x" * 201, "reason": "x"}, 404),
        ({"scope": "policy", "name": "incident-response", "number": "9" * 30, "reason": "x"}, 404),
        ({"scope": "agent", "name": "one", "reason": ""}, 422),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is(minted, form, status):
    answer = browser_of(Role.SECURITY_ADMINISTRATOR).post("/warrants/revocations/", form)
    assert answer.status_code == status
    assert "Nothing was changed" in answer.content.decode()
    assert signed_list() is None


def test_viewers_and_approvers_see_no_stop_button(minted):
    for role in (Role.VIEWER, Role.APPROVER, Role.AUDITOR):
        assert "Stop this run" not in browser_of(role).get(f"/incidents/{minted['b']}/").content.decode()
