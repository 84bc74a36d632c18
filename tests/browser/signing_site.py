"""The signing elements on a page of their own: real browser, real CSP, no application behind.

The site plays the server, and can lie: a test changes ``signing`` before the page is opened.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from audit.statements.statements import Context, parse
from tests.vectors import parts

STATIC = Path(__file__).resolve().parents[2] / "static"
PERSON = "local:maria"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types countersign"
)
KEYS_PAGE = """
<enrol-key data-external-id="{person}" data-roots="{roots}" data-keys="{keys}" data-revoked="{revoked}"
           data-challenge-url="/keys/challenge/">
  <form method="post" action="/keys/" data-part="form" data-when="none unknown revoked">
    <input type="hidden" name="csrfmiddlewaretoken" value="token"><input name="name" value="Laptop">
    <label><input type="radio" name="strength" value="ordinary" checked>Ordinary</label>
    <label><input type="radio" name="strength" value="strong">Strong</label><p data-part="no-passkeys"></p>
    <button type="submit" disabled>Make this browser's key</button>
  </form>
  <root-change data-when="root-changed" hidden>
    <div data-root-part="old"></div><div data-root-part="new"></div><div data-root-part="kept"></div>
    <form><div data-root-part="questions"></div><div data-root-part="error" role="alert"></div>
      <button type="submit">Believe these roots</button></form>
  </root-change>
  <button type="button" data-action="start-over" data-when="unknown" hidden>Make another key instead</button>
  <p data-part="root"></p><p data-part="key"></p>
  <p data-part="status" role="status"></p><p data-part="error" role="alert"></p>
</enrol-key>"""
REQUEST_PAGE = """
<div id="progress">waiting</div>
<sign-decision data-may-decide="{may_decide}">
  <script id="signing" type="application/json">{signing}</script>
  <signed-arguments data-part="arguments"></signed-arguments>
  <div data-part="problems" role="alert"></div><div data-part="warrant"></div>
  <div data-part="checks"></div><div data-part="gate"></div>
  <div data-part="gate-message">{gate_message}</div>
  <div data-part="reasoning">{reasoning}</div>
  <div data-part="history">{history}</div>
  <form data-part="form" method="post" action="/decision/" data-when="ready sending" hidden>
    <input type="hidden" name="csrfmiddlewaretoken" value="token">
    <p data-part="words"></p><textarea name="reason" aria-label="Reason"></textarea>
    <button type="submit" name="decision" value="approve" disabled>Sign and approve</button>
    <button type="submit" name="decision" value="deny" disabled>Sign and deny</button>
    <details data-part="bytes-details"><summary>Bytes</summary><div data-part="bytes"></div></details>
  </form>
  <p data-part="key"></p><p data-part="status" role="status"></p><div data-part="error" role="alert"></div>
</sign-decision>"""
# What an honest server's page says of ``parts.DISPLAY``, in the words of the application's templates.
GATE_MESSAGE = "<p data-said>Restarting production needs a person.</p>"
REASONING = "<blockquote data-said>The error rate rose after the deploy.\nThe runbook says: restart.</blockquote>"
HISTORY = """<ol>
  <li><span data-said> Allowed </span> <code data-said>read_logs</code></li>
  <li><span data-said>Denied</span> <code data-said>delete_database</code>
    <p data-said>not in the warrant <code>tool_not_authorized</code></p></li>
  <li><span data-said>Stopped at a gate</span> <code data-said>restart_service</code>
    <p data-said> <code>approval_required</code></p></li></ol>"""
ANSWER = '<div id="progress"><img src="x" onerror="document.title = \'ran\'">signed</div>'


class SigningSite:
    """What the site says, and what it was sent."""

    def __init__(self) -> None:
        self.roots = [parts.public("root")]
        self.enrolled: list[bytes] = []
        self.strengths: list[str] = []
        self.revoked: list[bytes] = []
        self.signing: dict[str, Any] = {}
        self.may_decide = True
        self.refusal = ""
        self.said = {"gate_message": GATE_MESSAGE, "reasoning": REASONING, "history": HISTORY}
        self.decisions: list[dict[str, bytes]] = []
        self.address = ""

    def page(self, path: str) -> str:
        if path == "/keys/":
            body = KEYS_PAGE.format(
                person=PERSON,
                roots=",".join(root.hex() for root in self.roots),
                keys=",".join(map(fingerprint, self.enrolled)),
                revoked=",".join(map(fingerprint, self.revoked)),
            )
        else:
            signing = json.dumps(self.signing).replace("<", "\\u003C")
            body = REQUEST_PAGE.format(signing=signing, may_decide=str(self.may_decide).lower(), **self.said)
        scripts = "".join(
            f'<script type="module" src="/static/js/components/{name}.js"></script>'
            for name in ("enrol-key", "sign-decision")
        )
        return f"<!doctype html><html lang=en><head><title>page</title>{scripts}</head><body>{body}</body></html>"

    def take(self, path: str, fields: dict[str, bytes]) -> tuple[int, str, str]:
        """Return status, content type and body of the answer to a form."""
        if path == "/keys/challenge/":
            challenge = base64.b64encode(bytes(32)).decode()
            answer = {"challenge": challenge, "issuer": "local", "subject": "maria", "origin": self.address}
            return 200, "application/json", json.dumps(answer)
        if path == "/keys/":
            envelope = parse(base64.b64decode(fields["envelope"]))
            envelope.verify(Context.ENROLMENT)
            self.enrolled.append(envelope.signer_key)
            self.strengths.append(str(envelope.facts["strength"]))
            return 201, "application/json", "{}"
        if self.refusal:
            return 409, "text/html; charset=utf-8", f"<p>{html.escape(self.refusal)}</p>"
        self.decisions.append(fields)
        return 200, "text/html; charset=utf-8", ANSWER


def fingerprint(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def handler_for(site: SigningSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/static/"):
                file = STATIC / self.path.removeprefix("/static/")
                self.answer(200, "text/javascript; charset=utf-8", file.read_text())
            elif self.path == "/favicon.ico":
                self.answer(404, "text/plain", "")
            else:
                self.answer(200, "text/html; charset=utf-8", site.page(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            form = message_from_bytes(head + body, policy=policy.HTTP)
            fields = {
                str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True).rstrip(b"\r\n")
                for part in form.iter_parts()
            }
            assert self.headers["X-CSRFToken"] == "token"
            self.answer(*site.take(self.path, fields))

        def answer(self, status: int, content_type: str, body: str) -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Security-Policy", CSP)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the tests look at what was sent."""

    return Handler


@contextmanager
def running_site() -> Iterator[SigningSite]:
    site = SigningSite()
    server = ThreadingHTTPServer(("localhost", 0), handler_for(site))
    site.address = f"http://localhost:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()
