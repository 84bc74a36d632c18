"""What lint knows of this installation, what it keeps from being handed on, and what a command prints."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import ApproverKey, Person
from accounts.roles.contracts import Role
from audit.ledger.services import append
from audit.statements.kinds import EntryKind
from tests.endorsing import endorsed
from tests.people import hold, person
from warrants.errors import PolicyError
from warrants.models import AgentIdentity
from warrants.policies import linting, services
from warrants.policies.contracts import State
from warrants.policies.lint import Finding
from warrants.policies.release import shipped, shipped_text
from warrants.policies.rules import parse_policy

pytestmark = pytest.mark.django_db

NAME = "incident-response"
NEXT = shipped(NAME).version + 1
TEXT = shipped_text(NAME).replace(f"version: {NEXT - 1}\n", f"version: {NEXT}\n")
LEAKING = TEXT.replace("environment: {one_of: [production, staging, dev]}", "environment: anything", 1).replace(
    "unless:\n        environment: {one_of: [staging, dev]}", "when:\n        environment: {exact: production}", 1
)
CHECK = "/policies/check/"


@pytest.fixture
def author(db: None) -> Person:
    return person("author", Role.POLICY_AUTHOR)


def approver(owner: Person, number: int, *, namespace: str = "") -> ApproverKey:
    hold(owner, Role.APPROVER, namespace=namespace)
    key = ApproverKey.objects.create(person=owner, public_key=bytes([number]) * 32, name="browser", proof=b"proof")
    return endorsed(key)


def found(text: str = TEXT, authors: tuple[str, ...] = ()) -> dict[str, Finding]:
    return {finding.code: finding for finding in linting.findings(NAME, text, authors)}


def signed_in(who: Person) -> Client:
    client = Client()
    client.force_login(who)
    return client


def test_people_are_counted_where_they_may_approve(author: Person) -> None:
    assert "gate_without_approvers" in found()
    approver(author, 1)
    approver(person("night"), 2, namespace="payments")
    told = found(TEXT.replace("min_approvals: 1", "min_approvals: 3"), (author.external_id,))
    assert "In payments only 2 people" in told["quorum_out_of_reach"].sentence
    assert author.external_id in told["approver_is_author"].sentence
    AgentIdentity.objects.create(name="agent", public_key=b"\2" * 32, wrapped_private_key=b"x")
    assert "local:night" in found()["approver_is_agent"].sentence
    assert "gate_without_approvers" in found(f"{TEXT}approver_key_strength: strong\n")


def test_the_version_before_is_the_one_that_stands(author: Person) -> None:
    assert "widened" not in found()
    assert found(TEXT.replace("critical: 1 h", "critical: 2 h"))["widened"].path == "lifetimes.critical"
    new = TEXT.replace(f"name: {NAME}", "name: another")
    assert "widened" not in {one.code for one in linting.findings("another", new, ())}


def test_how_long_people_took_comes_from_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    approver(person("ada"), 1)
    assert "how long people take" in found()["not_checked"].sentence
    for number in range(20):
        for kind in (EntryKind.APPROVAL_REQUESTED, EntryKind.APPROVAL_GRANTED):
            append(chain=f"tnu_wrt_{number}", kind=kind, details={}, label=f"INC-{number}")
    told = found()
    assert "how long people take" not in told["not_checked"].sentence
    assert "lifetime_too_short" not in told


def test_the_editor_offers_the_safe_form(author: Person) -> None:
    data = {"text": LEAKING, "name": NAME, "number": NEXT}
    answer = signed_in(author).post(CHECK, data).content.decode()
    assert "Use the safe form" in answer
    assert "unless: {environment: {one_of: [staging, dev]}}" in answer
    assert "Nothing is wrong" not in answer
    assert "Nothing is wrong" in signed_in(author).post(CHECK, {**data, "text": TEXT}).content.decode()


@pytest.mark.parametrize("name", ["", "\0", "../x", "x" * 500, "no-such"])
def test_any_name_and_number_are_answered(author: Person, name: str) -> None:
    answer = signed_in(author).post(CHECK, {"text": TEXT, "name": name, "number": "9" * 30})
    assert answer.status_code == 200


def test_errors_keep_a_draft_from_being_handed_on_and_warnings_do_not(author: Person) -> None:
    never = TEXT.replace("{range: {min: 1, max: 1440}}", "{all: [{exact: a}, {not: {exact: a}}]}")
    assert parse_policy(never)
    draft = services.begin(name=NAME, author=author, text=never)
    with pytest.raises(PolicyError, match="No value"):
        services.propose(name=NAME, number=draft.number, revision=1, author=author)
    wider = TEXT.replace("critical: 1 h", "critical: 2 h")
    services.save(name=NAME, number=draft.number, revision=1, author=author, text=wider)
    proposed = services.propose(name=NAME, number=draft.number, revision=2, author=author)
    assert proposed.state == State.REVIEW
    page = signed_in(person("publisher", Role.POLICY_PUBLISHER)).get(f"/policies/{NAME}/{NEXT}/").content.decode()
    assert "Wider: warrants live longer than before." in page
    assert "Use the safe form" not in page


def printed(*arguments: str) -> str:
    out = StringIO()
    call_command("export_policy", *arguments, stdout=out)
    return out.getvalue()


def test_a_policy_is_exported_as_it_stands(author: Person) -> None:
    assert printed(NAME) == shipped_text(NAME)
    draft = services.begin(name=NAME, author=author, text=TEXT)
    text = printed(NAME, "--number", str(draft.number))
    assert parse_policy(text) == parse_policy(TEXT)
    assert "def mint(" in printed(NAME, "--python")
    for arguments in (["no-such"], [NAME, "--number", "99"], [NAME, "--number", "-1"]):
        with pytest.raises(CommandError):
            printed(*arguments)
