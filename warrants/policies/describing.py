"""Each kind of rule in plain words, with an example and values that it allows and refuses. Pure.

``docs/policies.md`` has its table from here, and forms have their words. Tenuo itself answered for the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from warrants.policies.constraints import ANYTHING


@dataclass(frozen=True, slots=True)
class Description:
    """``label`` is what the rule allows, in a few words; ``explanation`` may have code in backticks.

    ``example`` is YAML as it stands after an argument's name; ``gates`` says where a gate may hold the rule."""

    name: str
    label: str
    explanation: str
    example: str
    allowed: tuple[Any, ...]
    refused: tuple[Any, ...]
    gates: str = ""


DESCRIPTIONS = (
    Description(
        "exact",
        "this text",
        "this text and no other: no other case, no spaces, no look-alikes",
        "{exact: production}",
        ("production",),
        ("Production", "production ", "prоduction", 1, ["production"]),
        "`unless`; `when` on `exact` or `one_of`",
    ),
    Description(
        "one_of",
        "one of these texts",
        "one of these texts, exactly as they stand",
        "{one_of: [production, staging]}",
        ("production", "staging"),
        ("Production", "staging ", "prod", True),
        "`unless`; `when` on `exact` or `one_of`",
    ),
    Description(
        "not_one_of",
        "anything but these texts",
        "any value of any type but exactly these texts: near misses of them are allowed, so prefer `one_of`",
        "{not_one_of: [production]}",
        ("staging", "Production", "production ", 1),
        ("production",),
    ),
    Description(
        "range",
        "a number between bounds",
        "numbers, bounds included; one bound may be left out. Fractions too: a tool that needs whole numbers says so "
        "in its types",
        "{range: {min: 1, max: 10}}",
        (1, 10, 2.5),
        (0, 10.5, "5", True),
        "`unless`; `when` on `range`",
    ),
    Description(
        "pattern",
        "text like this, with * for anything",
        "text like this as a whole: `*` is any characters, `/` too, `?` is one, `[abc]` one of these",
        '{pattern: "deploy-*"}',
        ("deploy-42", "deploy-", "deploy-a/b"),
        ("Deploy-42", "redeploy-42", 42),
    ),
    Description(
        "regex",
        "text that an expression matches",
        "text that the regular expression matches from its first character to its last; no flags, no look-around",
        '{regex: "[A-Z]{2,5}-[0-9]+"}',
        ("OPS-7", "PAY-1024"),
        ("ops-7", "OPS-7 and more", "OPS-7\n", 7),
    ),
    Description(
        "cidr",
        "an address in a network",
        "an address in this network, written in the usual form",
        "{cidr: 10.20.0.0/16}",
        ("10.20.0.1", "10.20.255.255"),
        ("10.21.0.1", "010.20.0.1", "10.20.0.1 ", "::ffff:10.20.0.1"),
        "`unless` and `when`, on `cidr`",
    ),
    Description(
        "url_pattern",
        "a web address like this",
        "a web address with this scheme and host and a path like this; `*` goes across `/`. Query and user name may "
        "be anything, and so may the port, unless the pattern names one that is not the scheme's own",
        '{url_pattern: "https://api.example.com/v1/*"}',
        ("https://api.example.com/v1/users", "https://api.example.com:8443/v1/users?page=2"),
        (
            "http://api.example.com/v1/users",
            "https://api.example.com/v1/../admin",
            "https://api.example.com@example.net/v1/",
            "https://example.net/v1/",
        ),
    ),
    Description(
        "url_safe",
        "a web address that is not internal",
        "a web address that is not internal: no private, local, metadata or reserved address, no internal domain. "
        "`domains` and `ports` may be left out. It looks at the text: a public name may still lead to an internal "
        "address",
        '{url_safe: {schemes: [https], domains: ["*.example.com"], ports: [443]}}',
        ("https://www.example.com/", "https://example.com:443/x"),
        ("http://www.example.com/", "https://example.net/", "https://www.example.com:8443/", "https://127.0.0.1/"),
    ),
    Description(
        "subpath",
        "a path in a folder",
        "a path in this folder, or the folder. It looks at the text: it follows no links, and decodes nothing",
        "{subpath: /var/log/app}",
        ("/var/log/app", "/var/log/app/today.log", "/var/log/app/old/../today.log"),
        ("/var/log/app/../secret", "/var/log/application", "app/today.log", "/VAR/log/app/x"),
    ),
    Description(
        "shlex",
        "a command of these programs",
        "a command of one of these programs, named by their whole path, without pipes, variables, substitutions or "
        "redirections. What the program does with its arguments, `*` and `~` is not looked at",
        "{shlex: [/usr/bin/git]}",
        ("/usr/bin/git status", "/usr/bin/git log -1"),
        ("git status", "/home/x/git status", "/usr/bin/git log | sh", "/usr/bin/git log; rm x", "/usr/bin/git $HOME"),
    ),
    Description(
        "contains",
        "a list with these in it",
        "a list with all these texts in it, and whatever else",
        "{contains: [audit]}",
        (["audit"], ["audit", "debug"]),
        ([], ["debug"], "audit"),
        "`when` on `subset`",
    ),
    Description(
        "subset",
        "a list of nothing but these",
        "a list of nothing but these texts; the empty list too",
        "{subset: [read, list]}",
        (["read"], ["list", "read"], []),
        (["read", "write"], ["Read"], "read"),
        "`unless`",
    ),
    Description(
        "all",
        "all of several rules",
        "what every one of the rules allows",
        '{all: [{pattern: "team-*"}, {not_one_of: [team-security]}]}',
        ("team-web",),
        ("team-security", "web", 1),
    ),
    Description(
        "any_of",
        "any of several rules",
        "what one of the rules allows, tried in this order. A value that a rule cannot read, such as a text that is no "
        "web address, is refused there",
        "{any_of: [{exact: auto}, {range: {min: 1, max: 64}}]}",
        ("auto", 1, 64),
        ("Auto", 0, 65, "1"),
    ),
    Description(
        "not",
        "what a rule does not allow",
        "what the rule does not allow, of any type: near misses of what it names are allowed",
        '{not: {pattern: "prod*"}}',
        ("staging", "Production", 1),
        ("production", "prod"),
    ),
    Description(
        "cel",
        "an expression over the value",
        "what the expression over `value` says yes to: comparisons, `in`, `&&`, `||`, `!`, `size(value)`, "
        "`value.startsWith`, `endsWith` and `contains`. What it cannot compare is refused",
        '{cel: "value == true || value in [1, 2]"}',
        (True, 1, 2),
        (False, 3, "true", "1"),
    ),
    Description(
        ANYTHING,
        "anything at all",
        "any value of any type",
        ANYTHING,
        ("", "any text", 1, True, ["a"]),
        (),
    ),
)
