"""Reading policies: what is refused, and that the error leads to the place."""

from __future__ import annotations

import hashlib

import pytest

from warrants.errors import PolicyError, UnknownPolicy
from warrants.policies import release
from warrants.policies.checks import policies_are_safe
from warrants.policies.constraints import Anything, OneOf, Range
from warrants.policies.gates import Form
from warrants.policies.rules import parse_policy

POLICY = """
name: incident-response
version: 3
lifetimes: {critical: 1 h, low: 90 s}
min_approvals: 1
tools:
  restart_service:
    arguments:
      service: {one_of: ["{incident.service}", checkout]}
      environment: {one_of: [production, staging, dev]}
      replicas: {range: {min: 1, max: 10}}
      note: anything
    gate:
      message: Production needs a person.
      unless:
        environment: {one_of: [staging, dev]}
"""
GATE = "tools.restart_service.gate"
ARGUMENTS = "tools.restart_service.arguments"
UNLESS = "unless:\n        environment: {one_of: [staging, dev]}"
EXEMPT = "{one_of: [staging, dev]}"
FAULTS = {
    "unknown key": ("version: 3", "version: 3\nowner: me", "owner"),
    "unknown key of a tool": ("    gate:", "    gates:", "tools.restart_service.gates"),
    "unknown key of a gate": ("      message:", "      sentence:", f"{GATE}.sentence"),
    "unknown constraint": ("{range: {min: 1, max: 10}}", "{pattern: '*'}", f"{ARGUMENTS}.replicas.pattern"),
    "two constraints": (EXEMPT, "{one_of: [dev], range: {min: 1}}", f"{GATE}.unless.environment"),
    "missing version": ("version: 3\n", "", "version"),
    "version as text": ("version: 3", "version: '3'", "version"),
    "version as truth": ("version: 3", "version: true", "version"),
    "no approvals": ("min_approvals: 1", "min_approvals: 0", "min_approvals"),
    "negative approvals": ("min_approvals: 1", "min_approvals: -1", "min_approvals"),
    "unknown strength": (
        "min_approvals: 1",
        "min_approvals: 1\napprover_key_strength: strongest",
        "approver_key_strength",
    ),
    "strength as a list": (
        "min_approvals: 1",
        "min_approvals: 1\napprover_key_strength: [strong]",
        "approver_key_strength",
    ),
    "step-up within nothing": ("version: 3", "version: 3\nstep_up_seconds: 0", "step_up_seconds"),
    "step-up within a moment": ("version: 3", "version: 3\nstep_up_seconds: 29", "step_up_seconds"),
    "step-up of yesterday": ("version: 3", "version: 3\nstep_up_seconds: 3601", "step_up_seconds"),
    "step-up as text": ("version: 3", "version: 3\nstep_up_seconds: 5 min", "step_up_seconds"),
    "step-up as truth": ("version: 3", "version: 3\nstep_up_seconds: true", "step_up_seconds"),
    "step-up left empty": ("version: 3", "version: 3\nstep_up_seconds:", "step_up_seconds"),
    "time to read of nothing": ("version: 3", "version: 3\nreading_seconds: 0", "reading_seconds"),
    "time to read of an hour": ("version: 3", "version: 3\nreading_seconds: 3600", "reading_seconds"),
    "time to read as truth": ("version: 3", "version: 3\nreading_seconds: true", "reading_seconds"),
    "nobody approves": ("version: 3", "version: 3\napprovals_per_hour: 0", "approvals_per_hour"),
    "half an approval": ("version: 3", "version: 3\napprovals_per_hour: 0.5", "approvals_per_hour"),
    "confirming an undeclared argument": ("      message:", "      confirm: region\n      message:", f"{GATE}.confirm"),
    "confirming what may be anything": ("      message:", "      confirm: note\n      message:", f"{GATE}.confirm"),
    "confirming a number": ("      message:", "      confirm: replicas\n      message:", f"{GATE}.confirm"),
    "confirming truth": ("      message:", "      confirm: true\n      message:", f"{GATE}.confirm"),
    "nobody may hold it": ("version: 3", "version: 3\nagents: []", "agents"),
    "an agent that is no list": ("version: 3", "version: 3\nagents: incident-agent", "agents"),
    "an agent that is no text": ("version: 3", "version: 3\nagents: [7]", "agents[0]"),
    "an agent twice": ("version: 3", "version: 3\nagents: [a, a]", "agents[1]"),
    "very many agents": ("version: 3", f"version: 3\nagents: [{', '.join(f'a{n}' for n in range(21))}]", "agents"),
    "handed on less than never": ("version: 3", "version: 3\nsub_agents: -1", "sub_agents"),
    "handed on without end": ("version: 3", "version: 3\nsub_agents: 17", "sub_agents"),
    "handed on as truth": ("version: 3", "version: 3\nsub_agents: false", "sub_agents"),
    "handed on left empty": ("version: 3", "version: 3\nsub_agents:", "sub_agents"),
    "approvers left empty": ("version: 3", "version: 3\napprovers:", "approvers"),
    "an approver as people see them": ("version: 3", "version: 3\napprovers: [Ada Lovelace]", "approvers[0]"),
    "an approver without a name": ("version: 3", "version: 3\napprovers: ['local:']", "approvers[0]"),
    "an approver that cannot be seen": (
        "version: 3",
        'version: 3\napprovers: ["a\\u200b@example.com"]',
        "approvers[0]",
    ),
    "too small a group": ("min_approvals: 1", "min_approvals: 2\napprovers: [local:ada]", "approvers"),
    "no lifetimes": ("{critical: 1 h, low: 90 s}", "{}", "lifetimes"),
    "endless lifetime": ("1 h", "9000 h", "lifetimes.critical"),
    "lifetime of nothing": ("90 s", "0 s", "lifetimes.low"),
    "lifetime without unit": ("90 s", "90", "lifetimes.low"),
    "name of a path": ("name: incident-response", "name: ../secrets", "name"),
    "tool name with a space": ("restart_service:", "'restart service':", "tools.restart service"),
    "tool with no arguments": (
        POLICY[POLICY.index("    arguments") : POLICY.index("    gate")],
        "    arguments: {}\n",
        ARGUMENTS,
    ),
    "no values": (EXEMPT, "{one_of: []}", f"{GATE}.unless.environment.one_of"),
    "value twice": ("[production, staging, dev]", "[production, dev, dev]", f"{ARGUMENTS}.environment.one_of[2]"),
    "value that is no text": ("[production,", "[yes,", f"{ARGUMENTS}.environment.one_of[0]"),
    "value with a space after it": ("[production,", "['production ',", f"{ARGUMENTS}.environment.one_of[0]"),
    "value that cannot be seen": ('"{inc', '"\\u200b{inc', f"{ARGUMENTS}.service.one_of[0]"),
    "unknown template": ("{incident.service}", "{incident.title}", f"{ARGUMENTS}.service.one_of[0]"),
    "template inside text": ("{incident.service}", "x-{incident.service}", f"{ARGUMENTS}.service.one_of[0]"),
    "range without bounds": ("{min: 1, max: 10}", "{}", f"{ARGUMENTS}.replicas.range"),
    "range upside down": ("{min: 1, max: 10}", "{min: 10, max: 1}", f"{ARGUMENTS}.replicas.range"),
    "bound that is not a number": ("min: 1,", "min: .nan,", f"{ARGUMENTS}.replicas.range.min"),
    "infinite bound": ("max: 10", "max: .inf", f"{ARGUMENTS}.replicas.range.max"),
    "bound too great to be exact": ("max: 10", "max: 9007199254740993", f"{ARGUMENTS}.replicas.range.max"),
    "bound of truth": ("min: 1,", "min: true,", f"{ARGUMENTS}.replicas.range.min"),
    "gate on an undeclared argument": ("        environment: {", "        region: {", f"{GATE}.unless.region"),
    "gate without a message": ("      message: Production needs a person.\n", "", f"{GATE}.message"),
    "gate with a long message": ("Production needs", "Production " + "really " * 40, f"{GATE}.message"),
    "gate with no form": (f"      {UNLESS}\n", "", GATE),
    "gate with two forms": ("unless:", "always: true\n      unless:", GATE),
    "gate that is never": (UNLESS, "always: false", f"{GATE}.always"),
    "gate on no argument": (UNLESS, "unless: {}", f"{GATE}.unless"),
    "empty gate": ("gate:\n", "gate: {}\n    x:\n", "tools.restart_service.x"),
    "near misses of an unlimited argument": (
        UNLESS,
        "when: {note: {one_of: [production]}}",
        f"{GATE}.when.note",
    ),
    "gate of another kind than its argument": (UNLESS, "when: {replicas: {one_of: ['5']}}", f"{GATE}.when.replicas"),
    "gate on anything": (UNLESS, "when: {note: anything}", f"{GATE}.when.note"),
    "exempting anything": (UNLESS, "unless: {environment: anything}", f"{GATE}.unless.environment"),
    "exempting what cannot be": (EXEMPT, "{one_of: [staging, test]}", f"{GATE}.unless.environment"),
    "exempting another kind": (EXEMPT, "{range: {min: 1}}", f"{GATE}.unless.environment"),
    "exempting everything": (EXEMPT, "{one_of: [dev, staging, production]}", f"{GATE}.unless.environment"),
    "exempting every number": (UNLESS, "unless: {replicas: {range: {min: 1, max: 10}}}", f"{GATE}.unless.replicas"),
    "exempting more numbers": (UNLESS, "unless: {replicas: {range: {min: 0, max: 3}}}", f"{GATE}.unless.replicas"),
    "exempting without an end": (UNLESS, "unless: {replicas: {range: {max: 3}}}", f"{GATE}.unless.replicas"),
    "gate that depends on the incident": (
        UNLESS,
        "unless: {service: {one_of: ['{incident.service}']}}",
        f"{GATE}.unless.service",
    ),
    "key twice": ("version: 3", "version: 3\nversion: 4", "version"),
    "argument twice": ("      note: anything", "      note: anything\n      note: anything", f"{ARGUMENTS}.note"),
    "key that is a number": ("lifetimes: {", "lifetimes: {1: 1 h, ", "lifetimes"),
    "date": ("version: 3", "version: 2026-01-01", "version"),
    "tag": ("version: 3", "version: !!int 3", ""),
    "python tag": ("version: 3", "version: !!python/object/apply:os.system ['true']", ""),
    "anchor": ("[production,", "[&p production,", ""),
    "alias": ("version: 3", "version: *p", ""),
    "merge": ("tools:\n", "tools:\n  <<: {a: b}\n", "tools"),
    "two documents": ("min_approvals: 1", "min_approvals: 1\n---\n", ""),
    "directive": ("\nname:", "%YAML 1.1\n---\nname:", ""),
    "not YAML": ("tools:", "tools: [", ""),
    "control character": ("Production needs", "Production \x07 needs", ""),
    "huge": ("\nname:", "\n# " + "x" * 70_000 + "\nname:", ""),
    # Deeper than Python can follow: the parser's time grows with the square.
    "deep": ("version: 3", "version: " + "[" * 700, ""),
    "endless digits": ("version: 3", "version: " + "9" * 5000, "version"),
    "nothing": (POLICY, "", ""),
    "a list": (POLICY, "- name", ""),
    "only text": (POLICY, "policy", ""),
}


def test_a_policy_is_read_whole() -> None:
    policy = parse_policy(POLICY)
    tool = policy.tools["restart_service"]
    assert (policy.name, policy.version, policy.min_approvals) == ("incident-response", 3, 1)
    assert policy.lifetimes == {"critical": 3600, "low": 90}
    assert policy.digest == hashlib.sha256(POLICY.encode()).digest()
    assert tool.arguments["replicas"] == Range(1, 10)
    assert tool.arguments["note"] == Anything()
    assert tool.gate is not None
    assert tool.gate.form is Form.UNLESS
    assert tool.gate.arguments == {"environment": OneOf(("staging", "dev"))}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_policy_is_refused_and_the_place_is_named(fault: str) -> None:
    old, new, path = FAULTS[fault]
    assert POLICY.count(old) >= 1
    with pytest.raises(PolicyError) as refused:
        parse_policy(POLICY.replace(old, new, 1))
    assert refused.value.path == path
    assert refused.value.sentence.endswith(".")


@pytest.mark.parametrize(
    "gate",
    [
        "always: true",
        "when: {environment: {one_of: [production]}}",
        "when: {replicas: {range: {min: 5, max: 10}}}",
        "unless: {note: {one_of: [ok]}}",
        "unless: {replicas: {range: {min: 1, max: 3}}}",
        "unless: {environment: {one_of: [dev]}, replicas: {range: {min: 1, max: 3}}}",
    ],
)
def test_a_gate_without_holes_is_taken(gate: str) -> None:
    assert parse_policy(POLICY.replace(UNLESS, gate)).tools["restart_service"].gate is not None


def test_every_policy_of_this_repository_is_safe() -> None:
    assert release.shipped_names() == [
        "incident-response",
        "incident-response-for-a-person",
        "payments",
        "payments-agent",
        "team-actions",
    ]
    assert policies_are_safe() == []


def test_a_policys_digest_is_that_of_its_file() -> None:
    data = (release.FOLDER / "incident-response.yaml").read_bytes()
    assert release.shipped("incident-response").digest == hashlib.sha256(data).digest()


@pytest.mark.parametrize("name", ["", "no-such", "../policies/incident-response", "incident-response.yaml", "x" * 9999])
def test_a_policy_that_is_not_here_is_not_looked_for_elsewhere(name: str) -> None:
    with pytest.raises(UnknownPolicy):
        release.shipped(name)


def test_the_example_in_the_document_is_a_safe_policy() -> None:
    text = (release.FOLDER.parents[1] / "docs" / "policies.md").read_text()
    example = text.split("```yaml\n")[1].split("```")[0]
    assert parse_policy(example).tools["restart_service"].gate is not None


@pytest.mark.parametrize("seconds", [30, 300, 3600])
def test_a_policy_asks_for_a_fresh_second_factor(seconds: int) -> None:
    assert parse_policy(POLICY).step_up_seconds is None
    assert parse_policy(f"{POLICY}step_up_seconds: {seconds}\n").step_up_seconds == seconds


OPERATION = "nexus:payments:payments:start-payment"


def test_an_operation_of_another_team_is_a_tool_without_a_gate() -> None:
    named = POLICY.replace("restart_service:", f'"{OPERATION}":')
    ungated = named[: named.index("    gate:")]
    assert list(parse_policy(ungated).tools) == [OPERATION]
    with pytest.raises(PolicyError) as refused:
        parse_policy(named)
    assert refused.value.path == f"tools.{OPERATION}.gate"


@pytest.mark.parametrize("name", ["nexus:payments:start-payment", "nexus:Pay:a:b", "nexus:a:b:c:d", "other:a:b:c"])
def test_what_is_not_quite_an_operation_is_no_tool(name: str) -> None:
    ungated = POLICY[: POLICY.index("    gate:")]
    with pytest.raises(PolicyError):
        parse_policy(ungated.replace("restart_service:", f'"{name}":'))
