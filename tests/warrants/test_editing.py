"""A change to a policy's text changes one value: all other lines stay as they are, byte for byte."""

from __future__ import annotations

import copy
import json
from itertools import takewhile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warrants.errors import PolicyError
from warrants.policies.editing import Path, put, take_out
from warrants.policies.reading import places, read
from warrants.policies.release import shipped_names, shipped_text

TEXT = """\
# What the night shift may do.
name: night-shift   # whose
version: 1
lifetimes: {critical: 1 h, low: 15 min}   # not longer

min_approvals: 1
tools:
  # Looks only.
  read_logs:
    arguments:
      minutes: {range: {min: 1, max: 60}}   # an hour

  restart_service:
    arguments: {service: {one_of: [shop]}, environment: anything}
    gate:   # people look
      # in words
      message: A person looks at it.
      when:
        # only there
        environment: {exact: production}   # the one that counts
  # the end
"""


def changed(old: str, edited: str) -> tuple[list[str], list[str]]:
    """Return the lines that went and those that came; all others are the same, in the same places."""
    before, after = old.split("\n"), edited.split("\n")
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    return before[head : len(before) - tail], after[head : len(after) - tail]


def _common(one: list[str], other: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def test_a_value_is_written_over_where_it_stands() -> None:
    path = ("tools", "read_logs", "arguments", "minutes")
    edited = put(TEXT, path, {"range": {"min": 1, "max": 90}})
    assert changed(TEXT, edited) == (
        ["      minutes: {range: {min: 1, max: 60}}   # an hour"],
        ["      minutes: {range: {min: 1, max: 90}}   # an hour"],
    )


def test_a_value_in_braces_is_written_over_there() -> None:
    edited = put(TEXT, ("tools", "restart_service", "arguments", "environment"), {"one_of": ["dev", "yes", "#a"]})
    assert '{service: {one_of: [shop]}, environment: {one_of: [dev, "yes", "#a"]}}' in edited


def test_an_argument_is_put_behind_the_others() -> None:
    assert changed(TEXT, put(TEXT, ("tools", "read_logs", "arguments", "level"), "anything")) == (
        [],
        ["      level: anything"],
    )
    edited = put(TEXT, ("tools", "restart_service", "arguments", "force"), {"cel": "value == true"})
    assert 'environment: anything, force: {cel: "value == true"}}\n' in edited


def test_a_tool_is_put_behind_the_others_in_lines_of_its_own() -> None:
    edited = put(TEXT, ("tools", "nexus:a:b:c", "arguments", "to"), {"exact": "ops"}, blocks=0)
    assert changed(TEXT, edited) == ([], ['  "nexus:a:b:c":', "    arguments:", "      to: {exact: ops}"])


def test_the_first_tool_of_an_outline_stands_below_what_is_said_there() -> None:
    outline = "name: a\ntools:\n  # Which calls.\n\n"
    edited = put(outline, ("tools", "act", "arguments", "to"), "anything")
    assert edited == "name: a\ntools:\n  # Which calls.\n  act:\n    arguments:\n      to: anything\n\n"


def test_a_form_of_a_gate_takes_the_place_of_another() -> None:
    path = ("tools", "restart_service", "gate", "unless")
    edited = put(TEXT, path, {"environment": {"one_of": ["dev"]}}, blocks=1, instead_of=("always", "when"))
    assert changed(TEXT, edited) == (
        [
            "      when:",
            "        # only there",
            "        environment: {exact: production}   # the one that counts",
        ],
        ["      unless:", "        environment: {one_of: [dev]}   # the one that counts"],
    )


def test_what_is_taken_out_takes_its_lines_with_it() -> None:
    edited = take_out(TEXT, ("tools", "restart_service", "gate"))
    assert "gate" not in edited
    assert edited.endswith("environment: anything}\n  # the end\n")
    assert "lifetimes: {critical: 1 h}   # not longer" in take_out(TEXT, ("lifetimes", "low"))
    assert "lifetimes: {low: 15 min}   # not longer" in take_out(TEXT, ("lifetimes", "critical"))
    assert changed(TEXT, take_out(TEXT, ("min_approvals",))) == (["min_approvals: 1"], [])
    assert "    arguments: {}   # an hour\n" in take_out(TEXT, ("tools", "read_logs", "arguments", "minutes"))


def test_a_line_of_the_head_is_put_behind_its_like() -> None:
    edited = put(TEXT, ("endorsers",), 2, behind=("name", "min_approvals", "lifetimes", "version"))
    assert changed(TEXT, edited) == ([], ["endorsers: 2"])
    assert put(TEXT, ("endorsers",), 2, behind=("none",)).endswith("one that counts\nendorsers: 2\n  # the end\n")


def test_what_is_so_already_is_not_touched() -> None:
    assert put(TEXT, ("version",), 1) == TEXT
    assert take_out(TEXT, ("step_up_seconds",)) == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "? name\n: night\ntools: {}\n",
        "{name: night, tools: {a: 1\n, }}",
        "tools:\n  a: |+\n    text\n\n",
        "tools: text\n",
        "tools: [1]\n",
        "tools: {a}\n",
        "tools: {a: , b: 2,}\n",
        "---\ntools:\n  a: >\n    folded\n...\n",
        "tools: {# nothing\n}\n",
        '"tools": {"a": "1"}\n',
        "tools:\r\n  a: 1\r\n",
        "tools: # x\u2028  a: 1\u2028  c: 2\n",
        "\ufefftools: {a: 1}",
    ],
)
def test_what_cannot_be_changed_without_another_change_is_refused(text: str) -> None:
    """However it is written: either exactly this is changed, or nothing is."""
    for path in (("tools", "a"), ("tools", "b"), ("name",)):
        exactly(text, path, {"exact": "x"})
        exactly(text, path, None)


def test_a_text_that_cannot_be_read_is_not_changed() -> None:
    with pytest.raises(PolicyError, match="Look at line 2"):
        put("name: a\ntools: ]\n", ("name",), "b")
    with pytest.raises(PolicyError):
        put("", ("name",), "b")
    with pytest.raises(PolicyError, match="anchors"):
        put("a: &x 1\nb: *x\n", ("a",), 2)


def exactly(text: str, path: Path, value: Any, blocks: int = 0) -> str | None:
    """Put ``value`` at ``path``, or take out what is there for None; fail if anything else is changed."""
    wanted = copy.deepcopy(read(text).values)
    inner = wanted
    for name in path[:-1]:
        if not isinstance(inner.get(name), dict):
            inner[name] = {}
        inner = inner[name]
    if value is None and path[-1] not in inner:
        return None
    try:
        edited = take_out(text, path) if value is None else put(text, path, value, blocks=blocks)
    except PolicyError:
        return None
    inner.pop(path[-1], None)
    if value is not None:
        inner[path[-1]] = value
    assert read(edited).values == wanted
    return edited


# --- Whatever is written ------------------------------------------------------------------------------

RULES = st.sampled_from(
    [
        "anything",
        {"exact": "production"},
        {"one_of": ["#incidents", "{incident.service}", "a b", "no", "1"]},
        {"range": {"min": 1, "max": 2.5}},
        {"range": {"min": -1e-7}},
        {"regex": "[A-Z]{2,5}-[0-9]+"},
        {"url_safe": {"schemes": ["https"], "ports": [443]}},
        {"any_of": [{"exact": 'it\'s "so" \\ or not'}, {"not": {"pattern": "prod*"}}]},
        {"cel": "value == true || value in [1, 2]"},
    ]
)
COMMENTS = st.sampled_from(["", "", "   # why: because", " #"])
BETWEEN = st.sampled_from([[], [], [""], ["    # {between}: [the lines]", ""], ["# end"]])
NAMES = st.sampled_from(["service", "environment", "minutes", "text"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return a policy as people write them: blocks and braces, comments, blank lines, values over several lines."""
    step = draw(st.sampled_from([1, 2, 4]))
    lines = ["name: night", f"version: 3{draw(COMMENTS)}", *draw(BETWEEN)]
    lines += draw(st.sampled_from([["lifetimes: {low: 1 h, high: 2 h}"], ["lifetimes:", " low: 1 h", " high: 2 h"]]))
    lines += [f"min_approvals: 2{draw(COMMENTS)}", f"tools:{draw(COMMENTS)}", *draw(BETWEEN)]
    for tool in draw(st.lists(st.sampled_from(["act", "look", '"nexus:a:b:c"']), min_size=1, unique=True)):
        lines += [f"{' ' * step}{tool}:{draw(COMMENTS)}", *draw(BETWEEN)]
        rules = {name: shown(draw(RULES)) for name in draw(st.lists(NAMES, min_size=1, unique=True))}
        lines += section(draw, "arguments", rules, step)
        if draw(st.booleans()):
            lines += section(draw, "gate", {"message": draw(st.sampled_from(MESSAGES)), "always": "true"}, step)
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n# the end\n"]))


MESSAGES = ["A person.", '"Look: at it"', f">-\n{' ' * 20}A long\n{' ' * 20}message", "'it''s'"]


def section(draw: st.DrawFn, name: str, values: dict[str, str], step: int) -> list[str]:
    """Return the lines of a map, written in one of the ways that there are."""
    indent = " " * step * 2
    flat = all("\n" not in value for value in values.values())
    style = draw(st.sampled_from(["block", "flow", "flow over lines"] if flat else ["block"]))
    if style == "block":
        entries = [f"{indent}{' ' * step}{key}: {value}{draw(COMMENTS)}" for key, value in values.items()]
        return [f"{indent}{name}:{draw(COMMENTS)}", *(line for entry in entries for line in [entry, *draw(BETWEEN)])]
    if style == "flow":
        pairs = ", ".join(f"{key}: {value}" for key, value in values.items())
        return [f"{indent}{name}: {{{pairs}}}{draw(COMMENTS)}", *draw(BETWEEN)]
    entries = [f"{indent}  {key}: {value},{draw(COMMENTS)}" for key, value in values.items()]
    return [f"{indent}{name}: {{", *entries, f"{indent}}}{draw(COMMENTS)}"]


def shown(rule: Any) -> str:
    """Return a rule as YAML, by another way than the one that is tested."""
    return rule if isinstance(rule, str) else json.dumps(rule).replace("e-07", ".0e-07").replace("1.0.0e", "1.0e")


@given(
    text=texts() | st.sampled_from([shipped_text(name) for name in shipped_names()]),
    value=RULES | st.none(),
    blocks=st.integers(0, 2),
    data=st.data(),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_written_one_value_changes_and_no_other_line(
    text: str, value: Any, blocks: int, data: st.DataObject
) -> None:
    before = read(text).values
    tool = data.draw(st.sampled_from([*before["tools"], "fresh"]))
    own = before["tools"].get(tool, {})
    path = data.draw(
        st.sampled_from(
            [("version",), ("lifetimes", "low"), ("lifetimes", "night"), ("step_up_seconds",), ("tools", tool, "gate")]
            + [("tools", tool, "arguments", name) for name in [*own.get("arguments", {}), "fresh"]]
            + [("tools", tool, "gate", name) for name in own.get("gate", {})]
        )
    )
    edited = exactly(text, path, value, blocks)
    where = places(text)
    place = where.get(".".join(path))
    if value is None and place is None:
        assert edited is None
        return
    assert edited is not None, "People may write policies like this."
    gone, come = changed(text, edited)
    if not gone and not come:
        assert edited == text
        return
    parent = where.get(".".join(path[:-1]))
    if place is None and parent and text[parent.start : parent.end].endswith("}"):
        assert len(gone) <= 1, "Only the line of the last value in braces changes."
    elif place is None:
        assert gone == []
    else:
        # What stood alone in a map leaves an empty one.
        widest = parent if parent and value is None and not _beside(before, path) else place
        lines = text.count("\n", widest.start, widest.end) + 1
        assert "\n".join(gone) in "\n".join(text.split("\n")[widest.line - 1 : widest.line - 1 + lines])


def _beside(values: dict[str, Any], path: Path) -> list[str]:
    for name in path[:-1]:
        values = values[name]
    return [name for name in values if name != path[-1]]
