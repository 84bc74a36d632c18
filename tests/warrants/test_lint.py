"""Lint tells everything at once, leads to the place, and offers the safe form of a gate that near misses pass."""

from __future__ import annotations

import time

import pytest

from warrants.policies.installation import Installation
from warrants.policies.lint import MAXIMUM_FINDINGS, Context, Finding, Severity, errors_of, lint
from warrants.policies.release import shipped, shipped_names, shipped_text
from warrants.policies.rules import parse_policy

# The example of the protocol: any environment, and a gate on exactly one.
LEAKING = """\
name: incident-response   # whose
version: 3
lifetimes: {critical: 1 h}
min_approvals: 2
tools:
  restart_service:
    arguments:
      service: {one_of: ["{incident.service}"]}
      environment: anything   # for now
    gate:
      message: Production needs a person.   # shown to people
      # only there
      when:
        environment: {exact: production}   # the one that counts

  read_logs:   # harmless
    arguments:
      minutes: {range: {min: 1, max: 60}}
"""
SAFE = LEAKING.replace("when:\n        environment: {exact: production}", "always: true")
ELSEWHERE = "  scale_service:\n    arguments:\n      environment: {one_of: [production, staging, dev-1]}\n"
KNOWN = Installation(
    approvers={"default": {"local:ada", "local:bea"}},
    fewest_at_once={"default": 2},
    issuers=set(),
    agents=set(),
    authors={"local:paula"},
    decision_seconds=(40.0, 300.0),
    catalogue={
        "restart_service": {"service": "str", "environment": "str"},
        "read_logs": {"minutes": "int"},
    },
)


def codes(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in findings]


def told(text: str = SAFE, *, before: str = "", **known: object) -> list[tuple[str, str]]:
    here = Installation(**{name: known.get(name, getattr(KNOWN, name)) for name in KNOWN.__dataclass_fields__})
    context = Context(here, parse_policy(before) if before else None, is_new=not before)
    return [one for one in codes(lint(text, context)) if one[0] != "wildcard_in_production"]


def test_the_seeds_own_example_is_refused_and_its_safe_form_offered() -> None:
    (finding,) = errors_of(LEAKING)
    assert (finding.code, finding.path, finding.line, finding.severity) == (
        "gate_misses_near_values",
        "tools.restart_service.gate.when.environment",
        14,
        Severity.ERROR,
    )
    assert finding.fix == SAFE
    assert errors_of(SAFE) == []


def test_the_safe_form_exempts_the_other_values_that_the_policy_lists() -> None:
    (finding,) = errors_of(LEAKING + ELSEWHERE)
    unless = "unless: {environment: {one_of: [staging, dev-1]}}"
    assert finding.fix == SAFE.replace("always: true", unless) + ELSEWHERE
    assert errors_of(finding.fix) == []


def test_the_safe_form_exempts_nothing_that_is_like_what_shall_stop() -> None:
    elsewhere = ELSEWHERE.replace("[production, ", "[production, prod, Production, pre-production, stаging, ")
    (finding,) = errors_of(LEAKING + elsewhere)
    assert finding.fix is not None
    assert "unless: {environment: {one_of: [staging, dev-1]}}" in finding.fix


def test_a_text_full_of_faults_is_answered_soon() -> None:
    arguments = ", ".join(f"a{number}: 1" for number in range(1500))
    began = time.monotonic()
    assert len(errors_of(f"tools: {{act: {{arguments: {{{arguments}}}}}}}")) == MAXIMUM_FINDINGS
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "gate",
    [
        "gate: {message: Hm., when: {environment: {exact: production}}}",
        "gate: {when: {environment: {pattern: 'prod*'}}, message: Hm.}",
        "gate:\n      when: {environment: {one_of: [a]}, service: {one_of: [b]}}\n      message: Hm.",
    ],
)
def test_the_safe_form_is_offered_however_the_gate_is_written(gate: str) -> None:
    text = LEAKING[: LEAKING.index("gate:")] + gate + "\n"
    found = [one for one in errors_of(text) if one.code == "gate_misses_near_values"]
    assert found
    assert found[0].fix is not None
    assert "always: true" in found[0].fix
    assert errors_of(found[0].fix) == []


def test_everything_is_told_at_once() -> None:
    text = (
        LEAKING.replace("min_approvals: 2", "min_approvals: 0\nowner: me")
        .replace("1 h", "99 h")
        .replace("min: 1, max: 60", "min: 60, max: 1")
    )
    assert codes(errors_of(text)) == [
        ("bad_policy", "lifetimes.critical"),
        ("gate_without_approvers", "min_approvals"),
        ("bad_policy", "owner"),
        ("gate_misses_near_values", "tools.restart_service.gate.when.environment"),
        ("bad_policy", "tools.read_logs.arguments.minutes.range"),
    ]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("{all: [{range: {min: 1}}, {pattern: 'a*'}]}", "never_matches"),
        ("{all: [{one_of: [a, b]}, {not_one_of: [a, b]}]}", "never_matches"),
        ("{all: [{one_of: [a, b]}, {not_one_of: [a]}]}", ""),
        ("{any_of: [{all: [{exact: a}, {exact: b}]}, {exact: c}]}", ""),
        ("{not_one_of: [production]}", "near_values_allowed"),
        ("{not: {pattern: 'prod*'}}", "near_values_allowed"),
        ("{all: [{pattern: 'team-*'}, {not: {exact: team-a}}]}", ""),
    ],
)
def test_a_rule_that_nothing_passes_or_too_much_is_told(rule: str, found: str) -> None:
    text = SAFE.replace("{range: {min: 1, max: 60}}", rule)
    path = "tools.read_logs.arguments.minutes"
    assert [one for one in codes(lint(text)) if one[1] == path] == ([(found, path)] if found else [])


def test_what_fits_the_people_and_workers_here_is_not_told() -> None:
    assert told() == []


PEOPLE = {
    "nobody": ({"approvers": {}}, ("gate_without_approvers", "min_approvals")),
    "too few": ({"approvers": {"default": {"local:ada"}}}, ("quorum_out_of_reach", "min_approvals")),
    "too few at night": ({"fewest_at_once": {"default": 1}}, ("quorum_out_of_reach_on_a_shift", "min_approvals")),
    "issuer": ({"issuers": {"local:ada"}}, ("approver_is_issuer", "")),
    "agent": ({"agents": {"local:bea"}}, ("approver_is_agent", "")),
    "author": ({"authors": {"local:bea"}}, ("approver_is_author", "")),
    "slow people": ({"decision_seconds": (60.0, 3700.0)}, ("lifetime_too_short", "lifetimes.critical")),
    "no such tool": (
        {"catalogue": {"restart_service": {"service": "str", "environment": "str"}}},
        ("unknown_tool", "tools.read_logs"),
    ),
    "forgotten": (
        {"catalogue": {**(KNOWN.catalogue or {}), "read_logs": {"minutes": "int", "level": "str"}}},
        ("argument_forgotten", "tools.read_logs.arguments"),
    ),
    "misspelt": (
        {"catalogue": {**(KNOWN.catalogue or {}), "read_logs": {}}},
        ("unknown_argument", "tools.read_logs.arguments.minutes"),
    ),
    "of another type": (
        {"catalogue": {**(KNOWN.catalogue or {}), "read_logs": {"minutes": "str"}}},
        ("never_matches", "tools.read_logs.arguments.minutes"),
    ),
}


@pytest.mark.parametrize("fault", PEOPLE)
def test_what_does_not_fit_here_is_told(fault: str) -> None:
    known, found = PEOPLE[fault]
    assert told(**known) == [found]


def test_a_range_between_whole_numbers_never_matches_one() -> None:
    text = SAFE.replace("min: 1, max: 60", "min: 1.2, max: 1.8")
    assert told(text) == [("never_matches", "tools.read_logs.arguments.minutes")]


def test_anything_on_a_production_tool_is_told() -> None:
    assert ("wildcard_in_production", "tools.restart_service.arguments.environment") in codes(lint(SAFE))


def test_what_is_not_known_is_said_once() -> None:
    notes = [finding for finding in lint(SAFE) if finding.severity is Severity.NOTE]
    assert [note.code for note in notes] == ["not_checked"]
    assert "workers" in notes[0].sentence
    assert "version before" in notes[0].sentence


WIDER = {
    "more values": ('["{incident.service}"]', '["{incident.service}", all]', "tools.restart_service.arguments.service"),
    "longer range": ("max: 60", "max: 61", "tools.read_logs.arguments.minutes"),
    "another kind": ("{range: {min: 1, max: 60}}", "anything", "tools.read_logs.arguments.minutes"),
    "new argument": ("minutes: {", "level: {exact: a}\n      minutes: {", "tools.read_logs.arguments.level"),
    "new tool": ("  read_logs:", f"{ELSEWHERE}  read_logs:", "tools.scale_service"),
    "no gate": (SAFE[SAFE.index("    gate") : SAFE.index("  read_logs")], "", "tools.restart_service"),
    "exempted": (
        "always: true",
        "unless: {environment: {exact: dev}}",
        "tools.restart_service.gate.unless",
    ),
    "fewer people": ("min_approvals: 2", "min_approvals: 1", "min_approvals"),
    "longer life": ("critical: 1 h", "critical: 2 h", "lifetimes.critical"),
    "new severity": ("critical: 1 h", "critical: 1 h, low: 1 h", "lifetimes.low"),
}


@pytest.mark.parametrize("change", WIDER)
def test_what_allows_more_than_before_is_marked(change: str) -> None:
    old, new, path = WIDER[change]
    assert SAFE.count(old) == 1
    wider = SAFE.replace(old, new)
    assert ("widened", path) in told(wider, before=SAFE)
    assert not [one for one in told(SAFE, before=wider) if one == ("widened", path)] or change == "new argument"


def test_narrower_than_before_is_not_marked() -> None:
    narrower = SAFE.replace("max: 60", "max: 6").replace("anything ", "{pattern: 'a*'} ").replace("1 h", "1 min")
    assert [one for one in told(narrower, before=SAFE) if one[0] == "widened"] == []


@pytest.mark.parametrize("name", shipped_names())
def test_the_releases_policies_have_no_errors(name: str) -> None:
    text = shipped_text(name)
    assert errors_of(text) == []
    assert [one for one in lint(text, Context(before=shipped(name))) if one.code == "widened"] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "[1]",
        "tools: {a: 1}",
        "tools: {a: {arguments: {b: {one_of: 5}}, gate: {when: {b: 1}}}}",
        "tools: {a: {arguments: {b: anything}, gate: {message: m, when: {b: {exact: x}}}}, "
        "c: {arguments: {b: {one_of: 7}}}}",
        "tools: [" + "[" * 1000,
        "a: &x [*x]",
        "tools: {" + ", ".join(f"t{n}: {{arguments: {{a: anything}}}}" for n in range(2000)) + "}",
        "lifetimes: {? [a] : b}",
        "\x00",
        "tools: {a: {arguments: {b: {one_of: [x, y, '\\ud800']}}}}",
    ],
    ids=range(12),
)
def test_any_text_is_answered(text: str) -> None:
    assert errors_of(text)
