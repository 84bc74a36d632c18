"""Promise 6: the gateway's certificate and its issuer's keys are rotated while workers poll and callers call.

``make rotation`` does the same for longer.
"""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.x509 import load_pem_x509_certificate
from cryptography.x509.oid import NameOID
from temporalio import activity
from temporalio.api.workflowservice.v1 import CountWorkflowExecutionsRequest
from temporalio.client import Client
from temporalio.service import TLSConfig
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.gateway.greeting import Greeting
from tests.gateway.issuing import AUDIENCE, ISSUER, Authority, Issuer
from tests.gateway.servers import Calls, calling
from tests.turning import RUNS
from tests.workers.processes import BASE, free_port, lines_until, stop
from workers.development_server import die_with_parent
from workers.gateway import issuer_keys

pytestmark = [pytest.mark.temporal, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

NAMESPACE = "default"
# A method that neither the worker nor the callers use.
PROBE = "CountWorkflowExecutions"
CALLERS = 4
TURNS = max(2, RUNS // 10)
# Seconds: calls that were sent with the old token arrive meanwhile.
OVERLAP = 1.5


class Site:
    """A gateway with a certificate, and clients whose token is renewed with every key."""

    def __init__(self, upstream: str, directory: Path) -> None:
        self.upstream, self.directory = upstream, directory
        self.issuer, self.authority = Issuer(directory), Authority()
        self.listen = f"127.0.0.1:{free_port()}"
        self.certificate = self.authority.certify("first")
        self.clients: list[Client] = []

    async def client(self) -> Client:
        tls = TLSConfig(server_root_ca_cert=self.authority.certificate)
        client = await Client.connect(self.listen, namespace=NAMESPACE, api_key=self.token(), tls=tls)
        self.clients.append(client)
        return client

    def token(self) -> str:
        return self.issuer.token(f"{NAMESPACE}:write")

    async def renew_key(self) -> str:
        """Let the issuer sign with a new key, and withdraw the old one; return a token of the old one."""
        old = self.token()
        self.issuer.add(f"key-{uuid.uuid4().hex[:8]}")
        for client in self.clients:
            client.service_client.update_api_key(self.token())
        await asyncio.sleep(OVERLAP)
        self.issuer.withdraw()
        return old

    @asynccontextmanager
    async def here(self) -> AsyncIterator[Calls]:
        """Run the gateway in this process."""
        async with calling(
            upstream=self.upstream,
            keys=self.issuer.file,
            directory=self.directory,
            listen=self.listen,
            certificate=self.certificate.certificate.decode(),
            private_key=self.certificate.key.decode(),
            credentials=grpc.ssl_channel_credentials(self.authority.certificate),
        ) as calls:
            yield calls

    def start(self, process: subprocess.Popen[str]) -> None:
        """Let a process that ``is_ready`` be the gateway; return when it listens."""
        given = {
            "upstream": self.upstream,
            "listen": self.listen,
            "keys": str(self.issuer.file),
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "certificate": self.certificate.certificate.decode(),
            "private_key": self.certificate.key.decode(),
            "audit_file": str(self.directory / "calls.jsonl"),
        }
        process.stdin.write(json.dumps(given) + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        lines_until(process, "The gateway listens")

    def shown(self) -> str:
        """Return for whom the certificate is that the gateway shows."""
        host, port = self.listen.split(":")
        found = load_pem_x509_certificate(ssl.get_server_certificate((host, int(port))).encode())
        return str(found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    def refusals(self) -> set[str]:
        """Return why calls were refused that should pass."""
        lines = [json.loads(line) for line in (self.directory / "calls.jsonl").read_text().splitlines()]
        return {line["reason"] for line in lines if not line["allowed"] and line["method"] != PROBE}


@pytest.fixture
def site(live_temporal: WorkflowEnvironment, tmp_path: Path) -> Site:
    return Site(live_temporal.client.service_client.config.target_host, tmp_path)


async def test_no_call_is_lost_or_refused_while_the_issuers_keys_are_renewed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "FRESH", 1)
    monkeypatch.setattr(issuer_keys, "ASK_AGAIN", 1)
    async with site.here() as calls, busy(site):
        for _ in range(TURNS):
            old = await site.renew_key()
            async with asyncio.timeout(10):
                while await code_of(calls, old) is not grpc.StatusCode.UNAUTHENTICATED:  # noqa: ASYNC110  it asks
                    await asyncio.sleep(0.05)
            assert await code_of(calls, site.token()) is grpc.StatusCode.OK
    # A key that the gateway may not ask for yet is no refusal: the SDK tries again by itself.
    assert site.refusals() <= {"", "keys_away", "gateway_stopping"}


async def test_no_call_is_lost_or_doubled_while_the_gateway_is_started_again_with_new_certificates(site: Site) -> None:
    gateway = await asyncio.to_thread(ready)
    try:
        await asyncio.to_thread(site.start, gateway)
        async with busy(site):
            for turn in range(TURNS):
                site.certificate = site.authority.certify(f"renewed-{turn}")
                following = await asyncio.to_thread(ready)
                code, output = await asyncio.to_thread(stop, gateway, signal.SIGTERM)
                assert code == 0, output
                gateway = following
                await asyncio.to_thread(site.start, gateway)
                assert await asyncio.to_thread(site.shown) == f"renewed-{turn}"
                await asyncio.sleep(OVERLAP)
    finally:
        await asyncio.to_thread(stop, gateway, signal.SIGTERM)
    assert site.refusals() <= {"", "gateway_stopping"}


def ready() -> subprocess.Popen[str]:
    """Return a process that can be a gateway at once."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.gateway.next_gateway"],
        cwd=BASE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=die_with_parent if sys.platform == "linux" else None,
        start_new_session=True,
    )
    lines_until(process, "ready")
    return process


async def code_of(calls: Calls, token: str) -> grpc.StatusCode:
    """Return how a call with ``token`` ends."""
    return await calls.begin(PROBE, CountWorkflowExecutionsRequest(namespace=NAMESPACE), token).code()


@asynccontextmanager
async def busy(site: Site) -> AsyncIterator[None]:
    """Let a worker poll and callers call; in the end each of them got every answer, and everything ran once."""
    stopped, queue = asyncio.Event(), f"turning-{uuid.uuid4().hex[:8]}"
    worker, caller = await site.client(), await site.client()
    greeted: list[str] = []
    begun = asyncio.Event()
    async with Worker(worker, task_queue=queue, workflows=[Greeting], activities=[noting(greeted, begun)]):
        callers = [asyncio.create_task(greet_until(stopped, caller, queue, str(one))) for one in range(CALLERS)]
        await begun.wait()
        yield
        stopped.set()
        names = [name for told in await asyncio.gather(*callers) for name in told]
    assert len(names) >= CALLERS
    assert Counter(greeted) == Counter(names)


def noting(greeted: list[str], begun: asyncio.Event) -> Callable[..., Any]:
    @activity.defn(name="greet")
    async def greet(name: str) -> str:
        greeted.append(name)
        begun.set()
        return f"Hello, {name}"

    return greet


async def greet_until(stopped: asyncio.Event, client: Client, queue: str, who: str) -> list[str]:
    """Run one workflow after the other; return all names that were greeted."""
    names: list[str] = []
    while not stopped.is_set():
        names.append(f"{who}-{len(names)}")
        handle = await client.start_workflow(Greeting.run, "", id=f"{queue}-{names[-1]}", task_queue=queue)
        assert await handle.execute_update(Greeting.set_name, names[-1]) == "noted"
        assert await handle.result() == f"Hello, {names[-1]}"
    return names
