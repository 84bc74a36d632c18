"""The namespaces' file: what it may hold, and that whatever is wrong is refused with its place and a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from accounts.namespaces.contracts import GroupRole, Namespace, SearchAttribute
from accounts.roles.contracts import Role
from config import namespaces, single_sign_on
from warrants.errors import PolicyError

EXAMPLE = Path(namespaces.__file__).with_name("namespaces.example.yaml")
WHOLE = """
namespaces:
  finance-ai-stg:
    retention_days: 7
    deletion_protection: false
    encrypted: false
    approvers: [sre]
    groups: {sre: [auditor], cn=leads: [viewer, policy_author]}
    search_attributes: {IncidentId: Keyword}
    task_queues: [incident-agents, incident-models]
    alerts: [checkout]
  finance-ai-prd:
    retention_days: 30
    approvers: [leads]
    served: false
"""


def place(lines: str = "", name: str = "prd") -> str:
    return f"namespaces:\n  {name}:\n    retention_days: 7\n    approvers: [sre]\n" + "".join(
        f"    {line}\n" for line in lines.splitlines()
    )


def test_a_namespace_is_read_with_everything_it_holds() -> None:
    stg, prd = namespaces.parse(WHOLE)
    assert stg == Namespace(
        "finance-ai-stg",
        retention_days=7,
        evidence_days=2557,
        search_attributes=(SearchAttribute("IncidentId", "Keyword"),),
        deletion_protection=False,
        encrypted=False,
        task_queues=("incident-agents", "incident-models"),
        group_roles=(
            GroupRole("sre", Role.APPROVER),
            GroupRole("sre", Role.AUDITOR),
            GroupRole("cn=leads", Role.VIEWER),
            GroupRole("cn=leads", Role.POLICY_AUTHOR),
        ),
        alerts=("checkout",),
    )
    assert (prd.retention_days, prd.deletion_protection, prd.encrypted, prd.served) == (30, True, True, False)
    assert (prd.approver_groups, prd.task_queues, prd.alerts) == (("leads",), (), ())


def test_without_a_file_there_is_one_namespace_where_incidents_are() -> None:
    assert namespaces.configured("", "acme") == (
        Namespace("acme", task_queues=namespaces.INCIDENT_QUEUES, evidence_days=2557),
    )
    assert [namespace.name for namespace in settings.NAMESPACES] == [settings.TEMPORAL_NAMESPACE]


REFUSED = {
    "namespaces.prd.retention_day": place("retention_day: 3"),
    "namespaces.prd.retention_days": "namespaces:\n  prd: {approvers: [sre], retention_days: 0}",
    "namespaces.prd.approvers": "namespaces:\n  prd: {retention_days: 7}",
    "namespaces.prd.served": place("served: 'yes'"),
    "namespaces.prd.encrypted": place("encrypted: 0"),
    "namespaces.temporal-system": place(name="temporal-system"),
    "namespaces.a b": place(name="a b"),
    "namespaces.prd.search_attributes.Reason": place("search_attributes: {Reason: Text}"),
    "namespaces.prd.search_attributes.TemporalPaused": place("search_attributes: {TemporalPaused: Bool}"),
    "namespaces.prd.groups.sre[0]": place("groups: {sre: [approver]}"),
    "namespaces.prd.groups.ops[1]": place("groups: {ops: [viewer, root]}"),
    "namespaces.prd.groups. ops": place("groups: {' ops': [viewer]}"),
    "namespaces.prd.task_queues[1]": place("task_queues: [payments, payments]"),
    "namespaces.prd.alerts": place("alerts: [checkout]"),
    "namespaces": "namespaces: []",
    "namespace": "namespace: {}",
    "": "namespaces: &a {prd: *a}",
}


@pytest.mark.parametrize("field", REFUSED)
def test_what_is_wrong_is_refused_by_its_place(field: str) -> None:
    with pytest.raises(PolicyError) as refused:
        namespaces.parse(REFUSED[field])
    assert refused.value.path == field


def test_a_search_attribute_of_two_types_is_refused() -> None:
    first = place("search_attributes: {IncidentId: Keyword}", name="stg")
    with pytest.raises(PolicyError, match="Keyword elsewhere") as refused:
        namespaces.parse(first + place("search_attributes: {IncidentId: Int}").removeprefix("namespaces:\n"))
    assert refused.value.path == "namespaces.prd.search_attributes.IncidentId"


def test_a_service_whose_alerts_are_in_two_namespaces_is_refused() -> None:
    queues = "task_queues: [incident-agents, incident-models]\nalerts: [checkout]"
    with pytest.raises(PolicyError, match="in stg") as refused:
        namespaces.parse(place(queues, name="stg") + place(queues).removeprefix("namespaces:\n"))
    assert refused.value.path == "namespaces.prd.alerts"


@pytest.mark.parametrize("text", ["", "\x00", "- a", "{", "namespaces: " + "[" * 700, "a" * 70_000, "x: &x [*x]"])
def test_a_file_that_is_no_such_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "namespaces.yaml"
    path.write_text(text)
    with pytest.raises(ImproperlyConfigured, match="NAMESPACES_FILE"):
        namespaces.configured(str(path), "prd")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "namespaces.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match="NAMESPACES_FILE names a file"):
        namespaces.configured(str(path), "prd")


def test_incidents_need_one_of_the_namespaces(tmp_path: Path) -> None:
    path = tmp_path / "namespaces.yaml"
    path.write_text(WHOLE)
    with pytest.raises(ImproperlyConfigured, match=r"TEMPORAL_NAMESPACE is 'default'.*finance-ai-stg, finance-ai-prd"):
        namespaces.configured(str(path), "default")
    with pytest.raises(ImproperlyConfigured, match=r"namespaces\.finance-ai-prd\.served"):
        namespaces.configured(str(path), "finance-ai-prd")
    assert len(namespaces.configured(str(path), "finance-ai-stg")) == 2


def test_the_example_is_in_order() -> None:
    found = namespaces.configured(str(EXAMPLE), "finance-ai-prd")
    assert [namespace.name for namespace in found] == [
        "finance-ai-dev",
        "finance-ai-stg",
        "finance-ai-prd",
        "finance-ai-research",
        "finance-payments-prd",
    ]
    assert [namespace.name for namespace in found if namespace.deletion_protection] == [
        "finance-ai-prd",
        "finance-ai-research",
        "finance-payments-prd",
    ]


def test_groups_of_the_file_add_to_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLE_GROUPS", "sre=viewer, boss=auditor@finance-ai-prd")
    given = single_sign_on.role_groups("OIDC_ACME_ROLE_GROUPS", [], namespaces.parse(WHOLE))
    assert given == {
        "sre": [(Role.VIEWER, ""), (Role.APPROVER, "finance-ai-stg"), (Role.AUDITOR, "finance-ai-stg")],
        "boss": [(Role.AUDITOR, "finance-ai-prd")],
        "cn=leads": [(Role.VIEWER, "finance-ai-stg"), (Role.POLICY_AUTHOR, "finance-ai-stg")],
        "leads": [(Role.APPROVER, "finance-ai-prd")],
    }


def test_a_provider_with_groups_of_its_own_is_given_nothing_by_the_file() -> None:
    given = single_sign_on.role_groups("OIDC_PARTNER_ROLE_GROUPS", ["sre=viewer@shop"], namespaces.parse(WHOLE))
    assert given == {"sre": [(Role.VIEWER, "shop")]}


def test_evidence_is_kept_for_seven_years_unless_the_file_or_the_setting_says_otherwise() -> None:
    text = (
        place("evidence_days: 30")
        + place("evidence_days: 0", "dev").partition("\n")[2]
        + place("", "stg").partition("\n")[2]
    )
    assert [one.evidence_days for one in namespaces.parse(text)] == [30, None, 2557]
    assert [one.evidence_days for one in namespaces.parse(text, evidence_days=365)] == [30, None, 365]
    assert namespaces.configured("", "acme", evidence_days=0)[0].evidence_days is None
    with pytest.raises(PolicyError, match="evidence_days must be a whole number from 0 to 36500"):
        namespaces.parse(place("evidence_days: -1"))
