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
