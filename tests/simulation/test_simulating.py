"""What would happen if an agent made a call: asked on the page, on the command line, and by whoever means harm."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
import tenuo_core
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApproverKey
from accounts.roles.contracts import Role
from audit.models import LedgerEntry
from tests.people import person
from tests.simulation.calling import ALLOWED, record
from tests.warrants.conftest import INCIDENT, approver_key
from warrants.agents.services import ensure_agent
from warrants.errors import InvalidIncident, MalformedCall
from warrants.issuers.queries import trusted_roots
from warrants.minting.services import mint
from warrants.models import PolicyVersion, ReportedTool, Warrant
from warrants.policies.contracts import State
from warrants.policies.release import shipped, shipped_text
from warrants.policies.rules import Policy, parse_policy
from warrants.simulation.calls import read_arguments
from warrants.simulation.contracts import Answer, Outcome
from warrants.simulation.examples import example_of
from warrants.simulation.services import simulate
from warrants.simulation.trial import Trial

NAME = "incident-response"
NUMBER = shipped(NAME).version
RESTART = "restart_service"
PRODUCTION = {"service": "payments", "environment": "production"}
STAGING = {"service": "payments", "environment": "staging"}
ALL_CASES = """\
name: all-cases
version: 1
lifetimes: {low: 1 h}
min_approvals: 2
tools:
  scale:
    arguments:
      service: {one_of: ["{incident.service}"]}
      replicas: {range: {min: 1, max: 10}}
      environment: {one_of: [production, staging]}
    gate:
      message: Look at it.
      when:
        replicas: {range: {min: 5, max: 10}}
        environment: {exact: production}
  wipe:
    arguments: {what: anything}
    gate: {message: Always., always: true}
  many:
    arguments:
      names: {subset: [read, list]}
      ratio: anything
"""


def asked(tool: str, arguments: dict[str, Any] | str, policy: Policy | None = None) -> Answer:
    policy = policy or parse_policy(ALL_CASES)
    trial = Trial(policy, severity=next(iter(policy.lifetimes)), service="payments", namespace="default")
    return trial.answer(tool, read_arguments(arguments) if isinstance(arguments, str) else arguments, [])


def test_a_call_that_nobody_is_asked_about() -> None:
    answer = asked("scale", {"service": "payments", "replicas": 2, "environment": "staging"})
    assert (answer.outcome, answer.people, answer.sentence) == (
        Outcome.ALLOWED,
        0,
        "scale would run. Nobody is asked.",
    )


def test_only_the_arguments_that_ask_are_named() -> None:
    one = asked("scale", {"service": "payments", "replicas": 7, "environment": "staging"})
    assert (one.outcome, one.message, one.people) == (Outcome.GATED, "Look at it.", 2)
    assert [(reason.argument, reason.line) for reason in one.reasons] == [("replicas", 14)]
    assert one.reasons[0].rule == "replicas: {range: {min: 5, max: 10}}"
    both = asked("scale", {"service": "payments", "replicas": 7, "environment": "production"})
    assert [reason.argument for reason in both.reasons] == ["replicas", "environment"]
    assert [reason.line for reason in asked("wipe", {"what": 1}).reasons] == [18]


def test_all_arguments_that_are_refused_are_named() -> None:
    answer = asked("scale", {"service": "paymentz", "replicas": 11, "environment": "staging", "force": True})
    assert (answer.outcome, answer.code, answer.people) == (Outcome.DENIED, "constraint_violation", 0)
    assert [(reason.argument, reason.line) for reason in answer.reasons] == [
        ("service", 8),
        ("replicas", 9),
        ("force", 0),
    ]
    assert answer.reasons[0].sentence == 'service may not be "paymentz".'
    missing = asked("scale", {"service": "payments"})
    assert [reason.argument for reason in missing.reasons] == ["replicas", "environment"]


def test_a_tool_that_the_policy_does_not_have() -> None:
    answer = asked("drop", {})
    assert (answer.outcome, answer.code) == (Outcome.DENIED, "tool_not_allowed")
    assert answer.reasons[0].sentence == "The policy has no tool drop. It has scale, wipe, many."


@pytest.mark.parametrize(
    ("written", "code", "says"),
    [
        ('{"names": [], "ratio": NaN}', "MALFORMED_ARGUMENTS", "not finite"),
        ('{"names": [], "ratio": -Infinity}', "MALFORMED_ARGUMENTS", "not finite"),
        ('{"names": [], "ratio": 1e999}', "MALFORMED_ARGUMENTS", "not finite"),
        ('{"names": [], "ratio": 9223372036854775808}', "MALFORMED_ARGUMENTS", "64 bits"),
        ('{"names": [], "ratio": ' + "9" * 20_000 + "}", "MALFORMED_ARGUMENTS", "64 bits"),
        ('{"names": [], "ratio": "\\ud800"}', "MALFORMED_ARGUMENTS", "Unicode"),
        ('{"\\ud800": [], "ratio": 1}', "MALFORMED_ARGUMENTS", "Unicode"),
        ('{"names": [], "ratio": ' + "[" * 40 + "]" * 40 + "}", "MALFORMED_ARGUMENTS", "nested"),
        ('{"names": [], "ratio": null}', "WRONG_TYPE", "null"),
        ('{"names": [], "ratio": {"a": 1}}', "WRONG_TYPE", "an object"),
        ('{"names": [], "ratio": [[1]]}', "WRONG_TYPE", "several types"),
        ('{"names": [], "ratio": [1, 1.0]}', "WRONG_TYPE", "several types"),
    ],
)  # fmt: skip
def test_what_no_agent_can_sign_or_no_worker_takes_is_refused_with_its_reason(
    written: str, code: str, says: str
) -> None:
    answer = asked("many", written)
    assert (answer.outcome, answer.code) == (Outcome.DENIED, code)
    assert says in answer.reasons[0].sentence


@pytest.mark.parametrize(
    "written",
    ["", "[]", "1", '"x"', "{", '{"a": 1, "a": 2}', "{'a': 1}", "[" * 100_000, '{"a":' * 20_000, " " * 70_000],
)
def test_what_is_no_json_object_is_no_call(written: str) -> None:
    with pytest.raises(MalformedCall) as refused:
        read_arguments(written)
    assert refused.value.field == "arguments"


def test_one_and_one_point_zero_differ_where_the_workers_tool_is_known(db: None) -> None:
    now = timezone.now()
    parameters = [["names", "list[str]", True], ["ratio", "float", True]]
    ReportedTool.objects.create(
        name="many", namespace="default", task_queue="agents", parameters=parameters, seen_at=now, first_seen_at=now
    )
    policy = parse_policy(ALL_CASES)

    def outcome(namespace: str = "default", **arguments: object) -> Answer:
        of = {"severity": "low", "service": "payments", "namespace": namespace}
        return simulate(policy, tool="many", arguments=arguments, **of).answer

    assert outcome(names=["read"], ratio=1.0).outcome is Outcome.ALLOWED
    whole = outcome(names=["read"], ratio=1)
    assert (whole.outcome, whole.code, whole.reasons[0].argument) == (Outcome.DENIED, "WRONG_TYPE", "ratio")
    assert outcome(names=[], ratio=True).code == "WRONG_TYPE"
    assert outcome(names=["read"]).code == "WRONG_TYPE"
    assert outcome("elsewhere", names=["read"], ratio=1).outcome is Outcome.ALLOWED


def test_nothing_of_a_simulation_is_a_warrant_that_any_worker_takes(db: None) -> None:
    mint(policy=NAME, incident=INCIDENT, agent=ensure_agent(name="incident-agent"), approvers=[approver_key("ada")])
    trial = Trial(shipped(NAME), severity="critical", service="payments", namespace="default")
    warrant = trial._warrant
    roots = [tenuo_core.PublicKey.from_bytes(root) for root in trusted_roots()]
    with pytest.raises(Exception, match="not trusted"):
        tenuo_core.Authorizer(trusted_roots=roots).verify_chain([warrant])
    assert warrant.ttl_seconds() <= 120
    assert bytes(warrant.issuer.to_bytes()) not in {bytes(root.to_bytes()) for root in roots}
    assert Warrant.objects.count() == 1


def test_simulating_writes_nothing_and_says_nothing_to_the_log(db: None, caplog: pytest.LogCaptureFixture) -> None:
    approver_key("ada")
    with CaptureQueriesContext(connection) as captured, caplog.at_level(logging.DEBUG):
        for arguments in (STAGING, PRODUCTION, {}):
            of = {"severity": "critical", "service": "payments", "namespace": "default"}
            simulate(shipped(NAME), tool=RESTART, arguments=arguments, **of)
    assert [query["sql"] for query in captured if not query["sql"].startswith("SELECT")] == []
    assert [line.getMessage() for line in caplog.records if line.name.startswith("tenuo")] == []


def test_who_could_approve_and_who_could_not(db: None) -> None:
    approver_key("ada", strength="strong")
    approver_key("grace")
    person("bob", Role.APPROVER)
    keyed = person("carol", Role.APPROVER)
    ApproverKey.objects.create(person=keyed, public_key=b"\x05" * 32, name="browser", proof=b"proof")
    person("dora", Role.APPROVER, namespace="elsewhere")
    policy = parse_policy(
        f"{shipped_text(NAME)}\napprover_key_strength: strong\n".replace("min_approvals: 1", "min_approvals: 2")
    )
    simulated = simulate(
        policy, tool=RESTART, arguments=PRODUCTION, severity="critical", service="payments", namespace="default"
    )
    assert simulated.approvers is not None
    assert simulated.approvers.able == ("Ada",)
    assert dict(simulated.approvers.unable) == {
        "Bob": "has no key",
        "Carol": "nobody endorsed their key",
        "Grace": "has no strong key, and the policy asks for one",
    }
    assert "2" in simulated.approvers.refusal


def test_whom_the_policy_does_not_name_could_not_approve(db: None) -> None:
    approver_key("ada")
    approver_key("grace")
    policy = parse_policy(f"{shipped_text(NAME)}\napprovers: [local:grace]\n")
    of = {"severity": "critical", "service": "payments", "namespace": "default"}
    approvers = simulate(policy, tool=RESTART, arguments=PRODUCTION, **of).approvers
    assert approvers is not None
    assert (approvers.able, approvers.refusal) == (("Grace",), "")
    assert approvers.unable == (("Ada", "is not among those whom the policy names"),)


def test_tools_are_offered_that_workers_of_ones_own_namespaces_have(client: Client, db: None) -> None:
    now = timezone.now()
    for namespace in ("payments", "billing"):
        ReportedTool.objects.create(
            name=f"of_{namespace}", namespace=namespace, task_queue="a", parameters=[], seen_at=now, first_seen_at=now
        )
    client.force_login(person("paul", Role.AUDITOR, namespace="payments"))
    shown = client.get(f"/policies/{NAME}/{NUMBER}/simulator/").content.decode()
    assert "of_payments" in shown
    assert "of_billing" not in shown


def test_an_incident_that_nothing_is_minted_for() -> None:
    for severity, service in (("unknown", "payments"), ("low", ""), ("low", "x" * 300), ("low", "a\0b")):
        with pytest.raises(InvalidIncident):
            Trial(parse_policy(ALL_CASES), severity=severity, service=service, namespace="default")


def test_the_first_call_that_is_offered_is_one_that_fits() -> None:
    policy = parse_policy(ALL_CASES)
    for name, tool in policy.tools.items():
        assert asked(name, example_of(tool.arguments, service="payments")).outcome is not Outcome.DENIED


# --- The page ---------------------------------------------------------------------------------------


@pytest.fixture
def reader(db: None, client: Client) -> Client:
    client.force_login(person("paula", Role.POLICY_AUTHOR))
    return client


def form(**changes: str) -> dict[str, str]:
    call = {"tool": RESTART, "arguments": json.dumps(PRODUCTION)}
    return {**call, "service": "payments", "severity": "critical", "namespace": "default", **changes}


def ask(reader: Client, *, number: int = NUMBER, htmx: bool = True, **changes: str) -> Any:
    headers = {"HX-Request": "true"} if htmx else {}
    return reader.post(f"/policies/{NAME}/{number}/simulator/", form(**changes), headers=headers)


def test_the_page_answers_with_a_fragment_or_whole(reader: Client) -> None:
    approver_key("ada")
    shown = reader.get(f"/policies/{NAME}/{NUMBER}/simulator/").content.decode()
    assert "Of this release" in shown
    assert "read_logs" in shown
    fragment = ask(reader).content.decode()
    assert "would stop until a person approves" in fragment
    assert "Ada" in fragment
    assert "<html" not in fragment
    whole = ask(reader, htmx=False).content.decode()
    assert "<html" in whole
    assert "would stop until a person approves" in whole


def test_the_page_begins_with_the_tool_that_is_chosen(reader: Client) -> None:
    address = f"/policies/{NAME}/{NUMBER}/simulator/"
    shown = reader.get(address, {"tool": "scale_service", "service": "checkout"}).content.decode()
    assert "&quot;service&quot;: &quot;checkout&quot;" in shown
    assert "&quot;replicas&quot;: 1" in shown
    for hostile in ("nothing", "<script>", "\0", "x" * 10_000):
        assert reader.get(address, {"tool": hostile, "service": hostile}).status_code == 200


def test_any_version_can_be_tried_in_any_state(reader: Client) -> None:
    text = shipped_text(NAME).replace("environment: {one_of: [staging, dev]}", "environment: {one_of: [production]}")
    for number, state in enumerate((State.DRAFT, State.REVIEW), NUMBER + 1):
        PolicyVersion.objects.create(
            name=NAME, number=number, state=state, text=text, digest=bytes(32), authors=[], changed_at=timezone.now()
        )
        assert "would run" in ask(reader, number=number).content.decode()
    assert ask(reader, number=99).status_code == 404
    assert reader.get("/policies/nothing/1/simulator/").status_code == 404
    assert reader.get(f"/policies/{NAME}/{10**30}/simulator/").status_code == 404


def test_a_draft_that_is_no_policy_yet_says_so(reader: Client) -> None:
    PolicyVersion.objects.create(
        name=NAME, number=9, state=State.DRAFT, text="name: [", digest=bytes(32), authors=[], changed_at=timezone.now()
    )
    shown = reader.get(f"/policies/{NAME}/9/simulator/")
    assert shown.status_code == 200
    assert "cannot be tried yet" in shown.content.decode()
    for answer in (
        ask(reader, number=9),
        ask(reader, number=9, htmx=False),
        reader.post(f"/policies/{NAME}/9/replay/", {"days": "14"}),
        reader.post(f"/policies/{NAME}/9/replay/", {"days": "14"}, headers={"HX-Request": "true"}),
    ):
        assert answer.status_code == 422
        assert "not one YAML document" in answer.content.decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"arguments": "{"},
        {"arguments": ""},
        {"arguments": "[" * 60_000},
        {"arguments": json.dumps({"x": "x" * 70_000})},
        {"tool": ""},
        {"tool": "x" * 300},
        {"tool": "a\u2028b"},
        {"severity": "none"},
        {"service": ""},
        {"namespace": "elsewhere"},
    ],
)
def test_what_cannot_be_read_is_answered_with_a_sentence(reader: Client, changes: dict[str, str]) -> None:
    answer = ask(reader, **changes)
    assert answer.status_code == 422
    assert "There is no answer" in answer.content.decode()


def test_a_hostile_call_is_shown_as_text(reader: Client) -> None:
    shown = ask(reader, tool="<b>x", arguments='{"<i>\\u202e": "\\u0000"}').content.decode()
    assert "<b>x" not in shown
    assert "\u202e" not in shown


def test_a_replay_shows_arguments_to_those_who_may_see_them(client: Client, db: None) -> None:
    chain = mint(
        policy=NAME, incident=INCIDENT, agent=ensure_agent(name="incident-agent"), approvers=[approver_key("ada")]
    ).id
    record(ALLOWED, chain, RESTART, {"service": INCIDENT.service, "environment": "CANARY"})
    address = f"/policies/{NAME}/{NUMBER}/replay/"
    # It may not be CANARY: the version refuses it.
    for role, sees in ((Role.POLICY_AUTHOR, False), (Role.POLICY_PUBLISHER, False), (Role.AUDITOR, True)):
        client.force_login(person(role.value, role))
        shown = client.post(address, {"days": "14"}, headers={"HX-Request": "true"}).content.decode()
        assert "It would have refused 1 that ran unasked, of 1." in shown
        assert RESTART in shown
        assert ("CANARY" in shown) is sees
    client.force_login(person("billing", Role.AUDITOR, namespace="billing"))
    assert "There is nothing to compare." in client.post(address, {"days": "14"}).content.decode()
    before = LedgerEntry.objects.count()
    for wrong in ({"days": "0"}, {"days": "x"}, {"days": "14", "before": "-1"}, {"days": str(10**30)}):
        assert client.post(address, wrong).status_code == 422
    assert LedgerEntry.objects.count() == before


# --- On the command line ----------------------------------------------------------------------------


def manage(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_what_the_page_says(db: None) -> None:
    approver_key("ada")
    said = manage("simulate_call", NAME, RESTART, json.dumps(PRODUCTION), "--service", "payments")
    assert "restart_service would stop until a person approves." in said
    assert "Could approve: Ada." in said
    assert "environment: {one_of: [staging, dev]}" in said
    with pytest.raises(CommandError, match="not JSON"):
        manage("simulate_call", NAME, RESTART, "{", "--service", "payments")
    with pytest.raises(CommandError, match="severity"):
        manage("simulate_call", NAME, RESTART, "{}", "--service", "payments", "--severity", "none")
    with pytest.raises(CommandError, match="no version 99"):
        manage("simulate_call", NAME, RESTART, "{}", "--service", "payments", "--number", "99")


def test_the_command_replays(db: None) -> None:
    chain = mint(
        policy=NAME, incident=INCIDENT, agent=ensure_agent(name="incident-agent"), approvers=[approver_key("ada")]
    ).id
    record(ALLOWED, chain, RESTART, {"service": INCIDENT.service, "environment": "a\n\u001b[2Jb"})
    said = manage("replay_policy", NAME, "--number", str(NUMBER), "--days", "3")
    assert "It would have refused 1 that ran unasked, of 1." in said
    assert "allowed -> denied" in said
    assert "\u001b" not in said
