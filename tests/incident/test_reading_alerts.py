"""PagerDuty webhooks: what is read from them, and what is said of those that are wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from workers.incident.alerts import reading, signatures
from workers.incident.alerts.contracts import Alert, Ignored, Severity
from workers.incident.alerts.errors import BadWebhookSignature, MalformedAlert, NoWebhookSecret

EXAMPLES = Path(reading.__file__).parent / "examples"
DELETE = object()


def webhook(path: str = "", value: object = DELETE) -> bytes:
    """Return the example webhook with one member replaced, or deleted."""
    document = json.loads((EXAMPLES / "high-error-rate.json").read_bytes())
    *parents, name = path.split(".")
    holder = document
    for parent in parents:
        holder = holder[parent]
    if value is not DELETE:
        holder[name] = copy.deepcopy(value)
    elif path:
        del holder[name]
    return json.dumps(document).encode()


def test_the_examples_are_alerts() -> None:
    assert reading.read_alert((EXAMPLES / "high-error-rate.json").read_bytes()) == Alert(
        "P1042", "High error rate on payment-service-prod", Severity.HIGH, "payment-service-prod", "incident"
    )
    injected = reading.read_alert((EXAMPLES / "injection.json").read_bytes())
    assert isinstance(injected, Alert)
    assert (injected.service, injected.scenario) == ("checkout-service-prod", "injection")


def told_by(agent: object = None, **details: object) -> Alert | Ignored:
    document = json.loads(webhook("event.agent", agent))
    document["event"]["data"]["custom_details"] = details
    return reading.read_alert(json.dumps(document).encode())


BUTTON = {"id": "PXPGF42", "type": "user_reference", "summary": "Ada  Lovelace", "html_url": None}


@pytest.mark.parametrize(
    ("agent", "details", "people"),
    [
        (None, {}, ()),
        (BUTTON, {}, ("Ada Lovelace",)),
        ({"type": "service_reference", "id": "PF9KMXH", "summary": "payment-service-prod"}, {}, ()),
        (None, {"raised_by": "ada@example.com"}, ("ada@example.com",)),
        (None, {"raised_by": "local:ada"}, ("local:ada",)),
        (None, {"on_behalf_of": ["https://id.example.com#4", "local:ada"]}, ("https://id.example.com#4", "local:ada")),
        (BUTTON, {"raised_by": "local:ada", "on_behalf_of": "local:ada"}, ("Ada Lovelace", "local:ada")),
        (None, {"raised_by": []}, ()),
    ],
)  # fmt: skip
def test_who_raised_an_alert_and_for_whom_the_agent_acts_is_read(
    agent: object, details: dict[str, object], people: tuple[str, ...]
) -> None:
    alert = told_by(agent, **details)
    assert isinstance(alert, Alert)
    assert alert.barred_people == people


def test_whoever_is_called_to_the_incident_did_not_raise_it() -> None:
    alert = reading.read_alert(webhook("event.data.assignees", [BUTTON]))
    assert isinstance(alert, Alert)
    assert alert.barred_people == ()


@pytest.mark.parametrize(
    ("agent", "details", "field"),
    [
        ("Ada", {}, "event.agent"),
        ([], {}, "event.agent"),
        ({"summary": "Ada"}, {}, "event.agent"),
        ({"type": 1}, {}, "event.agent"),
        ({"type": "user_reference"}, {}, "event.agent.summary"),
        ({**BUTTON, "summary": ""}, {}, "event.agent.summary"),
        ({**BUTTON, "summary": ["Ada"]}, {}, "event.agent.summary"),
        ({**BUTTON, "summary": "x" * 201}, {}, "event.agent.summary"),
        ({**BUTTON, "summary": "Ada\u202e"}, {}, "event.agent.summary"),
        *[
            (None, {name: wrong}, f"event.data.custom_details.{name}")
            for name in ("raised_by", "on_behalf_of")
            for wrong in (
                None, "", 4711, {}, True, "ada", "ada lovelace", "a@b@c", "@", "#", "local:", "local:a b", "#4711",
                "ada@example.com\n", "ada\0@example.com", "\ud800@example.com", "x" * 321 + "@example.com",
                ["local:ada", None], [["local:ada"]], ["local:ada", ""],
            )
        ],
        (None, {"raised_by": [f"local:{number}" for number in range(21)]}, "event.data.custom_details"),
    ],
)  # fmt: skip
def test_people_who_cannot_be_read_are_refused_by_field(agent: object, details: dict[str, object], field: str) -> None:
    with pytest.raises(MalformedAlert) as wrong:
        told_by(agent, **details)
    assert wrong.value.field == field
    assert field in wrong.value.sentence


@pytest.mark.parametrize("event_type", ["incident.acknowledged", "incident.resolved", "pagey.ping", "service.updated"])
def test_other_events_are_in_order_and_start_nothing(event_type: str) -> None:
    assert reading.read_alert(webhook("event.event_type", event_type)) == Ignored(event_type)


@pytest.mark.parametrize(
    ("priority", "urgency", "severity"),
    [
        ("P1", "low", Severity.CRITICAL),
        ("P2", "low", Severity.HIGH),
        ("P3", "high", Severity.MEDIUM),
        ("P5", "high", Severity.LOW),
        (None, "high", Severity.HIGH),
        (None, "low", Severity.LOW),
    ],
)
def test_priority_decides_the_severity_and_urgency_stands_in(
    priority: str | None, urgency: str, severity: Severity
) -> None:
    document = json.loads(webhook("event.data.urgency", urgency))
    document["event"]["data"]["priority"] = {"summary": priority} if priority else None
    alert = reading.read_alert(json.dumps(document).encode())
    assert isinstance(alert, Alert)
    assert alert.severity == severity


WRONG: list[tuple[str, object]] = [
    ("event", DELETE),
    ("event", []),
    ("event.event_type", DELETE),
    ("event.event_type", 5),
    ("event.event_type", "Incident Triggered"),
    ("event.event_type", "x" * 1000),
    ("event.data", DELETE),
    ("event.data", "text"),
    ("event.data.id", DELETE),
    ("event.data.id", ""),
    ("event.data.id", 1042),
    ("event.data.id", "../../etc"),
    ("event.data.id", "P1042\n"),
    ("event.data.id", "P" * 65),
    ("event.data.id", "Р1042"),
    ("event.data.title", DELETE),
    ("event.data.title", "  "),
    ("event.data.title", ["title"]),
    ("event.data.title", "x" * 301),
    ("event.data.title", "a\0b"),
    ("event.data.title", "\ud800"),
    ("event.data.service", None),
    ("event.data.service", "payment"),
    ("event.data.service.summary", DELETE),
    ("event.data.service.summary", "payment service"),
    ("event.data.service.summary", "<script>"),
    ("event.data.priority", "P1"),
    ("event.data.priority.summary", "SEV-1"),
    ("event.data.priority.summary", ["P1"]),
    ("event.data.custom_details", "x"),
    ("event.data.custom_details.scenario", "../cassette"),
    ("event.data.custom_details.scenario", None),
    ("event.data.custom_details.scenario", 1),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_a_wrong_field_is_named(path: str, value: object) -> None:
    with pytest.raises(MalformedAlert) as wrong:
        reading.read_alert(webhook(path, value))
    assert wrong.value.field == path
    assert path in wrong.value.sentence


@pytest.mark.parametrize("urgency", [None, "HIGH", "critical", 1, ["high"]])
def test_an_urgency_is_needed_when_there_is_no_priority(urgency: object) -> None:
    document = json.loads(webhook("event.data.urgency", urgency))
    del document["event"]["data"]["priority"]
    with pytest.raises(MalformedAlert) as wrong:
        reading.read_alert(json.dumps(document).encode())
    assert wrong.value.field == "event.data.urgency"


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"\xff", b"[" * 100_000, b"9" * 5000, b'"event"'])
def test_what_is_no_webhook_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAlert):
        reading.read_alert(body)


def test_any_of_the_signatures_may_fit_any_of_the_secrets() -> None:
    both = f"{signatures.sign(b'body', 'old')},{signatures.sign(b'body', 'new')}"
    signatures.check(b"body", both, ["new"])
    signatures.check(b"body", signatures.sign(b"body", "old"), ["new", "old"])
    signatures.check(b"body", f" {signatures.sign(b'body', 'new')} ", ["new"])


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1=",
        "v1=" + "0" * 64,
        signatures.sign(b"body", "other"),
        signatures.sign(b"other body", "secret"),
        signatures.sign(b"body", "secret").removeprefix("v1="),
        signatures.sign(b"body", "secret").replace("v1", "v0"),
        signatures.sign(b"body", "secret")[:-1],
        "v1=é",
        "," * 10_000,
        ",".join(["v1=0"] * 10 + [signatures.sign(b"body", "secret")]),
    ],
)
def test_a_signature_that_does_not_fit_is_refused(header: str) -> None:
    with pytest.raises(BadWebhookSignature):
        signatures.check(b"body", header, ["secret"])


def test_without_a_secret_nothing_is_taken() -> None:
    with pytest.raises(NoWebhookSecret):
        signatures.check(b"body", signatures.sign(b"body", ""), [])
