"""Who raised an alert, and for whom the agent will act: none of them may approve what comes of it. Pure.

    event.agent                            {"type": "user_reference", "summary": "Ada Lovelace", ...} of whoever pressed
                                           the button; null, or of another type, when a machine did
    event.data.custom_details.raised_by    an e-mail address or an external id of Countersign's, or a list of them
    event.data.custom_details.on_behalf_of the same

PagerDuty's own reference holds a name and no address, so the two of ours are the exact ones. Assignees and responders
are not looked at: they are whom people want to decide. Where ``on_behalf_of`` is one person, the agent may call other
services with that person's authority; for several it acts in nobody's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from audit.statements.terms import MAXIMUM_BARRED, MAXIMUM_PERSON
from workers.incident.alerts.errors import MalformedAlert

RAISED_BY, ON_BEHALF_OF = "raised_by", "on_behalf_of"
_DETAILS = "event.data.custom_details"
_PERSON = "user_reference"
_NAME_CHARACTERS = 200
# An e-mail address, or an external id: local:ada, https://id.example.com#4711.
_WHO = re.compile(r"[^\s@#]+@[^\s@#]+|local:\S+|[^\s#]+#\S+")


def barred_people(event: Mapping[str, object], data: Mapping[str, object]) -> tuple[str, ...]:
    """Return everybody whom the webhook names so, once each. Raises ``MalformedAlert``."""
    found = _agent(event.get("agent"))
    details = data.get("custom_details")
    for field in (RAISED_BY, ON_BEHALF_OF):
        if isinstance(details, dict) and field in details:
            found += _people(details[field], f"{_DETAILS}.{field}")
    people = tuple(dict.fromkeys(found))
    if len(people) > MAXIMUM_BARRED:
        raise MalformedAlert(
            f"{_DETAILS} names {len(people)} people; at most {MAXIMUM_BARRED} can be kept from approving.",
            field=_DETAILS,
        )
    return people


def acted_for(data: Mapping[str, object]) -> str:
    """Return the one person for whom the agent will act, as the webhook names them; empty for none or several.

    Raises ``MalformedAlert``.
    """
    details = data.get("custom_details")
    if not isinstance(details, dict) or ON_BEHALF_OF not in details:
        return ""
    people = _people(details[ON_BEHALF_OF], f"{_DETAILS}.{ON_BEHALF_OF}")
    return people[0] if len(people) == 1 else ""


def _agent(agent: object) -> list[str]:
    if agent is None:
        return []
    if not isinstance(agent, dict) or not isinstance(agent.get("type"), str):
        raise MalformedAlert("event.agent must be null or an object with a type.", field="event.agent")
    if agent["type"] != _PERSON:
        return []
    summary = agent.get("summary")
    name = " ".join(summary.split()) if isinstance(summary, str) else ""
    if not 1 <= len(name) <= _NAME_CHARACTERS or not name.isprintable():
        path = "event.agent.summary"
        raise MalformedAlert(f"{path} must be a name of 1 to {_NAME_CHARACTERS} printable characters.", field=path)
    return [name]


def _people(value: object, path: str) -> list[str]:
    return [_person(person, path) for person in (value if isinstance(value, list) else [value])]


def _person(value: object, path: str) -> str:
    if isinstance(value, str) and len(value) <= MAXIMUM_PERSON and value.isprintable() and _WHO.fullmatch(value):
        return value
    sentence = f"{path} must be an e-mail address or an external id such as local:ada, or a list of them."
    raise MalformedAlert(sentence, field=path)
