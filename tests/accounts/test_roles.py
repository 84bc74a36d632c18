"""Who may do what."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Permission
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory

from accounts.models import Person, RoleGrant
from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from accounts.roles.services import grant

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("who", "viewer", "approver"), [("ada", True, True), ("vera", True, False), ("oscar", False, False)]
)
def test_an_approver_is_a_viewer_but_not_the_other_way_round(
    request: pytest.FixtureRequest, who: str, viewer: bool, approver: bool
) -> None:
    person = request.getfixturevalue(who)
    assert (has_role(person, Role.VIEWER), has_role(person, Role.APPROVER)) == (viewer, approver)
    assert person.has_perm("audit.view_ledgerentry") is viewer
    assert person.has_perm("accounts.add_approverkey") is approver


def test_nobody_has_no_role() -> None:
    assert not has_role(AnonymousUser(), Role.VIEWER)
    assert not AnonymousUser().has_perm("audit.view_ledgerentry")


def test_a_deactivated_approver_has_no_role(ada: Person) -> None:
    ada.is_active = False
    assert not has_role(ada, Role.VIEWER)
    assert not ada.has_perm("audit.view_ledgerentry")


def test_a_superuser_is_no_approver(oscar: Person) -> None:
    oscar.is_superuser = True
    oscar.save()
    assert not has_role(oscar, Role.APPROVER)


def test_roles_say_nothing_about_other_permissions(ada: Person) -> None:
    assert not ada.has_perm("accounts.delete_person")
    assert not ada.has_perm("audit.change_ledgerentry")


def test_djangos_permission_tables_open_no_door(oscar: Person) -> None:
    oscar.user_permissions.set(Permission.objects.all())
    assert not Person.objects.get(pk=oscar.pk).has_perm("audit.view_ledgerentry")


def test_granting_twice_keeps_the_first_grant(vera: Person) -> None:
    again = grant(person=vera, role=Role.VIEWER, granted_by="local:ada")
    assert again.granted_by == "tests"
    assert RoleGrant.objects.filter(person=vera).count() == 1


def test_a_role_that_does_not_exist_cannot_be_granted(vera: Person) -> None:
    with pytest.raises(ValueError, match="administrator"):
        grant(person=vera, role="administrator", granted_by="tests")  # type: ignore[arg-type]
    with pytest.raises(IntegrityError, match="role_known"):
        RoleGrant.objects.create(person=vera, role="administrator", granted_by="tests")


@require_role(Role.VIEWER)
def page(http_request: HttpRequest) -> HttpResponse:
    return HttpResponse("inside")


def ask(person: Person | AnonymousUser, **headers: str) -> HttpResponse:
    http_request = RequestFactory().get("/page/?tab=2", headers=headers)
    http_request.user = person
    return page(http_request)


def test_the_gate_lets_in_who_holds_the_role(ada: Person, vera: Person) -> None:
    assert ask(ada).content == ask(vera).content == b"inside"


def test_the_gate_shows_nothing_to_outsiders(oscar: Person) -> None:
    with pytest.raises(Http404):
        ask(oscar)


def test_the_gate_sends_anonymous_people_to_sign_in_and_back() -> None:
    response = ask(AnonymousUser())
    assert (response.status_code, response.headers["Location"]) == (302, "/accounts/login/?next=/page/%3Ftab%3D2")


@pytest.mark.parametrize("accept", ["text/html,application/xhtml+xml,*/*;q=0.8", "*/*", "text/html, application/json"])
def test_browsers_get_pages(accept: str) -> None:
    assert ask(AnonymousUser(), accept=accept).status_code == 302


@pytest.mark.parametrize("headers", [{"accept": "application/json"}, {"hx-request": "true"}])
def test_scripts_are_answered_not_redirected(headers: dict[str, str]) -> None:
    assert ask(AnonymousUser(), **headers).status_code == 401
