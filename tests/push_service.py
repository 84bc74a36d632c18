"""A push service on loopback: checks VAPID (RFC 8292), decrypts as a browser does (RFC 8291), fails as it is told to.

Nothing here is the library's that sends: what both get wrong would look right.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HANG, DROP, DRIP = "hang", "drop", "drip"


def text_of(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Subscribed:
    """A browser's side of one subscription."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint, self.secret = endpoint, os.urandom(16)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def fields(self) -> dict[str, str]:
        return {"endpoint": self.endpoint, "p256dh": text_of(self.point), "auth": text_of(self.secret)}

    def decrypt(self, body: bytes) -> dict[str, Any]:
        salt, (size, length) = body[:16], struct.unpack("!LB", body[16:21])
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(body) <= 4096, "more than push services take"
        assert len(sealed) <= size
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = self.key.exchange(ec.ECDH(), theirs)
        material = _derived(self.secret, shared, b"WebPush: info\0" + self.point + sender, 32)
        key = _derived(salt, material, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _derived(salt, material, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain[-1:] == b"\x02", "the last record says that it is"
        found = json.loads(plain[:-1])
        assert isinstance(found, dict)
        return found


def _derived(salt: bytes, material: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(material)


@dataclass
class Pushed:
    """One message that was taken: what the browser reads of it, and what its push service does."""

    browser: str
    shown: dict[str, Any]
    headers: dict[str, str]


@dataclass
class PushService:
    """``answers``: by browser, what is answered instead, each once: a status, a status with headers, or a fault."""

    port: int = 0
    # The installation's public key, else that of whoever is the first to send: another's messages are refused.
    server_key: bytes = b""
    browsers: dict[str, Subscribed] = field(default_factory=dict)
    answers: dict[str, list[Any]] = field(default_factory=dict)
    taken: list[Pushed] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    # Called when a message was taken, before that is answered.
    on_taken: Callable[[], None] = lambda: None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def browser(self, name: str) -> Subscribed:
        made = self.browsers[name] = Subscribed(f"{self.origin}/push/{name}")
        return made

    def reset(self) -> None:
        for kept in (self.browsers, self.answers, self.taken, self.asked):
            kept.clear()

    def status(self, name: str, headers: dict[str, str], body: bytes) -> int:
        """Return what a push service answers to a message as it is."""
        if name not in self.browsers:
            return 410
        scheme, _, rest = headers["authorization"].partition(" ")
        given = dict(part.strip().split("=", 1) for part in rest.split(","))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes_of(given["k"]))
        claims = jwt.decode(given["t"], key, algorithms=["ES256"], audience="http://127.0.0.1")
        assert scheme == "vapid"
        assert claims["sub"].startswith("mailto:")
        assert claims["exp"] <= time.time() + 24 * 3600
        self.server_key = self.server_key or bytes_of(given["k"])
        if bytes_of(given["k"]) != self.server_key:
            return 403
        assert headers["content-encoding"] == "aes128gcm"
        self.taken.append(Pushed(name, self.browsers[name].decrypt(body), headers))
        self.on_taken()
        return 201


@contextmanager
def serving() -> Iterator[PushService]:
    service = PushService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            name = self.path.rpartition("/")[2]
            service.asked.append(name)
            due = service.answers.get(name)
            answer = due.pop(0) if due else None
            if answer is None:
                answer = service.status(name, {key.lower(): value for key, value in self.headers.items()}, body)
            with suppress(OSError):
                self.answer(answer)

        def answer(self, answer: Any) -> None:
            if answer == HANG:
                service.released.wait(30)
                return
            if answer == DRIP:
                while not service.released.wait(0.05):
                    self.wfile.write(b"H")
                return
            if answer == DROP:
                return
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(status)
            for key, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(key, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
