"""A server on loopback that keeps what it is sent, and answers as told, or not at all: a receiver of webhooks."""

from __future__ import annotations

import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
HANG, DRIP, DROP, ENDLESS = b"hang", b"drip", b"drop", b"endless"
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
IN_THE_ADDRESS = "Vb3kq8Jt2mXw5Zr7"


def status(code: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {code} Said", "content-length: 0", *headers, "", ""]).encode()


def entry(address: str, **changes: Any) -> dict[str, Any]:
    """Return an item of ``WEBHOOKS``."""
    usual = {"name": "board", "url": address, "secrets": [SECRET], "allow_private": True, "allow_http": True}
    return {**usual, **changes}


@dataclass(frozen=True)
class Sent:
    path: str
    headers: dict[str, str]  # names in small letters
    body: bytes


@dataclass
class Receiver:
    """``answers`` are given in order, then what ``speaks`` says; without, everything is taken."""

    port: int
    scheme: str
    sent: list[Sent] = field(default_factory=list)
    answers: deque[bytes] = field(default_factory=deque)
    released: Event = field(default_factory=Event)
    speaks: Callable[[Sent], bytes] | None = None
    # Called when something was taken, before that is answered.
    on_taken: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook?token={IN_THE_ADDRESS}"

    def entry(self, **changes: Any) -> dict[str, Any]:
        """Return what ``WEBHOOKS`` says of it."""
        return entry(self.url, **changes)

    def answer(self) -> bytes:
        if self.answers:
            return self.answers.popleft()
        return self.speaks(self.sent[-1]) if self.speaks else TAKEN

    def reset(self) -> None:
        """Forget everything, and let go of those that hang."""
        self.released.set()
        self.sent.clear()
        self.answers.clear()
        self.speaks = None
        self.released = Event()


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Receiver]:
    """Serve on a free port; over TLS with the key and certificate in the file ``certificate``."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self._answer(receiver.released)

        def _answer(self, released: Event) -> None:
            if context:
                self.request = context.wrap_socket(self.request, server_side=True)
                self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
            path = self.rfile.readline().decode().split(" ")[1]
            headers = {}
            while line := self.rfile.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            receiver.sent.append(Sent(path, headers, self.rfile.read(int(headers.get("content-length", "0")))))
            receiver.on_taken()
            answer = receiver.answer()
            if answer == HANG:
                released.wait()
            elif answer == DRIP:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
                while not released.wait(0.05):
                    self.wfile.write(b"x")
            elif answer == ENDLESS:
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n")
                while not released.is_set():
                    self.wfile.write(b"x" * 65536)
            elif answer != DROP:
                self.wfile.write(answer)

    class Server(ThreadingTCPServer):
        daemon_threads = True
        address_family = socket.AF_INET

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(server.server_address[1], "https" if certificate else "http")
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield receiver
        finally:
            receiver.released.set()
            server.shutdown()


def make_certificate(path: Path, *names: str) -> Path:
    """Write a key and its own certificate for the hosts ``names`` to ``path``; return it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return path
