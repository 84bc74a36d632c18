"""Groups of the provider give roles, and take them away again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import Person, RoleGrant
from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from accounts.roles.services import grant
from accounts.sign_in.openid.claims import display_name
from tests.accounts.fake_provider import ADA, FakeProvider, configure, running_provider, sign_in
from tests.accounts.test_sign_in import who

pytestmark = pytest.mark.django_db
ROLE_GROUPS = {
    "sre-oncall": [(Role.APPROVER, "")],
    "secops": [(Role.SECURITY_ADMINISTRATOR, ""), (Role.AUDITOR, "")],
    "pay-leads": [(Role.APPROVER, "payments")],
}


@pytest.fixture
def acme(settings: LazySettings) -> Iterator[FakeProvider]:
    with running_provider() as provider:
        configure(settings, provider.app(settings={"role_groups": ROLE_GROUPS}))
        yield provider


def roles_after(acme: FakeProvider, **claims: object) -> set[tuple[str, str]]:
    acme.claims = {**ADA, **claims}
    client = Client()
    sign_in(client, acme)
    assert who(client)
    return set(RoleGrant.objects.values_list("role", "namespace"))


def test_a_group_gives_its_roles_and_leaving_it_takes_them_away(acme: FakeProvider) -> None:
    assert roles_after(acme, groups=["sre-oncall", "staff"]) == {("approver", "")}
    assert roles_after(acme, groups=["secops"]) == {("security_administrator", ""), ("auditor", "")}
    assert roles_after(acme, groups=["pay-leads"]) == {("approver", "payments")}
    assert has_role(Person.objects.get(), Role.APPROVER, namespace="payments")
    assert not has_role(Person.objects.get(), Role.APPROVER, namespace="default")
    assert roles_after(acme, groups=[]) == set()


def test_a_missing_claim_is_no_group(acme: FakeProvider) -> None:
    roles_after(acme, groups=["secops"])
    assert roles_after(acme) == set()


def test_a_role_given_by_hand_stays(acme: FakeProvider) -> None:
    roles_after(acme, groups=["sre-oncall"])
    grant(person=Person.objects.get(), role=Role.AUDITOR, granted_by="tests")
    assert roles_after(acme) == {("auditor", "")}


def test_only_groups_that_mean_something_are_kept(acme: FakeProvider) -> None:
    roles_after(acme, groups=["sre-oncall", "staff", "chess club"])
    assert list(RoleGrant.objects.values_list("group", "granted_by")) == [("sre-oncall", "group sre-oncall")]


def test_ten_thousand_groups_are_read_and_forgotten(acme: FakeProvider) -> None:
    many = [f"00000000-0000-4000-8000-{number:012}" for number in range(10_000)]
    began = time.monotonic()
    assert roles_after(acme, groups=[*many, "sre-oncall"]) == {("approver", "")}
    assert time.monotonic() - began < 5
    assert RoleGrant.objects.count() == 1


ODD: list[Any] = [
    None,
    7,
    True,
    {"sre-oncall": True},
    {"groups": ["sre-oncall"]},
    [["sre-oncall"]],
    [{"name": "sre-oncall"}],
    [None, 7, True, {}],
    "sre-oncall,secops",
    ["SRE-ONCALL", "sre-oncall ", "sre-oncall\x00", "sre\u2010oncall", ""],
    ["x" * 100_000],
    "",
]


@pytest.mark.parametrize("groups", ODD, ids=lambda groups: repr(groups)[:40])
def test_what_is_no_list_of_known_groups_gives_nothing(acme: FakeProvider, groups: Any) -> None:
    roles_after(acme, groups=["sre-oncall"])
    assert roles_after(acme, groups=groups) == set()


def test_one_group_may_stand_alone(acme: FakeProvider) -> None:
    assert roles_after(acme, groups="sre-oncall") == {("approver", "")}


def test_known_groups_among_odd_ones_count(acme: FakeProvider) -> None:
    assert roles_after(acme, groups=[None, {"a": 1}, ["secops"], "sre-oncall", "sre-oncall"]) == {("approver", "")}


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["sre-oncall"]}}),
        ("https://acme.example/groups", {"https://acme.example/groups": ["sre-oncall"]}),
        ("a.b", {"a.b": ["sre-oncall"], "a": {"b": ["secops"]}}),
    ],
)
def test_groups_are_found_where_the_setting_says(
    acme: FakeProvider, settings: LazySettings, claim: str, claims: dict[str, Any]
) -> None:
    configure(settings, acme.app(settings={"role_groups": ROLE_GROUPS, "groups_claim": claim}))
    assert roles_after(acme, **claims) == {("approver", "")}
    assert roles_after(acme, groups=["secops"], realm_access=[], a=7) == set()


def test_groups_may_come_with_userinfo(acme: FakeProvider) -> None:
    acme.userinfo = {"sub": "ada-7", "groups": ["sre-oncall"]}
    assert roles_after(acme) == {("approver", "")}
    # What is signed wins, also where userinfo is asked for the name.
    assert roles_after(acme, groups=[], name=None) == set()


def test_a_provider_gives_only_what_its_own_groups_give(acme: FakeProvider, settings: LazySettings) -> None:
    configure(settings, acme.app(settings={"role_groups": {"partners": [(Role.VIEWER, "")]}}))
    assert roles_after(acme, groups=["sre-oncall", "partners"]) == {("viewer", "")}


@pytest.mark.parametrize(
    ("claims", "shown"),
    [
        ({"name": "  Ada \n Lovelace "}, "Ada Lovelace"),
        ({"name": "Ada\u202e\u200b\x00<b>"}, "Ada<b>"),
        ({"name": "A" * 5000}, "A" * 200),
        ({"name": ["Ada"], "preferred_username": "ada"}, "ada"),
        ({"name": "\u200b", "preferred_username": "ada"}, "ada"),
        ({"name": 7}, ""),
        ({}, ""),
    ],
)
def test_a_name_is_made_safe_to_show(claims: dict[str, Any], shown: str) -> None:
    assert display_name(claims) == shown


def test_a_person_without_a_name_is_shown_by_their_username(acme: FakeProvider) -> None:
    acme.claims = {"sub": "ada-7"}
    sign_in(Client(), acme)
    assert Person.objects.get().display_name.startswith("sso-")
