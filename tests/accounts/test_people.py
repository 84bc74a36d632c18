"""Security administrators give and take roles and shut people out; nobody does it to themselves."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.test import Client

from accounts import errors
from accounts.keys.queries import active_keys
from accounts.models import Person, PersonSession, RoleGrant, SignInLink
from accounts.people import administration, queries, services
from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from accounts.roles.services import apply_groups, grant, revoke
from accounts.sign_in.services import issue_link
from audit.ledger.queries import details_of
from audit.models import LedgerEntry
from tests import people
from tests.accounts.conftest import signed_in
from tests.approvals import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def sam(db: None) -> Person:
    """Sam, a security administrator of everything."""
    return people.person("sam", Role.SECURITY_ADMINISTRATOR)


@pytest.fixture
def petra(db: None) -> Person:
    """Petra, a security administrator of "payments" alone."""
    return people.person("petra", Role.SECURITY_ADMINISTRATOR, namespace="payments")


def entries() -> list[tuple[str, dict[str, Any]]]:
    return [(entry.kind, details_of(entry)) for entry in LedgerEntry.objects.filter(chain="people")]


def assert_nothing_happened(grants: int) -> None:
    assert not LedgerEntry.objects.exists()
    assert RoleGrant.objects.count() == grants
    assert not Person.objects.filter(is_active=False).exists()


# --- Giving and taking ----------------------------------------------------------------------


def test_an_administrator_gives_a_role_and_the_ledger_says_so(sam: Person, oscar: Person) -> None:
    administration.grant_role(administrator=sam, person=oscar, role=Role.APPROVER, namespace=" payments ")
    assert has_role(oscar, Role.APPROVER, namespace="payments")
    assert not has_role(oscar, Role.APPROVER, namespace="billing")
    about = {"person": "local:oscar", "by": "local:sam", "role": "approver", "namespace": "payments", "group": ""}
    assert entries() == [("role.granted", about)]


def test_giving_a_role_twice_is_one_entry(sam: Person, oscar: Person) -> None:
    for _ in range(2):
        administration.grant_role(administrator=sam, person=oscar, role=Role.APPROVER, namespace="")
    assert len(entries()) == 1


def test_an_administrator_takes_a_role_and_the_ledger_says_so(sam: Person, ada: Person) -> None:
    administration.revoke_role(administrator=sam, person=ada, role=Role.APPROVER, namespace="")
    assert not has_role(ada, Role.VIEWER)
    assert [kind for kind, _ in entries()] == ["role.revoked"]


def test_taking_the_last_role_ends_the_sessions_and_taking_another_does_not(sam: Person, ada: Person) -> None:
    client = signed_in(people.hold(ada, Role.VIEWER))
    administration.revoke_role(administrator=sam, person=ada, role=Role.APPROVER, namespace="")
    assert client.get("/approvals/").status_code == 200
    administration.revoke_role(administrator=sam, person=ada, role=Role.VIEWER, namespace="")
    assert client.get("/approvals/").status_code == 302


def test_a_role_that_comes_through_a_group_is_not_taken_by_hand(sam: Person, oscar: Person) -> None:
    people.hold(oscar, Role.APPROVER, group="oncall")
    with pytest.raises(errors.RoleNotHeld):
        administration.revoke_role(administrator=sam, person=oscar, role=Role.APPROVER, namespace="")
    assert has_role(oscar, Role.APPROVER)


def test_joining_and_leaving_a_group_is_in_the_ledger_and_an_unchanged_sign_in_is_not(oscar: Person) -> None:
    roles_of = {"oncall": [(Role.APPROVER, "payments")]}
    for groups in (["oncall"], ["oncall"], []):
        apply_groups(person=oscar, groups=groups, roles_of=roles_of)
    assert [(kind, about["by"], about["group"]) for kind, about in entries()] == [
        ("role.granted", "group oncall", "oncall"),
        ("role.revoked", "group oncall", "oncall"),
    ]


@pytest.mark.parametrize("namespace", ["x" * 256, "pay ments", "pay\u202ements", "nul\x00"])
def test_a_namespace_that_cannot_be_one_is_refused(sam: Person, oscar: Person, namespace: str) -> None:
    with pytest.raises(errors.InvalidNamespace):
        administration.grant_role(administrator=sam, person=oscar, role=Role.VIEWER, namespace=namespace)
    assert_nothing_happened(grants=1)


# --- Who may --------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SECURITY_ADMINISTRATOR])
def test_no_other_role_gives_takes_or_shuts_out(sam: Person, ada: Person, role: Role) -> None:
    somebody = people.person("somebody", role)
    for act in (
        lambda: administration.grant_role(administrator=somebody, person=ada, role=Role.AUDITOR, namespace=""),
        lambda: administration.revoke_role(administrator=somebody, person=ada, role=Role.APPROVER, namespace=""),
        lambda: administration.disable_person(administrator=somebody, person=ada),
        lambda: administration.enable_person(administrator=somebody, person=ada),
        lambda: administration.end_session(administrator=somebody, person=ada, session_id=1),
    ):
        with pytest.raises(errors.NotAnAdministrator):
            act()
    assert_nothing_happened(grants=3)


def test_nobody_gives_themselves_a_role(sam: Person) -> None:
    with pytest.raises(errors.NotForOneself):
        administration.grant_role(administrator=sam, person=sam, role=Role.APPROVER, namespace="")
    with pytest.raises(errors.NotForOneself):
        administration.grant_role(administrator=sam, person=sam, role=Role.APPROVER, namespace="payments")
    assert_nothing_happened(grants=1)


def test_nobody_disables_themselves(sam: Person) -> None:
    people.person("tess", Role.SECURITY_ADMINISTRATOR)
    with pytest.raises(errors.NotForOneself):
        administration.disable_person(administrator=sam, person=sam)
    assert_nothing_happened(grants=2)


def test_a_disabled_administrator_does_nothing_more(sam: Person, ada: Person) -> None:
    services.disable(person=people.person("tess", Role.SECURITY_ADMINISTRATOR), disabled_by="tests")
    tess = Person.objects.get(username="tess")
    with pytest.raises(errors.NotAnAdministrator):
        administration.disable_person(administrator=tess, person=ada)


def test_an_administrator_of_one_namespace_acts_there_and_nowhere_else(petra: Person, ada: Person) -> None:
    administration.grant_role(administrator=petra, person=ada, role=Role.AUDITOR, namespace="payments")
    administration.revoke_role(administrator=petra, person=ada, role=Role.AUDITOR, namespace="payments")
    for act in (
        lambda: administration.grant_role(administrator=petra, person=ada, role=Role.AUDITOR, namespace="billing"),
        lambda: administration.grant_role(administrator=petra, person=ada, role=Role.AUDITOR, namespace=""),
        lambda: administration.revoke_role(administrator=petra, person=ada, role=Role.APPROVER, namespace=""),
        lambda: administration.disable_person(administrator=petra, person=ada),
        lambda: administration.enable_person(administrator=petra, person=ada),
        lambda: administration.end_session(administrator=petra, person=ada, session_id=1),
    ):
        with pytest.raises(errors.NotAnAdministrator):
            act()


# --- The last administrator -----------------------------------------------------------------


def test_the_last_administrator_cannot_be_taken_away(sam: Person) -> None:
    with pytest.raises(errors.LastAdministrator):
        administration.revoke_role(administrator=sam, person=sam, role=Role.SECURITY_ADMINISTRATOR, namespace="")
    with pytest.raises(errors.LastAdministrator):
        services.disable(person=sam, disabled_by="command line")
    assert_nothing_happened(grants=1)


def test_an_inactive_administrator_does_not_count(sam: Person) -> None:
    tess = people.person("tess", Role.SECURITY_ADMINISTRATOR)
    services.disable(person=tess, disabled_by="tests")
    with pytest.raises(errors.LastAdministrator):
        services.disable(person=sam, disabled_by="tests")


def test_an_administrator_of_one_namespace_does_not_count(sam: Person, petra: Person) -> None:
    with pytest.raises(errors.LastAdministrator):
        services.disable(person=sam, disabled_by="tests")


def test_where_there_never_was_an_administrator_people_can_still_be_shut_out(ada: Person) -> None:
    services.disable(person=ada, disabled_by="command line")
    assert not Person.objects.get(pk=ada.pk).is_active


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_take_each_other_at_once_leave_one() -> None:
    pair = [people.person(name, Role.SECURITY_ADMINISTRATOR) for name in ("sam", "tess")]
    start, outcomes = threading.Barrier(2), []

    def shut_out(administrator: Person, person: Person) -> None:
        start.wait()
        try:
            administration.disable_person(administrator=administrator, person=person)
            outcomes.append("done")
        except errors.AccountError as error:
            outcomes.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=shut_out, args=pair), threading.Thread(target=shut_out, args=pair[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Person.objects.filter(is_active=True).count() == 1
    assert outcomes.count("done") == 1


# --- Shutting out ---------------------------------------------------------------------------


def test_whoever_is_disabled_has_no_session_no_link_and_no_key(sam: Person) -> None:
    ada = factories.approver("ada")
    client = signed_in(ada.person)
    issue_link(person=ada.person, valid_for_seconds=600)
    administration.disable_person(administrator=sam, person=ada.person)
    assert client.get("/approvals/").status_code == 302
    assert not PersonSession.objects.filter(person=ada.person).exists()
    assert not SignInLink.objects.exists()
    assert not active_keys().exists()
    assert entries() == [("person.disabled", {"person": "local:ada", "by": "local:sam"})]


def test_whoever_is_enabled_again_signs_in_anew_with_roles_and_keys(sam: Person) -> None:
    ada = factories.approver("ada")
    client = signed_in(ada.person)
    for act in (administration.disable_person, administration.enable_person, administration.enable_person):
        act(administrator=sam, person=ada.person)
    assert client.get("/approvals/").status_code == 302
    assert signed_in(ada.person).get("/approvals/").status_code == 200
    assert active_keys().exists()
    assert [kind for kind, _ in entries()] == ["person.disabled", "person.enabled"]


def test_when_the_ledger_cannot_be_written_nothing_changes(
    sam: Person, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("accounts.people.entries.append", fail)
    client = signed_in(ada)
    for act in (
        lambda: services.disable(person=ada, disabled_by="tests"),
        lambda: grant(person=ada, role=Role.AUDITOR, granted_by="tests"),
        lambda: revoke(person=ada, role=Role.APPROVER, revoked_by="tests"),
    ):
        with pytest.raises(OSError, match="full"), transaction.atomic():
            act()
    assert client.get("/approvals/").status_code == 200
    assert_nothing_happened(grants=2)


# --- The page -------------------------------------------------------------------------------


def page(client: Client) -> str:
    answer = client.get("/people/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_auditor_reads_who_may_do_what_and_can_change_nothing(ada: Person) -> None:
    people.hold(ada, Role.AUDITOR, namespace="payments", group="auditors")
    text = page(signed_in(people.person("audrey", Role.AUDITOR)))
    for words in ("Ada Lovelace", "local:ada", "Approver", "by tests", "through the group", "auditors", "payments"):
        assert words in text
    assert "<form" not in text


def test_an_auditor_of_one_namespace_sees_its_people_and_roles_only(ada: Person, oscar: Person) -> None:
    people.person("paula", Role.APPROVER, namespace="payments")
    billy = people.person("billy", Role.APPROVER, namespace="billing")
    text = page(signed_in(people.person("audrey", Role.AUDITOR, namespace="payments")))
    assert "local:paula" in text
    assert "local:ada" in text  # approves everywhere, so in payments too
    assert "billing" not in text
    assert billy.external_id not in text
    assert "local:oscar" not in text


def test_an_administrator_does_everything_from_the_page(sam: Person, oscar: Person) -> None:
    client = signed_in(sam)
    other = signed_in(oscar)
    session = PersonSession.objects.get(person=oscar)
    steps = [
        ("roles/", {"role": "approver", "namespace": ""}, "is approver now"),
        ("roles/revocation/", {"role": "approver", "namespace": ""}, "was taken from"),
        ("disabling/", {}, "is shut out"),
        ("enabling/", {}, "can sign in again"),
    ]
    assert "1 open session" in page(client)
    assert client.post(f"/people/{oscar.pk}/sessions/{session.pk}/sign-out/", follow=True).status_code == 200
    assert other.get("/sessions/").status_code == 302
    for path, body, words in steps:
        answer = client.post(f"/people/{oscar.pk}/{path}", body, follow=True)
        assert answer.redirect_chain == [(f"/people/#person-{oscar.pk}", 302)]
        assert words in answer.content.decode()


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("roles/", {"role": "king", "namespace": ""}, 422, "There is no such role"),
        ("roles/", {"role": "approver", "namespace": "a b"}, 422, "at most 255 visible characters"),
        ("roles/revocation/", {"role": "approver", "namespace": ""}, 409, "nothing was taken"),
    ],
)
def test_what_is_refused_is_said_beside_the_person(
    sam: Person, oscar: Person, path: str, body: dict[str, str], status: int, words: str
) -> None:
    answer = signed_in(sam).post(f"/people/{oscar.pk}/{path}", body)
    assert answer.status_code == status
    assert words in answer.content.decode()
    assert "Nothing was changed" in answer.content.decode()


@pytest.mark.parametrize("path", ["roles/", "disabling/"])
def test_an_administrator_cannot_do_it_to_themselves_from_the_page_either(sam: Person, path: str) -> None:
    answer = signed_in(sam).post(f"/people/{sam.pk}/{path}", {"role": "approver", "namespace": ""})
    assert answer.status_code == 409
    assert_nothing_happened(grants=1)


def test_nobody_who_does_not_exist_is_changed(sam: Person) -> None:
    for path in ("roles/", "roles/revocation/", "disabling/", "enabling/", "sessions/1/sign-out/"):
        assert signed_in(sam).post(f"/people/999999/{path}", {"role": "viewer"}).status_code == 404


def test_the_page_costs_the_same_queries_however_many_people_there_are(
    sam: Person, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        signed_in(people.person(f"person{number}", Role.VIEWER))
    by = queries.overseer(sam)
    with django_assert_max_num_queries(3):
        assert len(queries.people(by=by)) == 31


def test_a_name_from_elsewhere_is_data(sam: Person) -> None:
    people.person("mallory", display_name="<script>alert(1)</script>\u202etxt")
    text = page(signed_in(sam))
    assert "<script>alert" not in text
    assert "\u202e" not in text


def test_the_header_leads_there_only_those_who_may(sam: Person, vera: Person) -> None:
    assert 'href="/people/"' in signed_in(sam).get("/approvals/").content.decode()
    assert 'href="/people/"' not in signed_in(vera).get("/approvals/").content.decode()


# --- Commands -------------------------------------------------------------------------------


def test_the_first_administrator_comes_from_the_command_line(ada: Person, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("grant_role", "ada", "security_administrator")
    assert has_role(ada, Role.SECURITY_ADMINISTRATOR, namespace="anything")
    assert entries()[0][1]["by"] == "command line"
    assert "is security_administrator in all namespaces" in capsys.readouterr().out


def test_commands_find_people_by_their_external_id() -> None:
    tess = Person(username="tess-sso", issuer="https://idp.example", subject="tess", display_name="Tess")
    tess.save()
    call_command("grant_role", "https://idp.example#tess", "viewer", "--namespace", "payments")
    assert has_role(tess, Role.VIEWER, namespace="payments")
    call_command("revoke_role", "tess-sso", "viewer", "--namespace", "payments")
    assert not has_role(tess, Role.VIEWER)


def test_commands_disable_and_enable(ada: Person) -> None:
    call_command("disable_person", "ada")
    assert not Person.objects.get(pk=ada.pk).is_active
    call_command("enable_person", "local:ada")
    assert Person.objects.get(pk=ada.pk).is_active


def test_commands_say_what_is_wrong(sam: Person) -> None:
    with pytest.raises(CommandError, match="Nobody is called 'nobody'"):
        call_command("disable_person", "nobody")
    with pytest.raises(CommandError, match="last active security administrator"):
        call_command("disable_person", "sam")
    with pytest.raises(CommandError, match="do not hold this role by hand"):
        call_command("revoke_role", "sam", "viewer")
