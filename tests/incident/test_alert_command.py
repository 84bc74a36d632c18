"""``manage.py alert`` against a receiver on loopback, and the receiver's own manners without Temporal."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from workers.incident.alerts import reading, signatures

EXAMPLE = Path(reading.__file__).parent / "examples" / "injection.json"


@dataclass
class Receiver:
    status: int = 202
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            received.signed.append(self.headers[signatures.HEADER])
            self.send_response(received.status)
            self.end_headers()
            self.wfile.write(b'{"message": "Told."}')

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a test reads what was received."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}/hooks/alerts/"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield received
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_file_is_sent_as_it_is_and_signed(receiver: Receiver, settings: Settings) -> None:
    output = StringIO()
    call_command("alert", str(EXAMPLE), "--url", receiver.url, stdout=output)
    assert receiver.bodies == [EXAMPLE.read_bytes()]
    signatures.check(receiver.bodies[0], receiver.signed[0], settings.ALERT_WEBHOOK_SECRETS)
    assert "Told." in output.getvalue()


def test_it_can_be_told_as_another_incident(receiver: Receiver, settings: Settings) -> None:
    call_command("alert", str(EXAMPLE), "--url", receiver.url, "--id", "P7", stdout=StringIO())
    assert json.loads(receiver.bodies[0])["event"]["data"]["id"] == "P7"
    signatures.check(receiver.bodies[0], receiver.signed[0], settings.ALERT_WEBHOOK_SECRETS)


def test_it_can_be_told_who_raised_it_and_for_whom_the_agent_acts(receiver: Receiver, settings: Settings) -> None:
    people = ["--raised-by", "local:ada", "--raised-by", "ada@example.com", "--on-behalf-of", "local:grace"]
    call_command("alert", str(EXAMPLE), "--url", receiver.url, *people, stdout=StringIO())
    details = json.loads(receiver.bodies[0])["event"]["data"]["custom_details"]
    assert details == {
        "scenario": "injection", "raised_by": ["local:ada", "ada@example.com"], "on_behalf_of": ["local:grace"],
    }  # fmt: skip
    signatures.check(receiver.bodies[0], receiver.signed[0], settings.ALERT_WEBHOOK_SECRETS)


def test_a_refusal_is_told_with_its_words(receiver: Receiver) -> None:
    receiver.status = 409
    with pytest.raises(CommandError, match=r"answered 409: .*Told"):
        call_command("alert", str(EXAMPLE), "--url", receiver.url)


def test_what_cannot_be_sent_is_said(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(CommandError, match="cannot be reached"):
        call_command("alert", str(EXAMPLE), "--url", "http://127.0.0.1:9/hooks/alerts/")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("alert", str(tmp_path / "gone.json"))
    (tmp_path / "empty.json").write_text("[]")
    with pytest.raises(CommandError, match="holds no webhook"):
        call_command("alert", str(tmp_path / "empty.json"), "--id", "P7")
    with pytest.raises(CommandError, match="leave out --on-behalf-of"):
        call_command("alert", str(tmp_path / "empty.json"), "--on-behalf-of", "local:ada")
    (tmp_path / "text.json").write_text('{"event": {"data": {"custom_details": "x"}}}')
    with pytest.raises(CommandError, match="leave out --raised-by"):
        call_command("alert", str(tmp_path / "text.json"), "--raised-by", "local:ada")
    settings.ALERT_WEBHOOK_SECRETS = []
    with pytest.raises(CommandError, match="Set ALERT_WEBHOOK_SECRETS"):
        call_command("alert", str(EXAMPLE))


def test_a_browser_s_csrf_check_does_not_apply_to_webhooks() -> None:
    response = Client(enforce_csrf_checks=True).post("/hooks/alerts/", b"{}", content_type="application/json")
    assert response.status_code == 401
