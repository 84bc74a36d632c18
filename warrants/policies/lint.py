"""Everything that is wrong with a policy or deserves a second look, all at once. Pure.

``parse_policy`` stays the judge of what is safe: whatever it refuses is an error here, and what is an error here is
never published. Warnings are for people: they depend on who is here, which workers run, and what stood before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from warrants.errors import GateMissesNearValues, PolicyError
from warrants.policies.compiling import allows
from warrants.policies.constraints import Constraint
from warrants.policies.editing import put
from warrants.policies.gates import Form, texts_of
from warrants.policies.installation import Installation, checks_of_installation
from warrants.policies.reading import Place, Section, places, read
from warrants.policies.rules import (
    MAXIMUM_TOOLS,
    READERS,
    Policy,
    argument_of,
    gate_of,
    lifetime,
    parse_policy,
    require_few,
    tool_section,
)
from warrants.policies.values import never_matches, open_ended
from warrants.policies.widening import widenings

__all__ = ["Context", "Finding", "Severity", "errors_of", "lint"]

_Read = TypeVar("_Read")
MAXIMUM_FINDINGS = 50
# A policy without approvals has gates that nobody opens.
_CODES = {"min_approvals": "gate_without_approvers"}
_PIECEWISE = ("lifetimes", "tools")


class Severity(StrEnum):
    """How much a finding weighs: an error is never published."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """``path`` and ``line`` (from 1; 0 for the whole text) say where; ``fix`` is the whole corrected text, or None."""

    path: str
    line: int
    severity: Severity
    code: str
    sentence: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside the text; None is not known.

    ``installation`` tells of people and workers; ``before`` is the policy whose place the text takes, and a policy
    that is the first of its name ``is_new``.
    """

    installation: Installation = field(default_factory=Installation)
    before: Policy | None = None
    is_new: bool = False


def lint(text: str, context: Context | None = None) -> list[Finding]:
    """Return what there is to say about ``text``: errors first, then warnings, each in the text's order.

    At most ``MAXIMUM_FINDINGS``: nobody reads more at once.
    """
    context = context or Context()
    try:
        section, where = read(text), places(text)
    except PolicyError as error:
        return [Finding(error.path, 0, Severity.ERROR, error.code, error.sentence)]
    linter = _Linter(text, where)
    linter.structure(section)
    try:
        linter.context(parse_policy(text), context)
    except PolicyError as error:
        linter.refused(error)
    found = sorted(linter.findings, key=lambda finding: (list(Severity).index(finding.severity), finding.line))
    return found[:MAXIMUM_FINDINGS]


def errors_of(text: str) -> list[Finding]:
    """Return what keeps ``text`` from being published."""
    return [finding for finding in lint(text) if finding.severity is Severity.ERROR]


class _Linter:
    def __init__(self, text: str, where: Mapping[str, Place]) -> None:
        self.text, self.where = text, where
        self.findings: list[Finding] = []

    def add(self, severity: Severity, path: str, code: str, sentence: str, fix: str | None = None) -> None:
        self.findings.append(Finding(path, self._line(path), severity, code, sentence, fix))

    def structure(self, section: Section) -> None:
        """Find all that ``parse_policy`` would refuse, one part after the other."""
        for name in section.values:
            if name not in READERS:
                self._attempt(Section({name: None}).only, *READERS)
        for name, reader in READERS.items():
            if name not in _PIECEWISE or not isinstance(section.values.get(name), dict) or not section.values[name]:
                self._attempt(reader, section, code=_CODES.get(name, PolicyError.code))
                continue
            part = section.section(name)
            if name == "lifetimes":
                for severity in part.values:
                    self._attempt(lifetime, part, severity)
            else:
                self._tools(part)

    def _tools(self, tools: Section) -> None:
        self._attempt(require_few, tools)
        for name in list(tools.values)[:MAXIMUM_TOOLS]:
            tool = self._attempt(tool_section, tools, name)
            if tool is not None:
                self._tool(tool, name)

    def _tool(self, tool: Section, name: str) -> None:
        declared = self._attempt(tool.section, "arguments")
        if declared is None:
            return
        arguments = {argument: self._attempt(argument_of, declared, argument) for argument in declared.values}
        sound = {argument: rule for argument, rule in arguments.items() if rule is not None}
        for argument, rule in sound.items():
            self._argument(declared.at(argument), rule)
        if len(sound) < len(arguments):
            return  # What its gate may be depends on them.
        try:
            gate_of(tool, name, sound)
        except GateMissesNearValues as error:
            fix = self._safe_form(tool, name, sound)
            self.add(Severity.ERROR, error.path, "gate_misses_near_values", error.sentence, fix)
        except PolicyError as error:
            self.add(Severity.ERROR, error.path, error.code, error.sentence)

    def _argument(self, path: str, rule: Constraint) -> None:
        """Find what is well formed and means something else than it seems to."""
        if never_matches(rule):
            sentence = "No value is all of this at once, so that every call of the tool is refused."
            self.add(Severity.ERROR, path, "never_matches", sentence)
        elif open_ended(rule):
            self.add(
                Severity.WARNING,
                path,
                "near_values_allowed",
                "This refuses what it names and allows all that is nearly that: other case, spaces, look-alikes, "
                "other types. List what is allowed with one_of if you can.",
            )

    def refused(self, error: PolicyError) -> None:
        """Take up what the whole text is refused for, should none of its parts have been."""
        if not any(finding.severity is Severity.ERROR for finding in self.findings):
            self.add(Severity.ERROR, error.path, error.code, error.sentence)

    def context(self, policy: Policy, context: Context) -> None:
        """Find what does not fit the people, the workers, and the version before; say what was not looked at."""
        unknown = []
        for told in checks_of_installation(policy, context.installation):
            if told.unknown:
                unknown.append(told.unknown)
            else:
                self.add(Severity.WARNING, told.path, told.code, told.sentence)
        if context.before is not None:
            for path, sentence in widenings(context.before, policy):
                self.add(Severity.WARNING, path, "widened", sentence)
        elif not context.is_new:
            unknown.append("whether it allows more than the version before")
        if unknown:
            self.add(Severity.NOTE, "", "not_checked", f"Not checked, for it is not known here: {'; '.join(unknown)}.")

    def _attempt(self, reader: Callable[..., _Read], *arguments: object, code: str = PolicyError.code) -> _Read | None:
        try:
            return reader(*arguments)
        except PolicyError as error:
            self.add(Severity.ERROR, error.path, code, error.sentence)
            return None

    def _line(self, path: str) -> int:
        """Return the line of the innermost part of ``path`` that is there."""
        while path and path not in self.where:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.where[path].line if path else 0

    def _safe_form(self, tool: Section, name: str, declared: Mapping[str, Constraint]) -> str | None:
        """Return the text with the gate's ``when`` in its safe form, if that is safe.

        Where the policy lists the argument's values elsewhere, they are exempt, but for those that shall stop and
        what is like one of them; otherwise every call stops.
        """
        conditions = tool.section("gate").section(Form.WHEN)
        safe: tuple[Form, Any] = (Form.ALWAYS, True)
        if len(conditions.values) == 1:
            argument = next(iter(conditions.values))
            stops = texts_of(argument_of(conditions, argument))
            others = [text for text in self._known_texts(argument) if not _is_like(text, stops or ())]
            if stops is not None and others and all(allows(declared[argument], text) for text in others):
                safe = (Form.UNLESS, {argument: {"one_of": others}})
        try:
            fixed = put(self.text, ("tools", name, "gate", safe[0]), safe[1], instead_of=[Form.WHEN])
        except PolicyError:
            return None
        return fixed if _is_safe(fixed, name) else None

    def _known_texts(self, argument: str) -> list[str]:
        """Return the texts that other tools of this policy list for an argument of this name."""
        tools = read(self.text).values.get("tools")
        found: dict[str, None] = {}
        for other in tools.values() if isinstance(tools, dict) else ():
            arguments = other.get("arguments") if isinstance(other, dict) else None
            rule = arguments.get(argument) if isinstance(arguments, dict) else None
            listed = rule.get("one_of") if isinstance(rule, dict) else None
            texts = listed if isinstance(listed, list) else []
            found.update(dict.fromkeys(text for text in texts if isinstance(text, str) and "{" not in text))
        return list(found)


def _is_like(text: str, others: Iterable[str]) -> bool:
    """Return whether people might take ``text`` for one of ``others``, or part of one for the other."""
    plain = text.casefold()
    return not text.isascii() or any(plain in other.casefold() or other.casefold() in plain for other in others)


def _is_safe(text: str, name: str) -> bool:
    """Return whether ``text`` reads, and the gate of its tool ``name`` is taken."""
    try:
        tool = tool_section(read(text).section("tools"), name)
        declared = tool.section("arguments")
        gate_of(tool, name, {argument: argument_of(declared, argument) for argument in declared.values})
    except PolicyError:
        return False
    return True
