"""Webhooks, to a receiver on loopback: what they say, who can tell that they are ours, and whatever it does."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.roles.contracts import Role
from approvals.contracts import Outcome
from approvals.decisions.services import record
from approvals.listed_settings import MalformedSetting
from approvals.models import ApprovalRequest, Notification, NotificationAttempt, StoppedWebhook
from approvals.notify import outbox, outgoing
from approvals.notify.contracts import Answer, Job, Result
from approvals.notify.outgoing import is_allowed
from approvals.notify.webhooks import resting, transport
from approvals.notify.webhooks.checks import check_webhooks
from approvals.notify.webhooks.resting import Resting
from approvals.notify.webhooks.settings import parse
from approvals.requests import services as requests
from tests import people, webhook_receiver
from tests.approvals import factories
from tests.approvals.factories import Approver
from tests.approvals.test_notifying_mail import job as mail_job
from tests.config.source import ROOT, document
from tests.webhook_receiver import DRIP, DROP, ENDLESS, HANG, IN_THE_ADDRESS, SECRET, Receiver, Sent, entry, status

NEW_SECRET = "whsec_" + "bmV3" * 8
LOG = "/notifications/log/"
HOST = "receiver.test"  # no name server knows it


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with webhook_receiver.serving() as running:
        yield running


@pytest.fixture
def receiver(server: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    server.reset()
    set_up(settings, server)
    monkeypatch.setattr(transport, "resting", Resting())
    return server


def set_up(settings: Any, server: Receiver, **changes: Any) -> None:
    settings.WEBHOOKS = json.dumps([server.entry(**changes)])


def claim() -> Job | None:
    Notification.objects.filter(state="waiting").update(due_at=timezone.now())
    return outbox.claim(channel="webhook")


def send_one() -> Answer:
    job = claim()
    assert job is not None
    answer = transport.send(job)
    outbox.answered(job=job, answer=answer)
    return answer


def send_all() -> None:
    while (job := claim()) is not None:
        outbox.answered(job=job, answer=transport.send(job))


def close(asked: ApprovalRequest, state: str) -> None:
    requests.close(outcome=Outcome(asked.pk, state, 1_790_000_000_000))


def approve(approver: Approver, asked: ApprovalRequest) -> None:
    record(person=approver.person, request_id=asked.pk, approval=approver.sign_approval(asked))


def types(server: Receiver) -> list[str]:
    return [json.loads(one.body)["type"] for one in server.sent]


def states() -> dict[str, str]:
    return dict(Notification.objects.filter(channel="webhook").values_list("event", "state"))


def browser(username: str, role: Role, namespace: str = "") -> Client:
    client = Client()
    client.force_login(people.person(username, role, **({"namespace": namespace} if namespace else {})))
    return client


# --- What is told -------------------------------------------------------------------------------


def test_a_receiver_is_told_of_every_step_in_order_even_if_nobody_needs_it_any_more(
    receiver: Receiver, ada: Approver, grace: Approver
) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    approve(ada, asked)
    approve(grace, asked)
    close(asked, "executed")
    send_all()
    assert types(receiver) == ["request.opened", "request.progress", "request.approved", "request.executed"]
    told = json.loads(receiver.sent[1].body)
    assert told["version"] == 1
    data = told["data"]
    assert (data["request_id"], data["tool"], data["state"]) == (asked.pk, "restart_service", "executed")
    assert (data["approvals_given"], data["approvals_needed"]) == (2, 2)
    assert [(one["kind"], one["name"], one["external_id"]) for one in data["decided"]] == [
        ("approve", "Ada", "local:ada"),
        ("approve", "Grace", "local:grace"),
    ]
    assert data["url"] == f"http://localhost:5050/approvals/{asked.pk}/"
    assert datetime.fromisoformat(data["expires_at"]) == asked.expires_at.replace(microsecond=0)
    assert set(data) == {
        "event", "request_id", "namespace", "tool", "agent", "service", "severity", "state", "approvals_given",
        "approvals_needed", "decided", "expires_at", "url",
    }  # fmt: skip


def test_a_receiver_is_told_of_its_events_and_namespaces_alone(
    receiver: Receiver, settings: Any, ada: Approver
) -> None:
    namespace = factories.open_request(ada).namespace
    settings.WEBHOOKS = json.dumps(
        [
            entry(receiver.url, name="ends", events=["withdrawn"], namespaces=[namespace]),
            entry(receiver.url, name="elsewhere", namespaces=["billing"]),
        ]
    )
    asked = factories.open_request(ada)
    requests.withdraw(request_id=asked.pk, reason="Done.")
    told = Notification.objects.filter(approval_request=asked).values_list("event", "recipient")
    assert list(told) == [("withdrawn", "webhook:ends")]
    send_all()
    assert types(receiver)[-1] == "request.withdrawn"


def test_people_are_not_told_by_webhook_and_are_not_offered_it(receiver: Receiver, ada: Approver) -> None:
    factories.open_request(ada)
    assert set(Notification.objects.values_list("person", "place")) == {(None, "board")}
    client = Client()
    client.force_login(ada.person)
    assert "channel-webhook" not in client.get("/notifications/").content.decode()


# --- Whether it is ours -------------------------------------------------------------------------


def documented(language: str, opening: str) -> str:
    """Return the code in ``docs/webhooks.md`` that receivers copy."""
    blocks = re.findall(rf"```{language}\n(.*?)```", document("webhooks.md"), re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(opening)]
    return str(found)


def by_python(sent: Sent, secret: str) -> bool:
    names: dict[str, Any] = {}
    exec(documented("python", "import base64"), names)  # our own document
    return bool(names["is_ours"](sent.headers, sent.body, secret))


def by_node(sent: Sent, secret: str) -> bool:
    asked = json.dumps([sent.headers, sent.body.decode(), secret])
    code = f"{documented('js', 'const crypto')}\nconsole.log(isOurs(...{asked}))"
    node = ROOT / ".venv/nodejs/bin/node"
    found = subprocess.run([node, "-e", code], capture_output=True, text=True, check=True, timeout=30)
    return {"true": True, "false": False}[found.stdout.strip()]


def test_what_the_documents_check_is_what_is_signed_with_both_secrets(
    receiver: Receiver, settings: Any, ada: Approver
) -> None:
    set_up(settings, receiver, secrets=[SECRET, NEW_SECRET])
    factories.open_request(ada)
    send_all()
    (sent,) = receiver.sent
    forged = Sent(sent.path, sent.headers, sent.body.replace(b"opened", b"denied"))
    old = Sent(sent.path, {**sent.headers, "webhook-timestamp": str(int(time.time()) - 900)}, sent.body)
    renamed = Sent(sent.path, {**sent.headers, "webhook-id": "msg_other"}, sent.body)
    for check in (by_python, by_node):
        assert check(sent, SECRET)
        assert check(sent, NEW_SECRET)
    assert not by_node(sent, "whsec_" + "b3RoZXI=" * 4)
    for other in (forged, old, renamed):
        assert not by_python(other, SECRET)
    assert not by_node(forged, SECRET)


def test_the_id_stays_however_often_it_is_sent_and_is_no_others(receiver: Receiver, ada: Approver) -> None:
    receiver.answers.extend([status(500), DROP])
    for _ in range(2):
        factories.open_request(ada)
    for _ in range(4):
        transport.resting.answered("board")
        send_one()
    ids = [one.headers["webhook-id"] for one in receiver.sent]
    assert (len(ids), len(set(ids))) == (4, 2)
    assert set(states().values()) == {"sent"}


# --- Whatever the receiver does -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "result", "state"),
    [
        (status(200), Result.SENT, "sent"),
        (ENDLESS, Result.SENT, "sent"),
        (status(302, "location: http://127.0.0.1/elsewhere"), Result.PERMANENT, "failed"),
        (status(400), Result.PERMANENT, "failed"),
        (status(404), Result.PERMANENT, "failed"),
        (status(429), Result.TEMPORARY, "waiting"),
        (status(500), Result.TEMPORARY, "waiting"),
        (status(503), Result.TEMPORARY, "waiting"),
        (b"SSH-2.0-other\r\n", Result.UNANSWERED, "waiting"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 1_000_000, Result.UNANSWERED, "waiting"),
        (DROP, Result.UNANSWERED, "waiting"),
        (HANG, Result.UNANSWERED, "waiting"),
        (DRIP, Result.UNANSWERED, "waiting"),
    ],
)
def test_each_answer_has_its_consequence_within_bounded_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, ada: Approver, answer: bytes, result: Result, state: str
) -> None:
    if answer in (HANG, DRIP, ENDLESS):
        monkeypatch.setattr(outgoing, "SECONDS", 1.5)
    receiver.answers.append(answer)
    factories.open_request(ada)
    begun = time.monotonic()
    said = send_one()
    assert time.monotonic() - begun < 8
    assert (said.result, states()) == (result, {"opened": state})
    assert len(receiver.sent) == 1, "nothing is followed or repeated at once"
    (tried,) = NotificationAttempt.objects.all()
    for secret in (IN_THE_ADDRESS, SECRET, "127.0.0.1"):
        assert secret not in f"{tried.answer}{tried.address}"


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_busy_receiver_is_left_alone_for_as_long_as_it_asks(
    receiver: Receiver, ada: Approver, code: int, form: str
) -> None:
    later = "600" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=600))
    receiver.answers.append(status(code, f"retry-after: {later}"))
    factories.open_request(ada)
    send_one()
    waits = Notification.objects.get().due_at - timezone.now()
    assert timedelta(seconds=580) < waits <= timedelta(seconds=600)
    assert send_one().text == "Not sent: the receiver failed a moment ago."
    assert len(receiver.sent) == 1


def test_a_receiver_in_trouble_holds_up_no_other(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch, ada: Approver
) -> None:
    monkeypatch.setattr(resting, "FIRST_SECONDS", 100.0)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings.WEBHOOKS = json.dumps([entry(f"http://127.0.0.1:{port}/", name="away"), entry(receiver.url)])
    for _ in range(3):
        factories.open_request(ada)
    answers = []
    while (job := outbox.claim(channel="webhook")) is not None:
        answers.append(transport.send(job))
        outbox.answered(job=job, answer=answers[-1])
    assert len(receiver.sent) == 3
    reached = [one.text for one in answers if one.text.startswith("The receiver cannot be reached")]
    assert len(reached) == 1, "the others were not tried"


def test_a_receiver_that_is_gone_gets_nothing_until_it_takes_a_test(receiver: Receiver, ada: Approver) -> None:
    receiver.answers.append(status(410))
    first, second = factories.open_request(ada), factories.open_request(ada)
    assert [send_one().result for _ in range(2)] == [Result.PERMANENT, Result.PERMANENT]
    assert len(receiver.sent) == 1
    requests.withdraw(request_id=first.pk, reason="Done.")
    assert states() == {"opened": "failed"}
    auditor = browser("audit", Role.AUDITOR)
    assert "Gone since" in auditor.get(LOG).content.decode()
    receiver.answers.append(status(500))
    auditor.post("/notifications/webhooks/board/test/")
    assert StoppedWebhook.objects.exists()
    auditor.post("/notifications/webhooks/board/test/")
    assert "Gone since" not in auditor.get(LOG).content.decode()
    requests.withdraw(request_id=second.pk, reason="Done.")
    send_all()
    assert types(receiver) == ["request.opened", "test", "test", "request.withdrawn"]


# --- Where it goes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "usually", "with_private"),
    [
        ("93.184.215.14", True, True),
        ("2606:2800:21f::1", True, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("10.0.0.1", False, True),
        ("172.16.0.1", False, True),
        ("192.168.1.1", False, True),
        ("100.64.0.1", False, True),
        ("fd12::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("::ffff:169.254.169.254", False, False),
        ("169.254.169.254", False, False),
        ("169.254.1.1", False, False),
        ("fe80::1%1", False, False),
        ("fd00:ec2::254", False, False),
        ("168.63.129.16", False, False),
        ("100.100.100.200", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("255.255.255.255", False, False),
        ("64:ff9b::7f00:1", False, False),
        ("2002:7f00:1::", False, False),
    ],
)
def test_addresses_inside_are_allowed_for_those_who_say_so_and_metadata_for_nobody(
    address: str, usually: bool, with_private: bool
) -> None:
    assert is_allowed(address, allow_private=False) is usually
    assert is_allowed(address, allow_private=True) is with_private


@pytest.mark.either_database
@pytest.mark.django_db
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
def test_a_host_with_an_address_inside_is_not_connected_to(receiver: Receiver, settings: Any, host: str) -> None:
    set_up(settings, receiver, url=f"http://{host}:{receiver.port}/", allow_private=False)
    assert transport.send(hook_job()).result is Result.PERMANENT
    assert receiver.sent == []


@pytest.mark.either_database
@pytest.mark.django_db
def test_one_address_inside_among_others_is_enough_to_refuse(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(settings, receiver, url=f"http://{HOST}:{receiver.port}/", allow_private=False)
    monkeypatch.setattr(outgoing, "look_up", lambda *_: ["93.184.215.14", "127.0.0.1"])
    assert transport.send(hook_job()).result is Result.PERMANENT
    assert receiver.sent == []


@pytest.mark.either_database
@pytest.mark.django_db
def test_what_was_looked_up_once_is_what_is_connected_to(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = []

    def look_up(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.9", "127.0.0.1"]  # nobody listens at the first

    monkeypatch.setattr(outgoing, "look_up", look_up)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
    set_up(settings, receiver, url=f"http://{HOST}:{receiver.port}/hook")
    assert transport.send(hook_job()).result is Result.SENT
    assert looked_up == [HOST]
    assert receiver.sent[0].headers["host"] == f"{HOST}:{receiver.port}"


@pytest.mark.either_database
@pytest.mark.django_db
def test_an_unknown_host_is_tried_again(receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, port: int) -> list[str]:
        raise socket.gaierror

    monkeypatch.setattr(outgoing, "look_up", look_up)
    set_up(settings, receiver, url=f"https://{HOST}/")
    assert transport.send(hook_job()).result is Result.TEMPORARY


@pytest.mark.either_database
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("certified", "is_trusted", "result"),
    [(HOST, True, Result.SENT), ("other.test", True, Result.TEMPORARY), (HOST, False, Result.TEMPORARY)],
)
def test_the_certificate_must_be_the_hosts_though_an_address_is_connected_to(
    receiver: Receiver,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    certified: str,
    is_trusted: bool,
    result: Result,
) -> None:
    certificate = webhook_receiver.make_certificate(tmp_path / "own.pem", certified)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(outgoing, "look_up", lambda *_: ["127.0.0.1"])
    with webhook_receiver.serving(certificate) as secure:
        set_up(settings, secure, url=f"https://{HOST}:{secure.port}/", allow_http=False)
        answer = transport.send(hook_job())
        assert (answer.result, len(secure.sent)) == (result, result is Result.SENT)
        assert ("does not verify" in answer.text) == (result is not Result.SENT)


def hook_job() -> Job:
    return mail_job(channel="webhook", recipient="webhook:board", address="board", person_id=None)


# --- Operators ----------------------------------------------------------------------------------


def test_what_failed_for_good_is_seen_and_sent_again_with_its_id(receiver: Receiver, ada: Approver) -> None:
    receiver.answers.append(status(403))
    asked = factories.open_request(ada)
    send_one()
    admin = browser("sam", Role.SECURITY_ADMINISTRATOR)
    page = admin.get(LOG).content.decode()
    assert "The receiver refused it (403)." in page
    assert "1 failed for good" in page
    assert IN_THE_ADDRESS not in page
    again = f"/notifications/webhooks/deliveries/{Notification.objects.get().pk}/"
    assert again in page
    assert admin.get(again).status_code == 405
    requests.withdraw(request_id=asked.pk, reason="Done.")
    assert admin.post(again).status_code == 302
    assert admin.post(again).status_code == 404, "it waits"
    send_all()
    assert types(receiver) == ["request.opened", "request.opened", "request.withdrawn"]
    assert receiver.sent[0].headers["webhook-id"] == receiver.sent[1].headers["webhook-id"]
    assert set(states().values()) == {"sent"}


def test_an_overseer_of_another_namespace_sees_tests_and_sends_nothing(
    receiver: Receiver, settings: Any, ada: Approver
) -> None:
    receiver.answers.append(status(403))
    factories.open_request(ada)
    send_one()
    client = browser("elsewhere", Role.AUDITOR, "billing")
    assert "restart_service" not in client.get(LOG).content.decode()
    again = f"/notifications/webhooks/deliveries/{Notification.objects.get().pk}/"
    assert client.post(again).status_code == 404
    assert client.post("/notifications/webhooks/board/test/").status_code == 404
    set_up(settings, receiver, namespaces=["billing"])
    assert client.post("/notifications/webhooks/board/test/").status_code == 302
    assert types(receiver) == ["request.opened", "test"]


@pytest.mark.either_database
@pytest.mark.django_db
def test_the_command_says_what_the_receiver_answered(receiver: Receiver) -> None:
    output = StringIO()
    call_command("test_webhook", "board", stdout=output)
    assert output.getvalue() == "Taken: 204.\n"
    receiver.answers.append(status(401))
    with pytest.raises(CommandError, match="refused it"):
        call_command("test_webhook", "board")
    with pytest.raises(CommandError, match="no receiver pager; it has: board"):
        call_command("test_webhook", "pager")
    assert by_python(receiver.sent[0], SECRET)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{", "JSON list"),
        ("[" * 100_000, "JSON list"),
        ({"name": "board"}, "JSON list"),
        (["board"], "receiver 1: name"),
        ([entry("https://a.example/", name="Board!")], "receiver 1: name"),
        ([entry("https://a.example/", name=7)], "receiver 1: name"),
        ([entry("https://a.example/"), entry("https://b.example/")], "same name"),
        ([entry("http://a.example/", allow_http=False)], "board: url"),
        ([entry("https://me:word@a.example/")], "board: url"),
        ([entry("ftp://a.example/")], "board: url"),
        ([entry("https://[::1/")], "board: url"),
        ([entry("https://a.example:99999/")], "board: url"),
        ([entry("https://a.example/\n")], "board: url"),
        ([entry("https://a.example/", url=None)], "board: url"),
        ([entry("https://a.example/", secrets=[])], "board: secrets"),
        ([entry("https://a.example/", secrets=SECRET)], "board: secrets"),
        ([entry("https://a.example/", secrets=["whsec_c2hvcnQ="])], "board: secrets"),
        ([entry("https://a.example/", secrets=["whsec_*"])], "board: secrets"),
        ([entry("https://a.example/", secrets=[SECRET] * 3)], "board: secrets"),
        ([entry("https://a.example/", events=["eaten"])], "board: events"),
        ([entry("https://a.example/", events=[["opened"]])], "board: events"),
        ([entry("https://a.example/", namespaces="payments")], "board: namespaces"),
        ([entry("https://a.example/", allow_private="yes")], "board: allow_private"),
        ([entry("https://a.example/", secret=SECRET)], "board: secret is unknown"),
    ],
)
def test_what_cannot_be_read_stops_every_command_and_is_not_quoted(settings: Any, value: Any, said: str) -> None:
    settings.WEBHOOKS = value if isinstance(value, str) else json.dumps(value)
    (problem,) = check_webhooks()
    assert said in problem.msg
    for secret in (SECRET, "a.example", "word"):
        assert secret not in problem.msg
    with pytest.raises(MalformedSetting):
        parse(settings.WEBHOOKS)


def test_a_receiver_shows_neither_its_address_nor_its_secrets(settings: Any) -> None:
    (read,) = parse(json.dumps([entry("https://a.example/token")]))
    assert "a.example" not in repr(read)
    assert "secrets" not in repr(read)
