"""Every kind of rule: what Tenuo makes of it, what is refused before it gets there, and what a gate may hold."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

import cbor2
import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from warrants.errors import GateMissesNearValues, PolicyError
from warrants.minting.compilation import approval_gates, capabilities
from warrants.minting.contracts import Incident
from warrants.minting.extending import with_extensions
from warrants.policies.compiling import allows, compiled, is_within
from warrants.policies.constraints import _COMBINED, _PARSERS, ANYTHING, Constraint, parse
from warrants.policies.describing import DESCRIPTIONS, Description
from warrants.policies.exporting import python_of
from warrants.policies.reading import Section, read
from warrants.policies.release import FOLDER, shipped, shipped_names
from warrants.policies.rules import Policy, parse_policy
from workers import floors

INCIDENT = Incident(id="INC-1", title="Slow", severity="critical", service="checkout", namespace="default")
POLICY = """\
name: example
version: 1
lifetimes: {{critical: 1 h}}
min_approvals: 1
tools:
  act:
    arguments: {{argument: {own}}}
    gate: {{message: A person looks at it., {form}: {{argument: {condition}}}}}
"""


def rule(yaml: str) -> Constraint:
    return parse(read(f"argument: {yaml}"), "argument")


def gated(form: str, condition: str, own: str) -> Policy:
    return parse_policy(POLICY.format(form=form, condition=condition, own=own))


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda description: description.name)
def test_tenuo_itself_answers_as_the_description_says(description: Description) -> None:
    found = rule(description.example)
    assert [value for value in description.allowed if not allows(found, value)] == []
    assert [value for value in description.refused if allows(found, value)] == []
    assert description.allowed
    assert description.refused or description.name == ANYTHING


def test_every_kind_of_tenuos_constraints_is_described_and_made() -> None:
    assert {one.name for one in DESCRIPTIONS} == {*_PARSERS, *_COMBINED, ANYTHING}
    kinds = {name for name in dir(tenuo_core) if hasattr(getattr(tenuo_core, name), "satisfies")}
    assert {type(compiled(rule(one.example))).__name__ for one in DESCRIPTIONS} == kinds


def test_the_document_has_the_descriptions() -> None:
    lines = (FOLDER.parents[1] / "docs" / "policies.md").read_text().splitlines()
    for one in DESCRIPTIONS:
        assert f"| `{one.example}` | {one.explanation} | {one.gates or '–'} |" in lines


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda description: description.name)
def test_a_warrant_with_countersigns_extensions_keeps_the_rule(description: Description) -> None:
    key = b"\x07" * 32
    plain = tenuo_core.Warrant.issue(
        tenuo_core.SigningKey.from_bytes(key), {"act": {"argument": compiled(rule(description.example))}}, 60
    )
    extended = with_extensions(plain, {"x": b"y"}, Ed25519PrivateKey.from_private_bytes(key))
    for value in (*description.allowed, *description.refused):
        before, after = (one.check_constraints("act", {"argument": value}) for one in (plain, extended))
        assert (before is None) == (after is None)


REFUSED = {
    "two kinds": "{exact: a, cidr: 10.0.0.0/8}",
    "no kind": "{}",
    "unknown kind": "{like: a}",
    "anything inside": "{all: [anything, {exact: a}]}",
    "nothing but not": "{not: {not: {exact: a}}}",
    "not anything": "{not: anything}",
    "one of all": "{all: [{exact: a}]}",
    "too many": "{any_of: [" + "{exact: a}, " * 11 + "]}",
    "too deep": "{not: {all: [{any_of: [{all: [{exact: a}, {exact: b}]}, {exact: c}]}, {exact: d}]}}",
    "a million deep": "{not: " * 900 + "{exact: a}" + "}" * 900,
    "empty text": "{exact: ''}",
    "number as text": "{exact: 1}",
    "any text": "{pattern: '*'}",
    "alternatives": "{pattern: 'a{b,c}'}",
    "open class": "{pattern: 'a[b'}",
    "many wildcards": "{pattern: '" + "a*" * 11 + "'}",
    "two wildcards": "{pattern: 'a/**/b'}",
    "open group": "{regex: '(a'}",
    "out of its group": "{regex: 'a)|(?:b'}",
    "case folded": "{regex: '(?i)kelvin'}",
    "commented": "{regex: '(?x)a #'}",
    "look-behind": "{regex: '(?<=a)b'}",
    "back reference": "{regex: '(a)\\1'}",
    "every script": "{regex: '\\w+'}",
    "blown up": "{regex: '((a{1,100}){1,100}){1,100}'}",
    "blown up in another way": "{regex: 'a{99}?{99}{99}'}",
    "blown up in a row": "{regex: '.{999}.{999}'}",
    "bits behind the prefix": "{cidr: 10.1.0.0/8}",
    "no network": "{cidr: example.com}",
    "every host": "{url_pattern: 'https://*/*'}",
    "any scheme": "{url_pattern: '*://example.com/*'}",
    "user name": "{url_pattern: 'https://me@example.com/*'}",
    "no path": "{url_pattern: 'https://example.com'}",
    "query": "{url_pattern: 'https://example.com/?a=*'}",
    "no scheme said": "{url_safe: {ports: [443]}}",
    "file scheme": "{url_safe: {schemes: [file]}}",
    "port of text": "{url_safe: {schemes: [https], ports: ['443']}}",
    "port zero": "{url_safe: {schemes: [https], ports: [0]}}",
    "denied domains, past which a dot leads": "{url_safe: {schemes: [https], deny_domains: [example.com]}}",
    "every folder": "{subpath: /}",
    "folder above": "{subpath: /var/../etc}",
    "relative folder": "{subpath: var}",
    "program by name": "{shlex: [git]}",
    "program with arguments": "{shlex: ['/usr/bin/git status']}",
    "program elsewhere": "{shlex: [/usr/bin/../../x/git]}",
    "expression left open": "{cel: 'value >'}",
    "no expression": "{cel: '1 + 1'}",
    "nothing asked": "{cel: '1 == 1'}",
    "loop": "{cel: '[1, 2].all(x, x == value)'}",
    "function": "{cel: 'now() > value'}",
    "escape": "{cel: 'value == \"\\\\u0041\"'}",
    "chain": "{cel: '1 < value < 3'}",
    "brackets without end": "{cel: '" + "(" * 60 + "value > 1" + ")" * 60 + "'}",
    "incident in an expression": "{regex: '{incident.service}'}",
    "incident in a folder": "{subpath: '/data/{incident.service}'}",
    "incident in text": "{exact: 'x-{incident.service}'}",
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_malformed_or_fits_too_much_is_refused(fault: str) -> None:
    began = time.monotonic()
    with pytest.raises(PolicyError) as refused:
        rule(REFUSED[fault])
    assert refused.value.sentence.endswith(".")
    assert time.monotonic() - began < 5


EXPRESSIONS = {
    "value > 1": {2: True, 1: False, "2": False},
    "value >= -1.5 && value < 1": {0: True, -2: False, 1: False},
    "value == \"a\" || value == 'b c'": {"a": True, "b c": True, "b": False, 1: False},
    '!(value == "a") && size(value) <= 2': {"b": True, "a": False, "abc": False},
    'value in ["a", 1]': {"a": True, 1: True, "b": False},
    '"a" in value': {("a", "b"): True, ("b",): False},
    'value.startsWith("a") && !value.endsWith("z")': {"ab": True, "az": False, 1: False},
    "value != false": {True: True, False: False},
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_of_the_grammar_are_tenuos(expression: str) -> None:
    found = parse(Section({"argument": {"cel": expression}}), "argument")
    for value, expected in EXPRESSIONS[expression].items():
        assert allows(found, list(value) if isinstance(value, tuple) else value) is expected


TAKEN = [
    ("unless", "{exact: a}", "anything"),
    ("unless", "{exact: a}", "{pattern: 'a*'}"),
    ("unless", "{one_of: [a]}", "{not_one_of: [b]}"),
    ("unless", "{one_of: [a]}", "{any_of: [{exact: a}, {range: {min: 1}}]}"),
    ("unless", "{range: {max: 3}}", "anything"),
    ("unless", "{subset: [a]}", "{subset: [a, b]}"),
    ("unless", "{cidr: 10.1.0.0/16}", "{cidr: 10.0.0.0/8}"),
    ("when", "{exact: a}", "{one_of: [a, b]}"),
    ("when", "{cidr: 10.1.0.0/16}", "{cidr: 10.0.0.0/8}"),
    ("when", "{contains: [a]}", "{subset: [a, b]}"),
]


@pytest.mark.parametrize(("form", "condition", "own"), TAKEN)
def test_a_gate_that_names_its_values_stops_all_others(form: str, condition: str, own: str) -> None:
    """Of all values that the argument may have, and near ones, those run without a person that the gate exempts."""
    policy = gated(form, condition, own)
    warrant = minted(policy)
    inner, outer = rule(condition), rule(own)
    values: list[Any] = ["a", "A", "a ", "b", "а", "", 1, 3, 3.5, -9, True, None, ["a"], ["b"], ["a", "b"], []]
    for value in [*values, "10.1.0.1", "10.2.0.1", "010.1.0.1", "::ffff:10.1.0.1", "10.1.0.1 "]:
        if allows(outer, value):
            stops = tenuo_core.evaluate_approval_gates(warrant, "act", {"argument": value})
            assert stops is (allows(inner, value) == (form == "when")), value


@pytest.mark.parametrize(("form", "condition", "own"), TAKEN)
def test_a_workers_floor_asks_whenever_the_gate_does(
    form: str, condition: str, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = gated(form, condition, own)
    monkeypatch.setattr(floors, "shipped", lambda _: policy)
    floor, warrant = floors.floors_of("example")["act"], minted(policy)
    for value in ["a", "A", "b", 1, 3.5, True, ["a"], ["b"], [], "10.1.0.1", "10.2.0.1"]:
        if allows(rule(own), value):
            stops = tenuo_core.evaluate_approval_gates(warrant, "act", {"argument": value})
            assert floor.people_for({"argument": value}) == int(stops), value


LEAKING = [
    ("when", "{exact: a}", "anything"),
    ("when", "{one_of: [a]}", "{pattern: 'a*'}"),
    ("when", "{one_of: [a]}", "{not_one_of: [b]}"),
    ("when", "{one_of: [a]}", "{regex: '[a-z]+'}"),
    ("when", "{range: {min: 3}}", "{any_of: [{range: {min: 1}}, {exact: all}]}"),
    ("when", "{subset: [a]}", "{subset: [a, b]}"),
    ("when", "{contains: [a]}", "{contains: [b]}"),
    ("when", "{pattern: 'a*'}", "{pattern: 'a*'}"),
    ("when", "{not: {exact: a}}", "{one_of: [a, b]}"),
    ("when", "{cel: value > 1}", "{range: {min: 1}}"),
    ("when", "{cidr: 10.1.0.0/16}", "anything"),
    ("when", "{subpath: /data/secret}", "{subpath: /data}"),
]


@pytest.mark.parametrize(("form", "condition", "own"), LEAKING)
def test_a_gate_that_near_misses_pass_is_refused(form: str, condition: str, own: str) -> None:
    with pytest.raises(GateMissesNearValues) as refused:
        gated(form, condition, own)
    assert refused.value.path == "tools.act.gate.when.argument"


@pytest.mark.parametrize(
    ("condition", "own"),
    [
        ("{pattern: 'staging*'}", "anything"),
        ("{regex: 'staging.*'}", "anything"),
        ("{not_one_of: [production]}", "anything"),
        ("{not: {exact: production}}", "anything"),
        ("{cel: 'value != \"production\"'}", "anything"),
        ("{any_of: [{exact: a}, {exact: b}]}", "anything"),
        ("{subpath: /data}", "{subpath: /data}"),
        ("{url_safe: {schemes: [https]}}", "anything"),
        ("{shlex: [/bin/ls]}", "anything"),
        ("{contains: [a]}", "{subset: [a, b]}"),
        ("{cidr: 10.0.0.0/8}", "anything"),
        ("{cidr: 10.0.0.0/8}", "{cidr: 10.1.0.0/16}"),
        ("{subset: [a, b]}", "{subset: [a, b]}"),
        ("{one_of: [c]}", "{pattern: 'a*'}"),
        ("{exact: a}", "{exact: a}"),
        ("{one_of: [a, b]}", "{any_of: [{exact: a}, {exact: b}]}"),
        ("{exact: '{incident.service}'}", "anything"),
    ],
)
def test_an_exemption_that_does_not_name_its_values_is_refused(condition: str, own: str) -> None:
    with pytest.raises(PolicyError) as refused:
        gated("unless", condition, own)
    assert refused.value.path.startswith("tools.act.gate.unless.argument")


def test_tenuo_compares_rules() -> None:
    assert is_within(rule("{cidr: 10.1.0.0/16}"), rule("{cidr: 10.0.0.0/8}"))
    assert not is_within(rule("{cidr: 10.0.0.0/8}"), rule("{cidr: 10.1.0.0/16}"))
    assert is_within(rule("{exact: a}"), rule("anything"))
    assert not is_within(rule("anything"), rule("{exact: a}"))


def minted(policy: Policy) -> Any:
    return tenuo_core.Warrant.issue(
        tenuo_core.SigningKey.generate(),
        capabilities=capabilities(policy, INCIDENT),
        ttl_seconds=policy.lifetimes.get("critical", 60),
        holder=tenuo_core.SigningKey.generate().public_key,
        required_approvers=[tenuo_core.SigningKey.generate().public_key],
        min_approvals=policy.min_approvals,
        approval_gates=approval_gates(policy, INCIDENT),
    )


def every_kind() -> str:
    """Return a policy with every kind of rule, and gates of every form."""
    arguments = "\n".join(f"      a{index}: {one.example}" for index, one in enumerate(DESCRIPTIONS))
    gates = "\n".join(
        f"  {form}:\n    arguments: {{argument: {own}}}\n"
        f"    gate: {{message: 'It''s \"{form}\".', {form_of(form)}: {{argument: {condition}}}}}"
        for form, (condition, own) in {
            f"{form}_{index}": (condition, own) for index, (form, condition, own) in enumerate(TAKEN)
        }.items()
    )
    return f"""\
name: every-kind
version: 7
lifetimes: {{critical: 90 min, low: 60 s}}
min_approvals: 1
tools:
  act:
    arguments:
{arguments}
      service: {{one_of: ["{{incident.service}}", checkout, "quote ' and \\" and \\\\"]}}
      alone: {{exact: "{{incident.service}}"}}
    gate: {{message: Everything., always: true}}
{gates}
"""


def form_of(name: str) -> str:
    return name.partition("_")[0]


RUN = """
warrant = mint(
    tenuo_core.SigningKey.from_bytes(bytes(32)), tenuo_core.SigningKey.from_bytes(b"\\1" * 32).public_key,
    [tenuo_core.SigningKey.from_bytes(bytes([number]) * 32).public_key for number in (2, 3)],
    severity=next(iter(LIFETIMES)), service="checkout",
)
print(bytes(warrant.payload_bytes).hex(), warrant.ttl_seconds)
"""


PARTIES = "agents: [incident-agent]\nsub_agents: {}\napprovers: [local:ada, grace@example.com]\n"
OWN = {"every-kind": "", "handed on to nobody": PARTIES.format(0), "handed on twice": PARTIES.format(2)}


@pytest.mark.parametrize("name", [*OWN, *shipped_names()])
def test_exported_python_mints_the_same_warrant(name: str) -> None:
    policy = parse_policy(every_kind() + OWN[name]) if name in OWN else shipped(name)
    ran = subprocess.run(
        [sys.executable, "-I", "-c", python_of(policy) + RUN], capture_output=True, text=True, check=True, timeout=60
    )
    exported = cbor2.loads(bytes.fromhex(ran.stdout.split()[0]))
    severity = next(iter(policy.lifetimes))
    own = tenuo_core.Warrant.issue(
        tenuo_core.SigningKey.from_bytes(bytes(32)),
        capabilities=capabilities(policy, INCIDENT),
        ttl_seconds=policy.lifetimes[severity],
        holder=tenuo_core.SigningKey.from_bytes(b"\1" * 32).public_key,
        required_approvers=[tenuo_core.SigningKey.from_bytes(bytes([number]) * 32).public_key for number in (2, 3)],
        min_approvals=policy.min_approvals,
        approval_gates=approval_gates(policy, INCIDENT),
    )
    own = with_extensions(own, {}, Ed25519PrivateKey.from_private_bytes(bytes(32)), maximum_depth=policy.sub_agents)
    payload = cbor2.loads(bytes(own.payload_bytes))
    for facts in (exported, payload):
        facts.pop(1)  # the random id
        assert timedelta(seconds=facts.pop(7) - facts.pop(6)) == timedelta(seconds=policy.lifetimes[severity])
    assert cbor2.dumps(exported) == cbor2.dumps(payload)
    assert list(exported[3]) == list(payload[3])
