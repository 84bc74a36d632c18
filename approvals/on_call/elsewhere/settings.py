"""The schedules kept elsewhere, from the setting ``ON_CALL_SCHEDULES``. Their secrets are nowhere else."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from django.conf import settings

from approvals.listed_settings import Item, items
from approvals.on_call.elsewhere.contracts import Kind, Schedule
from approvals.time_zones import is_time_zone

# Where the services are. PagerDuty: https://developer.pagerduty.com/docs/rest-api-overview (service regions);
# Opsgenie: https://docs.opsgenie.com/docs/api-overview (domains).
ROOTS = {
    Kind.PAGERDUTY: {"us": "https://api.pagerduty.com", "eu": "https://api.eu.pagerduty.com"},
    Kind.OPSGENIE: {"us": "https://api.opsgenie.com", "eu": "https://api.eu.opsgenie.com"},
}
_FIELDS = {"name", "kind", "id", "token", "region", "url", "time_zone", "namespaces", "allow_private", "allow_http"}
_NOT_OF = {
    Kind.ICAL: {"id", "token", "region"},
    Kind.PAGERDUTY: {"time_zone"},
    Kind.OPSGENIE: {"time_zone"},
}
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_TOKEN = re.compile(r"[!-~]{1,1024}")


def schedules() -> dict[str, Schedule]:
    """Return the schedules by name. Raises ``MalformedSetting``."""
    return {one.name: one for one in parse(settings.ON_CALL_SCHEDULES)}


@lru_cache(maxsize=4)
def parse(text: str) -> tuple[Schedule, ...]:
    """Return the schedules in ``text``: a JSON list of objects, or empty. Raises ``MalformedSetting``."""
    return tuple(map(_schedule, items("ON_CALL_SCHEDULES", text, thing="schedule", fields=_FIELDS)))


def _schedule(item: Item) -> Schedule:
    kind = item.text("kind")
    if kind not in list(Kind):
        item.refuse("kind", f"must be one of {', '.join(Kind)}")
    for key in sorted(item.values.keys() & _NOT_OF[Kind(kind)]):
        item.refuse(key, f"is nothing that {kind} has")
    return replace(
        _calendar(item) if kind == Kind.ICAL else _service(item, Kind(kind)),
        allow_private=item.flag("allow_private"),
        namespaces=frozenset(item.words("namespaces")),
    )


def _service(item: Item, kind: Kind) -> Schedule:
    return Schedule(
        name=item.name,
        kind=kind,
        url=_root(item, kind),
        id=_matching(item, "id", _ID, "must be the schedule's id, as in its address: letters, digits and hyphens"),
        token=_matching(item, "token", _TOKEN, "must be the API's key, in ASCII"),
    )


def _calendar(item: Item) -> Schedule:
    # ``webcal`` is what calendar programs call https.
    url = item.values.get("url")
    if isinstance(url, str) and url.startswith("webcal://"):
        item = replace(item, values={**item.values, "url": f"https://{url.removeprefix('webcal://')}"})
    return Schedule(item.name, Kind.ICAL, item.url("url", allow_http=item.flag("allow_http")), time_zone=_zone(item))


def _root(item: Item, kind: Kind) -> str:
    region = item.text("region", "us")
    if region not in ROOTS[kind]:
        item.refuse("region", f"must be one of {', '.join(ROOTS[kind])}")
    if "url" not in item.values:
        return ROOTS[kind][region]
    return item.url("url", allow_http=item.flag("allow_http")).rstrip("/")


def _zone(item: Item) -> str:
    name = item.text("time_zone", "UTC")
    if not is_time_zone(name):
        item.refuse("time_zone", "must be a time zone as IANA names it, such as Europe/Berlin")
    return name


def _matching(item: Item, key: str, pattern: re.Pattern[str], what: str) -> str:
    value = item.text(key)
    if not pattern.fullmatch(value):
        item.refuse(key, what)
    return value
