"""The namespaces of this installation, from one YAML file: ``docs/governance-namespaces.md`` explains each key.

namespaces:
  NAME:
    retention_days: 30                            how long closed histories are kept
    evidence_days: 2557                           how long evidence is kept; 0: without an end; may be left out
    approvers: [GROUP]                            groups whose people approve here
    groups: {GROUP: [ROLE]}                       what other groups give here; may be left out
    search_attributes: {NAME: TYPE}               may be left out
    task_queues: [NAME]                           besides the approvals queue; may be left out
    alerts: [SERVICE]                             services whose alerts start incidents here; may be left out
    deletion_protection: true                     the default
    encrypted: true                               the default
    served: true                                  the default
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from accounts.namespaces.contracts import GroupRole, Namespace, SearchAttribute
from accounts.roles.contracts import Role
from warrants.errors import PolicyError
from warrants.policies.reading import MAXIMUM_CHARACTERS, Section, plain_text, read
from workers.incident.contracts import AGENT_TASK_QUEUE, MODEL_TASK_QUEUE

INCIDENT_QUEUES = (AGENT_TASK_QUEUE, MODEL_TASK_QUEUE)
MAXIMUM_NAMESPACES = 50
LONGEST_RETENTION_DAYS = 3650
# Seven years, of which at most two have a day more; and a hundred.
EVIDENCE_DAYS = 2557
LONGEST_EVIDENCE_DAYS = 36_500
# What a warrant has room for.
_NAME = re.compile(r"(?!temporal-system$)[A-Za-z0-9][A-Za-z0-9_.-]{1,199}")
_NAME_FORM = "2 to 200 letters, digits, _, . and -, beginning with a letter or digit, and not temporal-system"
_ATTRIBUTE = re.compile(r"(?!Temporal)[A-Za-z][A-Za-z0-9_]{0,63}")
_ATTRIBUTE_FORM = "1 to 64 letters, digits and _, beginning with a letter, and not with Temporal"
# Search attributes are never encrypted. Text is for content, which has no place there.
_KINDS = ("Bool", "Datetime", "Double", "Int", "Keyword", "KeywordList")
_QUEUE_CHARACTERS = 200
_SERVICE_CHARACTERS = 100
# Of a group: what a grant has room for.
_GROUP_CHARACTERS = 255
_KEYS = (
    "retention_days", "evidence_days", "approvers", "groups", "search_attributes", "task_queues", "alerts",
    "deletion_protection", "encrypted", "served",
)  # fmt: skip


def configured(path: str, default: str, *, evidence_days: int = EVIDENCE_DAYS) -> tuple[Namespace, ...]:
    """Return the namespaces of the file at ``path``, or, without one, only ``default``, where incidents are.

    ``evidence_days`` is for those that say nothing else; 0: without an end.

    Raises ``ImproperlyConfigured``, naming the place in the file.
    """
    if not path:
        return (Namespace(default, task_queues=INCIDENT_QUEUES, evidence_days=evidence_days or None),)
    try:
        namespaces = parse(_content(path), evidence_days=evidence_days)
    except PolicyError as error:
        raise ImproperlyConfigured(f"NAMESPACES_FILE: {error}") from None
    names = [namespace.name for namespace in namespaces]
    if default not in names:
        raise ImproperlyConfigured(
            f"TEMPORAL_NAMESPACE is {default!r}, which NAMESPACES_FILE does not list. Set it to the one where "
            f"incidents start by default: {', '.join(names)}."
        )
    if not namespaces[names.index(default)].served:
        raise ImproperlyConfigured(
            f"NAMESPACES_FILE: namespaces.{default}.served: This is TEMPORAL_NAMESPACE, where incidents start by "
            "default. Let it be served."
        )
    return namespaces


def parse(text: str, *, evidence_days: int = EVIDENCE_DAYS) -> tuple[Namespace, ...]:
    """Return the namespaces in ``text``, in its order. Raises ``PolicyError`` for the first place that is wrong."""
    section = read(text, what="namespaces file")
    section.only("namespaces")
    named = section.section("namespaces")
    if len(named.values) > MAXIMUM_NAMESPACES:
        raise PolicyError(named.path, f"There may be at most {MAXIMUM_NAMESPACES} namespaces. Take some out.")
    found = tuple(_namespace(named.named(name, _NAME, _NAME_FORM), named, evidence_days) for name in named.values)
    _refuse_divided_services(found, named)
    _refuse_two_types(found, named)
    return found


def _namespace(name: str, named: Section, evidence_days: int) -> Namespace:
    section = named.section(name)
    section.only(*_KEYS)
    namespace = Namespace(
        name=name,
        retention_days=section.whole_number("retention_days", minimum=1, maximum=LONGEST_RETENTION_DAYS),
        evidence_days=_evidence_days(section, evidence_days) or None,
        search_attributes=tuple(_search_attributes(section)),
        deletion_protection=_flag(section, "deletion_protection"),
        encrypted=_flag(section, "encrypted"),
        served=_flag(section, "served"),
        task_queues=_texts(section, "task_queues", _QUEUE_CHARACTERS),
        group_roles=tuple(_group_roles(section)),
        alerts=_texts(section, "alerts", _SERVICE_CHARACTERS),
    )
    if namespace.alerts and not (namespace.served and set(INCIDENT_QUEUES) <= set(namespace.task_queues)):
        raise PolicyError(
            section.at("alerts"),
            f"Nobody would work on these incidents. Let served be true, and list {' and '.join(INCIDENT_QUEUES)} in "
            "task_queues.",
        )
    return namespace


def _evidence_days(section: Section, otherwise: int) -> int:
    if "evidence_days" not in section.values:
        return otherwise
    return section.whole_number("evidence_days", minimum=0, maximum=LONGEST_EVIDENCE_DAYS)


def _flag(section: Section, name: str) -> bool:
    return section.flag(name) if name in section.values else True


def _texts(section: Section, name: str, maximum: int) -> tuple[str, ...]:
    return section.texts(name, maximum=maximum) if name in section.values else ()


def _search_attributes(section: Section) -> Iterator[SearchAttribute]:
    if "search_attributes" not in section.values:
        return
    kinds = section.section("search_attributes")
    for name in kinds.values:
        kind = kinds.text(kinds.named(name, _ATTRIBUTE, _ATTRIBUTE_FORM), maximum=20)
        if kind not in _KINDS:
            raise PolicyError(
                kinds.at(name),
                f"A type is one of {', '.join(_KINDS)}. Text is not among them: search attributes are stored in the "
                "clear, and are for ids and fixed words.",
            )
        yield SearchAttribute(name, kind)


def _group_roles(section: Section) -> Iterator[GroupRole]:
    for group in section.texts("approvers", maximum=_GROUP_CHARACTERS):
        yield GroupRole(group, Role.APPROVER)
    if "groups" not in section.values:
        return
    groups = section.section("groups")
    for group in groups.values:
        plain_text(group, groups.at(group[:80]), maximum=_GROUP_CHARACTERS)
        for index, role in enumerate(groups.texts(group, maximum=64)):
            yield GroupRole(group, _role(role, f"{groups.at(group)}[{index}]"))


def _role(role: str, path: str) -> Role:
    if role == Role.APPROVER:
        raise PolicyError(path, "Who approves stands in one place: list the group under approvers.")
    if role not in set(Role):
        raise PolicyError(path, f"Roles are {', '.join(known for known in Role if known != Role.APPROVER)}.")
    return Role(role)


def _refuse_divided_services(namespaces: tuple[Namespace, ...], named: Section) -> None:
    """Refuse a service in two namespaces: its alerts would have to choose."""
    owner: dict[str, str] = {}
    for namespace in namespaces:
        for service in namespace.alerts:
            if service in owner:
                raise PolicyError(
                    f"{named.at(namespace.name)}.alerts",
                    f"{service!r} is also in {owner[service]}. List a service in one namespace.",
                )
            owner[service] = namespace.name


def _refuse_two_types(namespaces: tuple[Namespace, ...], named: Section) -> None:
    """Refuse a search attribute that means something else elsewhere: the development server has each once."""
    kinds: dict[str, str] = {}
    for namespace in namespaces:
        for attribute in namespace.search_attributes:
            if kinds.setdefault(attribute.name, attribute.kind) != attribute.kind:
                raise PolicyError(
                    f"{named.at(namespace.name)}.search_attributes.{attribute.name}",
                    f"Its type is {kinds[attribute.name]} elsewhere. Give it one type, or another name.",
                )


def _content(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(MAXIMUM_CHARACTERS + 1)
    except OSError as error:
        raise ImproperlyConfigured(f"NAMESPACES_FILE names a file that cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ImproperlyConfigured("NAMESPACES_FILE names a file that is not text in UTF-8.") from None
