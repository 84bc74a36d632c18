"""Which types an action's arguments have, and what is refused before anything is asked."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from warrants.errors import PolicyError
from warrants.policies.release import shipped
from warrants.policies.rules import Policy, parse_policy
from workers.gates.checks import refuse_unsupported_parameters
from workers.nexus.actions import MAXIMUM_LISTED, BadArguments, activities_of, fitted

POLICY = """
name: actions
version: 1
lifetimes: {{request: 1 h}}
min_approvals: 1
tools:
  act:
    arguments: {{argument: {}}}
    gate: {{message: Asks., always: true}}
"""
TYPES = {
    "{exact: a}": str,
    "{one_of: [a, b]}": str,
    "{not_one_of: [a]}": str,
    "{pattern: 'a*'}": str,
    "{regex: 'a+'}": str,
    "{cidr: 10.0.0.0/8}": str,
    "{url_pattern: 'https://api.example.com/*'}": str,
    "{url_safe: {schemes: [https]}}": str,
    "{subpath: /var/log}": str,
    "{shlex: [/usr/bin/git]}": str,
    "anything": str,
    "{range: {min: 1, max: 2}}": int,
    "{range: {min: 1.0, max: 2}}": float,
    "{contains: [a]}": list[str],
    "{subset: [a, b]}": list[str],
    "{all: [{pattern: 'a*'}, {not_one_of: [ab]}]}": str,
    "{all: [{cel: 'size(value) > 2'}, {regex: 'a+'}]}": str,
    "{all: [{cel: 'value != 7'}, {range: {min: 1}}]}": int,
    "{any_of: [{range: {max: 1}}, {range: {min: 2.5}}]}": float,
    "{any_of: [{subset: [a]}, {contains: [b]}]}": list[str],
    "{not: {pattern: 'a*'}}": str,
    "{not: {range: {min: 1}}}": int,
}
UNCLEAR = (
    "{cel: 'value == true'}",
    "{not: {cel: 'value == 1'}}",
    "{any_of: [{exact: auto}, {range: {min: 1, max: 64}}]}",
    "{any_of: [{exact: a}, {subset: [a]}]}",
    "{all: [{cel: 'value > 1'}, {cel: 'value < 9'}]}",
)


def policy_of(rule: str) -> Policy:
    return parse_policy(POLICY.format(rule))


@pytest.mark.parametrize("rule", TYPES)
def test_an_argument_has_the_type_that_its_rule_is_about(rule: str) -> None:
    (action,) = activities_of(policy_of(rule))
    assert inspect.signature(action).parameters["argument"].annotation == TYPES[rule]
    refuse_unsupported_parameters([action])


@pytest.mark.parametrize("rule", UNCLEAR)
def test_a_rule_that_says_no_type_is_refused_at_the_start_and_in_a_question(rule: str) -> None:
    policy = policy_of(rule)
    with pytest.raises(PolicyError) as refused:
        activities_of(policy)
    assert refused.value.path == "tools.act.arguments.argument"
    with pytest.raises(BadArguments, match="cannot be asked about"):
        fitted(policy.tools["act"], {"argument": "a"})


FITTING: list[tuple[str, Any]] = [
    ("{subset: [a, b]}", ["a"]),
    ("{contains: [a]}", []),
    ("{cidr: 10.0.0.0/8}", "10.0.0.1"),
    ("{any_of: [{range: {max: 1}}, {range: {min: 2.5}}]}", 3),
]


@pytest.mark.parametrize(("rule", "value"), FITTING)
def test_what_fits_is_taken_in_its_type(rule: str, value: Any) -> None:
    assert fitted(policy_of(rule).tools["act"], {"argument": value}) == {"argument": value}


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("{subset: [a, b]}", "a"),
        ("{subset: [a, b]}", ["a", 1]),
        ("{subset: [a, b]}", ["a", ["b"]]),
        ("{subset: [a, b]}", {"a": 1}),
        ("{contains: [a]}", ["a"] * (MAXIMUM_LISTED + 1)),
        ("{contains: [a]}", ["x" * 4_001]),
        ("{cidr: 10.0.0.0/8}", ["10.0.0.1"]),
        ("{range: {min: 1}}", 10**400),
        ("{range: {min: 1.5}}", float("nan")),
        ("{range: {min: 1}}", True),
        ("{not: {range: {min: 1}}}", -(10**400)),
        ("{not: {range: {min: 1.5}}}", float("-inf")),
        ("{not: {range: {min: 1}}}", 1.5),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(rule: str, value: Any) -> None:
    with pytest.raises(BadArguments, match="argument must be"):
        fitted(policy_of(rule).tools["act"], {"argument": value})


def test_the_releases_actions_have_types() -> None:
    assert len(activities_of(shipped("team-actions"))) == len(shipped("team-actions").tools)
