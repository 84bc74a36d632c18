"""Which conversation is the same as a recorded one. Pure.

Two conversations are the same if the alert, the calls and their outcomes are, whatever the times and
ids in them. Of a call that did not succeed only the kind of outcome counts: a person's reason for a
denial is different every time, and the story goes on the same way.
"""

from __future__ import annotations

import hashlib
import json
import re

from workers.incident.contracts import ModelRequest, OutcomeKind, Step

_TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_IDS = re.compile(r"\b(?:[a-z]{2,8}_)*(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,})\b")


def digest_of(request: ModelRequest) -> str:
    """Return the conversation's digest: 32 hexadecimal digits."""
    brief = request.brief
    conversation = [
        [brief.title, brief.severity, brief.service],
        *([step.tool, _arguments(step), step.outcome, _result(step)] for step in request.steps),
    ]
    text = json.dumps(conversation, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(_timeless(text, brief.incident_id).encode()).hexdigest()[:32]


def outline_of(request: ModelRequest) -> list[str]:
    """Return the conversation in words, for people who read a cassette or an error."""
    return ["the alert", *(f"{step.tool} {step.outcome}" for step in request.steps)]


def _arguments(step: Step) -> object:
    # Compared as values: the order of an object's keys says nothing.
    return json.dumps(json.loads(step.arguments_json), sort_keys=True)


def _result(step: Step) -> str:
    return step.text if step.outcome == OutcomeKind.OK else ""


def _timeless(text: str, incident_id: str) -> str:
    return _IDS.sub("<id>", _TIMES.sub("<time>", text.replace(incident_id, "<incident>")))
