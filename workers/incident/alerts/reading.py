"""Reading a PagerDuty v3 webhook: which incident it tells of, or which field is wrong. Pure."""

from __future__ import annotations

import json
import re

from workers.incident.alerts.contracts import Alert, Ignored, Severity
from workers.incident.alerts.errors import MalformedAlert
from workers.incident.alerts.people import acted_for, barred_people

TRIGGERED = "incident.triggered"
_EVENT_TYPE = re.compile(r"[a-z][a-z0-9_.]{0,79}")
_INCIDENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SCENARIO = re.compile(r"[a-z][a-z0-9-]{0,39}")
_TITLE_CHARACTERS = 300

_PRIORITIES = {
    "P1": Severity.CRITICAL,
    "P2": Severity.HIGH,
    "P3": Severity.MEDIUM,
    "P4": Severity.LOW,
    "P5": Severity.LOW,
}
_URGENCIES = {"high": Severity.HIGH, "low": Severity.LOW}


def read_alert(body: bytes) -> Alert | Ignored:
    """Return the incident that ``body`` tells of, or what kind of event it is. Raises ``MalformedAlert``."""
    event = _member(_document(body), "event", "event")
    event_type = _text(event, "event_type", "event.event_type", _EVENT_TYPE, "a type such as incident.triggered")
    if event_type != TRIGGERED:
        return Ignored(event_type)
    data = _member(event, "data", "event.data")
    service = _member(data, "service", "event.data.service")
    return Alert(
        incident_id=_text(data, "id", "event.data.id", _INCIDENT_ID, "1 to 64 letters, digits, - and _"),
        title=_title(data),
        severity=_severity(data),
        service=_text(
            service, "summary", "event.data.service.summary", _SERVICE, "a service's name: letters, digits, . - and _"
        ),
        scenario=_scenario(data),
        barred_people=barred_people(event, data),
        acting_for=acted_for(data),
    )


def _document(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise MalformedAlert("The body is not JSON in UTF-8.") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object, each of whose names stands there once: whoever reads it must not choose between two."""
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise MalformedAlert(f"{name[:80]} stands twice in the same object.", field=name[:80])
        found[name] = value
    return found


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON.")


def _member(value: object, name: str, path: str) -> dict[str, object]:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise MalformedAlert(f"{path} must be an object.", field=path)
    return found


def _text(value: dict[str, object], name: str, path: str, pattern: re.Pattern[str], form: str) -> str:
    found = value.get(name)
    if not isinstance(found, str) or not pattern.fullmatch(found):
        raise MalformedAlert(f"{path} must be {form}.", field=path)
    return found


def _title(data: dict[str, object]) -> str:
    path = "event.data.title"
    title = data.get("title")
    if not isinstance(title, str) or not title.strip() or len(title) > _TITLE_CHARACTERS:
        raise MalformedAlert(f"{path} must be text of 1 to {_TITLE_CHARACTERS} characters.", field=path)
    if "\0" in title or any("\ud800" <= character <= "\udfff" for character in title):
        raise MalformedAlert(f"{path} holds characters that are not text.", field=path)
    return title.strip()


def _severity(data: dict[str, object]) -> Severity:
    """Return the severity of the priority, or of the urgency when no priority was set."""
    if data.get("priority") is not None:
        path = "event.data.priority.summary"
        name = _member(data, "priority", "event.data.priority").get("summary")
        if not isinstance(name, str) or name not in _PRIORITIES:
            raise MalformedAlert(f"{path} must be one of {', '.join(_PRIORITIES)}.", field=path)
        return _PRIORITIES[name]
    urgency = data.get("urgency")
    if not isinstance(urgency, str) or urgency not in _URGENCIES:
        raise MalformedAlert("event.data.urgency must be high or low.", field="event.data.urgency")
    return _URGENCIES[urgency]


def _scenario(data: dict[str, object]) -> str:
    if data.get("custom_details") is None:
        return "incident"
    details = _member(data, "custom_details", "event.data.custom_details")
    if "scenario" not in details:
        return "incident"
    path = "event.data.custom_details.scenario"
    return _text(details, "scenario", path, _SCENARIO, "a name: lower-case letters, digits and -")
