"""The editor's forms change the text that is posted with them, and nothing else; the unsafe is refused there too."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from tests.people import person
from warrants.models import PolicyVersion, ReportedTool
from warrants.policies import services
from warrants.policies.constraints import ANYTHING
from warrants.policies.describing import DESCRIPTIONS
from warrants.policies.fields import FIELDS, SHAPES, fields_of, tried_value, value_of
from warrants.policies.reading import read
from warrants.policies.release import shipped_names, shipped_text
from warrants.policies.rules import parse_policy

pytestmark = pytest.mark.django_db

TEXT = """\
name: night-shift
version: 1
lifetimes: {critical: 1 h}   # not longer
min_approvals: 1
tools:
  restart_service:
    arguments:
      service: {one_of: ["{incident.service}"]}
      environment: {one_of: [production, staging, dev]}
      replicas: {range: {min: 1, max: 10}}
      labels: {subset: [web, db]}
      host: {cidr: 10.0.0.0/8}
      note: anything
"""
SERVICE = '{one_of: ["{incident.service}"]}'


@pytest.fixture
def client(db: None) -> Client:
    client = Client()
    client.force_login(person("author", Role.POLICY_AUTHOR))
    return client


def ask(client: Client, part: str, policy: str = TEXT, status: int = 200, **fields: Any) -> str:
    named = {name if name == "change" else f"{part}-{name}": value for name, value in fields.items()}
    answer = client.post(f"/policies/forms/{part}/", {"text": policy.replace("\n", "\r\n"), **named})
    assert answer.status_code == status, answer.content.decode()
    return answer.content.decode()


def changed(client: Client, part: str, policy: str = TEXT, **fields: Any) -> str:
    """Return the text that a form makes of ``policy``."""
    said = ask(client, part, policy, change="1", **fields)
    found = re.search(r'<changed-text for="policy-text" data-text="([^"]*)"', said)
    assert found, said
    return html.unescape(found[1])


def rule(argument: str = "note", kind: str = "exact", **fields: Any) -> dict[str, Any]:
    chosen = {"tool": "restart_service", "argument": argument, "kind": kind}
    return {**chosen, "of_tool": "restart_service", "of_argument": argument, "of_kind": kind, **fields}


def gate(form: str, **fields: Any) -> dict[str, Any]:
    same = {"tool": "restart_service", "of_tool": "restart_service", "of_form": form, "form": form}
    return {**same, "message": "A person looks.", **fields}


# --- Rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize("described", DESCRIPTIONS, ids=lambda described: described.name)
def test_every_kind_of_rule_has_a_form_that_writes_it(client: Client, described: Any) -> None:
    value = read(f"rule: {described.example}").values["rule"]
    kind, fields = fields_of(value)
    assert kind == described.name
    text = changed(client, "rule", **rule(kind=kind, **fields))
    assert read(text).values["tools"]["restart_service"]["arguments"]["note"] == value
    assert text.replace(next(line for line in text.split("\n") if " note: " in line), "      note: anything") == TEXT
    shown = html.unescape(ask(client, "rule", text, tool="restart_service", argument="note"))
    assert described.label in shown
    assert described.example in shown
    for name in FIELDS[SHAPES[kind]]:
        assert f'name="rule-{name}"' in shown


@pytest.mark.parametrize("described", DESCRIPTIONS, ids=lambda described: described.name)
def test_tenuo_answers_for_the_value_that_is_tried(client: Client, described: Any) -> None:
    kind, fields = fields_of(read(f"rule: {described.example}").values["rule"])
    tried = [(value, "Allowed") for value in described.allowed] + [(value, "Refused") for value in described.refused]
    typed = [(value, verdict) for value, verdict in tried if value not in ("", [])]
    for value, verdict in typed:
        value_type = {str: "text", bool: "truth", int: "number", float: "number", list: "list"}[type(value)]
        shown = (
            "\n".join(value)
            if isinstance(value, list)
            else str(value).replace("True", "true").replace("False", "false")
        )
        asked = {**rule(kind=kind, **fields), "value": shown, "value_type": value_type}
        posted = {f"rule-{name}": one for name, one in asked.items()}
        answer = client.post("/policies/answers/", {"text": TEXT, **posted}).content.decode()
        assert f"<strong>{verdict}</strong>" in answer, (value, answer)
    assert typed or kind == ANYTHING


@pytest.mark.parametrize(
    ("value_type", "typed"),
    [("number", "1e9"), ("number", "9" * 17), ("number", "١"), ("truth", "yes"), ("number", "")],
)
def test_a_value_that_is_not_of_its_type_is_no_value(client: Client, value_type: str, typed: str) -> None:
    asked = {**rule(kind="range", minimum="1"), "value": typed, "value_type": value_type}
    answer = client.post("/policies/answers/", {"text": TEXT, **{f"rule-{name}": one for name, one in asked.items()}})
    assert answer.status_code == 200
    assert b"<strong>" not in answer.content


def test_what_is_typed_stays_what_it_is() -> None:
    assert tried_value("list", "a\nb") == ["a", "b"]
    assert tried_value("text", " 1 ") == " 1 "
    assert value_of("one_of", {"texts": " a \r\n\r\n b"}) == {"one_of": ["a", "b"]}
    assert fields_of({"range": {"min": 1e-7}}) == ("", {})
    assert fields_of({"exact": "a", "one_of": ["b"]})[0] == ""
    assert fields_of({"one_of": [1]})[0] == ""


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("exact", {"text": ""}, "text"),
        ("one_of", {"texts": "a\na"}, "texts"),
        ("range", {"minimum": "10", "maximum": "1"}, "minimum"),
        ("range", {}, "minimum"),
        ("range", {"minimum": "ten"}, "minimum"),
        ("range", {"maximum": "nan"}, "maximum"),
        ("regex", {"text": "(?i)a"}, "text"),
        ("url_safe", {"schemes": [], "domains": "example.com"}, "schemes"),
        ("url_safe", {"schemes": ["https"], "domains": "EXAMPLE"}, "domains"),
        ("url_safe", {"schemes": ["https"], "ports": "70000"}, "ports"),
        ("all", {"rules": "{exact: a}\n]"}, "rules"),
        ("all", {"rules": "{exact: a}"}, "rules"),
        ("any_of", {"rules": "{exact: a}\n{one_of: [&x a]}"}, "rules"),
        ("not", {"rule": "{not: {exact: a}}"}, "rule"),
        ("not", {"rule": "{not: {all: [{not: {any_of: [{not: {exact: a}}, {exact: b}]}}, {exact: c}]}}"}, "rule"),
        ("cel", {"text": "value.matches('a')"}, "text"),
    ],
)
def test_a_rule_that_the_policy_would_refuse_names_its_field(
    client: Client, kind: str, fields: dict[str, Any], field: str
) -> None:
    said = ask(client, "rule", status=422, change="1", **rule(kind=kind, **fields))
    assert "The text was not changed" in said
    assert "changed-text" not in said
    marked = re.findall(r'name="rule-(\w+)"[^>]*aria-invalid="true"', said)
    assert marked == [field] or (field == "schemes" and "Give" in said) or field == "schemes"


def test_arguments_that_the_policy_forgot_come_first(client: Client) -> None:
    report("restart_service", [["service", "str", True], ["force", "bool", True], ["since", "int", False]])
    report("drain_node", [["node", "str", True]])
    report("<b>Evil", [["x", "str", True]])
    shown = ask(client, "rule")
    assert '<optgroup label="Workers have it">\n      <option value="drain_node">' in shown or "drain_node" in shown
    assert "Evil" not in shown
    arguments = shown[shown.index('name="rule-argument"') :]
    assert arguments.index("Forgotten by the policy") < arguments.index(">force<") < arguments.index("In this policy")
    assert "the policy says nothing of it" in shown
    text = changed(client, "rule", tool="drain_node", argument="node", of_tool="drain_node", of_argument="node",
                   kind="exact", of_kind="exact", text="n1")  # fmt: skip
    assert text == TEXT + "  drain_node:\n    arguments:\n      node: {exact: n1}\n"


def report(name: str, parameters: list[Any]) -> None:
    now = timezone.now()
    ReportedTool.objects.create(
        namespace="default", task_queue="q", name=name, parameters=parameters, first_seen_at=now, seen_at=now
    )


def test_a_tool_that_nobody_knows_is_typed(client: Client) -> None:
    fields = {
        "tool": "+",
        "argument": "+",
        "of_tool": "+",
        "of_argument": "+",
        "kind": "anything",
        "of_kind": "anything",
    }
    text = changed(client, "rule", **fields, new_tool="page_team", new_argument="team")
    assert text.endswith("  page_team:\n    arguments:\n      team: anything\n")
    said = ask(client, "rule", status=422, change="1", **fields, new_tool="Page Team", new_argument="team")
    assert re.search(r'name="rule-new_tool"[^>]*aria-invalid="true"', said)


# --- Gates --------------------------------------------------------------------------------------


def test_a_gate_is_written_changed_and_taken_out(client: Client) -> None:
    text = changed(
        client, "gate", **gate("unless", **{"environment-texts": ["staging", "dev"], "confirm": "environment"})
    )
    written = (
        "    gate:\n      message: A person looks.\n      confirm: environment\n"
        "      unless:\n        environment: {one_of: [staging, dev]}\n"
    )
    assert text == TEXT + written
    assert parse_policy(text).tools["restart_service"].gate
    commented = text.replace("looks.", "looks.  # at night")
    other = changed(
        client, "gate", commented, **gate("unless", **{"environment-texts": ["dev"], "replicas-maximum": "2"})
    )
    assert other == TEXT + (
        "    gate:\n      message: A person looks.  # at night\n"
        "      unless:\n        environment: {one_of: [dev]}\n        replicas: {range: {min: 1, max: 2}}\n"
    )
    always = changed(client, "gate", other, **gate("always"))
    assert always.endswith("      message: A person looks.  # at night\n      always: true\n")
    assert changed(client, "gate", always, **gate("none")) == TEXT


def test_a_gate_offers_only_rules_that_may_stand_there(client: Client) -> None:
    for form, expected in (
        ("unless", ["environment-texts", "replicas-minimum", "replicas-maximum", "labels-texts", "host-text"]),
        ("when", ["environment-texts", "replicas-minimum", "replicas-maximum", "labels-texts", "host-text"]),
    ):
        shown = ask(client, "gate", **gate(form))
        for name in expected:
            assert f'name="gate-{name}"' in shown
    text = changed(client, "gate", **gate("when", **{"labels-texts": ["db"], "host-text": "10.1.0.0/16"}))
    assert "labels: {contains: [db]}" in text
    assert "host: {cidr: 10.1.0.0/16}" in text


def test_a_gate_that_near_values_slip_past_is_refused_with_its_safe_form(client: Client) -> None:
    said = ask(client, "gate", status=422, change="1", **gate("when", **{"note-texts": "production"}))
    assert "changed-text" not in said
    assert "near misses" in said
    fix = re.search(r'<use-safe-form for="policy-text" data-text="([^"]*)"', said)
    assert fix
    assert html.unescape(fix[1]) == TEXT + "    gate:\n      message: A person looks.\n      always: true\n"


@pytest.mark.parametrize(
    "fields",
    [
        gate("unless", **{"environment-texts": ["production", "staging", "dev"]}),
        gate("unless"),
        gate("always", message=""),
        gate("always", message="x" * 201),
        gate("unless", **{"host-text": "10.0.0.1/8"}),
        gate("unless", **{"replicas-minimum": "0", "replicas-maximum": "20"}),
        gate("always", confirm="note"),
        gate("unless", **{"environment-texts": ["qa"]}),
        gate("always") | {"form": "sometimes", "message": ""},
    ],
)
def test_a_gate_that_does_not_close_is_refused(client: Client, fields: dict[str, Any]) -> None:
    assert "changed-text" not in ask(client, "gate", status=422, change="1", **fields)


def test_a_gate_without_a_tool_and_of_one_that_is_not_sound_waits(client: Client) -> None:
    assert "Give the policy a tool first" in ask(client, "gate", "name: a\n")
    said = ask(
        client, "gate", TEXT.replace("{cidr: 10.0.0.0/8}", "{cidr: x}"), status=422, change="1", tool="restart_service"
    )
    assert "arguments come first" in said


# --- Terms --------------------------------------------------------------------------------------


def terms(**fields: Any) -> dict[str, Any]:
    return {"min_approvals": "1", "lifetime-critical": "1 h", **fields}


def test_terms_are_written_behind_their_like(client: Client) -> None:
    assert changed(client, "terms", **terms()) == TEXT
    text = changed(
        client, "terms", **terms(step_up_seconds="300", one_denial_ends="on", approver_key_strength="strong")
    )
    assert text == TEXT.replace(
        "min_approvals: 1\n",
        "min_approvals: 1\nstep_up_seconds: 300\napprover_key_strength: strong\none_denial_ends: true\n",
    )
    assert changed(client, "terms", text, **terms()) == TEXT.replace(
        "min_approvals: 1\n", "min_approvals: 1\none_denial_ends: false\n"
    )
    lives = changed(
        client, "terms", **terms(**{"lifetime-critical": "2 h", "new_severity": "low", "new_lifetime": "15 min"})
    )
    assert "lifetimes: {critical: 2 h, low: 15 min}   # not longer\n" in lives


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"min_approvals": "0"}, "min_approvals"),
        ({"min_approvals": ""}, "min_approvals"),
        ({"step_up_seconds": "5"}, "step_up_seconds"),
        ({"lifetime-critical": "99 h"}, "lifetime-critical"),
        ({"new_severity": "Night!", "new_lifetime": "1 h"}, "new_severity"),
        ({"new_severity": "night"}, "new_lifetime"),
        ({"new_severity": "night", "new_lifetime": "soon"}, "new_lifetime"),
    ],
)
def test_terms_that_the_policy_would_refuse_name_their_field(client: Client, fields: Any, field: str) -> None:
    said = ask(client, "terms", status=422, change="1", **terms(**fields))
    assert re.findall(r'name="terms-([\w-]+)"[^>]*aria-invalid="true"', said) == [field]


# --- Texts and people -----------------------------------------------------------------------------


BROKEN = [
    "",
    "\0",
    "tools: [",
    "a: &x 1",
    "x" * 70_000,
    "[1]",
    "tools: {a: {arguments: {b: 1}, gate: 2}}",
    "tools: 5",
    "lifetimes: 3\ntools: {x: }",
    "tools: {Evil: {arguments: 7}}",
    "min_approvals: {a: b}",
    "{a: [[[[{}]]]]}",
]


@pytest.mark.parametrize("part", ["rule", "gate", "terms"])
@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_no_text_breaks_a_form(client: Client, part: str, text: str) -> None:
    ask(client, part, text)
    fields = {"rule": rule(text="a"), "gate": gate("always"), "terms": terms()}[part]
    posted = {f"{part}-{name}": value for name, value in fields.items()}
    assert client.post(f"/policies/forms/{part}/", {"text": text, "change": "1", **posted}).status_code in (200, 422)
    assert client.post("/policies/answers/", {"text": text, **posted, "rule-value": "1"}).status_code == 200
    assert client.post("/policies/summary/", {"text": text}).status_code == 200


def test_a_form_says_in_which_line_the_text_cannot_be_read(client: Client) -> None:
    said = ask(client, "rule", "name: a\ntools: ]\n")
    assert "The text must be readable first" in said
    assert "Look at line 2" in said


def test_there_is_no_other_form(client: Client) -> None:
    assert client.post("/policies/forms/other/", {"text": TEXT}).status_code == 404
    assert client.get("/policies/forms/rule/").status_code == 405


def test_who_reads_no_yaml_reads_what_an_agent_may_do(client: Client) -> None:
    for name in shipped_names():
        said = html.unescape(client.post("/policies/summary/", {"text": shipped_text(name)}).content.decode())
        assert "must be changed" not in said
    said = html.unescape(
        client.post("/policies/summary/", {"text": shipped_text("incident-response")}).content.decode()
    )
    assert 'Every call stops, unless environment is one of "staging", "dev".' in said
    assert "the incident's service" in said
    assert "a number from 1 to 1440" in said
    assert "No call stops." in said


def test_a_page_says_why_it_cannot_be_written_in(client: Client, django_user_model: Any) -> None:
    author = Person.objects.get(username="author")
    version = services.begin(name="night-shift", author=author, text=TEXT)
    page = client.get("/policies/night-shift/1/").content.decode()
    assert "<policy-forms" in page
    assert "Read only" not in page
    reader = Client()
    reader.force_login(person("auditor", Role.AUDITOR))
    said = reader.get("/policies/night-shift/1/").content.decode()
    assert "You may read it. Policy authors" in said
    assert "<policy-forms" not in said
    assert "No call stops." in said
    services.propose(name="night-shift", number=1, revision=version.revision, author=author)
    assert "Its text stays as it is until" in client.get("/policies/night-shift/1/").content.decode()


def test_the_forms_stand_beside_the_text_that_was_not_saved(client: Client) -> None:
    author = Person.objects.get(username="author")
    version = services.begin(name="night-shift", author=author, text=TEXT)
    services.save(name="night-shift", number=1, revision=version.revision, author=person("other", Role.POLICY_AUTHOR),
                  text=TEXT.replace("1 h", "3 h"))  # fmt: skip
    mine = TEXT.replace("restart_service", "stop_service")
    page = client.post("/policies/night-shift/1/", {"text": mine, "revision": str(version.revision)})
    assert page.status_code == 409
    said = page.content.decode()
    assert "What was saved meanwhile" in said
    assert '<option value="stop_service" selected>' in said
    PolicyVersion.objects.update(changed_at=timezone.now() - services.DRAFT_LIFETIME * 2)
    late = client.post("/policies/night-shift/1/proposal/", {"revision": "2"})
    assert late.status_code == 409
    assert "<policy-forms" in late.content.decode()
