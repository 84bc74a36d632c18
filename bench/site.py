"""A fresh Countersign in a child process, and what the measurements do with it from outside."""

from __future__ import annotations

import base64
import os
import secrets
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import django
from temporalio.client import Client, WorkflowHandle

from bench import agents

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """From ``__enter__`` to ``__exit__`` a whole installation runs on the Temporal server at ``temporal``."""

    def __init__(self, directory: Path, temporal: str) -> None:
        port = free_port()
        self.address = f"http://localhost:{port}"
        os.environ.update(
            DATA_DIR=str(directory),
            SITE_ROOT=self.address,
            LISTEN_PORT=str(port),
            TEMPORAL_ADDRESS=temporal,
            LOCAL_ACCOUNTS="true",
            LOG_LEVEL="WARNING",
            SECRET_KEY=secrets.token_urlsafe(48),
            KEY_ENCRYPTION_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
            DJANGO_SETTINGS_MODULE="config.settings",
        )

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.stage"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = ""
        while line != "ready\n":
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit("The process under test did not start.")
        django.setup()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)

    def memory_kib(self) -> int:
        """Return the resident memory of the process under test."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise SystemExit("This machine does not tell a process's memory.")


def create_approver() -> str:
    """Make the bench's on-call lead; return a one-time sign-in link."""
    from accounts.models import Person
    from accounts.roles.contracts import Role
    from accounts.roles.services import grant
    from accounts.sign_in.services import issue_link

    person, made = Person.objects.get_or_create(username="bench", defaults={"display_name": "Bench"})
    if made:
        grant(person=person, role=Role.APPROVER, granted_by="bench")
    return issue_link(person=person, valid_for_seconds=600)


def hold_ceremony() -> None:
    """Endorse the approver's key by a people root, once, and wait until the worker under test has pinned the root."""
    from django.conf import settings

    from accounts.endorsements.queries import people_root
    from accounts.endorsements.services import establish_root
    from accounts.models import Person

    if people_root() is None:
        establish_root(person=Person.objects.get(username="bench"))
    deadline = time.monotonic() + 30
    while not (Path(settings.DATA_DIR) / "people-root.pinned").exists():
        if time.monotonic() > deadline:
            raise SystemExit("The worker under test has pinned no people root within 30 seconds.")
        time.sleep(0.1)
    # Every worker of the process looks once a second.
    time.sleep(2)


def mint() -> Any:
    """Return a fresh incident's warrant, minted as alerts have theirs minted."""
    from accounts.endorsements.queries import endorsed_keys
    from warrants.agents.services import ensure_agent
    from warrants.minting.contracts import Incident
    from warrants.minting.services import mint as mint_warrant

    incident = Incident(
        id=f"B{uuid.uuid4().hex[:10]}",
        title="Bench",
        severity="high",
        service="payment-service-prod",
        namespace="default",
    )
    return mint_warrant(
        policy="incident-response",
        incident=incident,
        agent=ensure_agent(name="incident-agent"),
        approvers=list(endorsed_keys()),
    )


async def start_guarded(client: Client, workflow: Any, minted: Any, *args: Any, task_queue: str) -> WorkflowHandle:
    """Start ``workflow`` under a minted warrant, as an agent team would."""
    import tenuo_core
    from tenuo.temporal import TenuoClientInterceptor, start_workflow_authorized

    interceptor = TenuoClientInterceptor()
    authorized = Client(**{**client.config(), "interceptors": [interceptor]})
    return await start_workflow_authorized(
        client=authorized,
        client_interceptor=interceptor,
        workflow_run_fn=workflow.run,
        args=list(args),
        warrant=tenuo_core.Warrant.from_bytes(minted.chain[-1]),
        key_id=minted.key_id,
        workflow_id=f"bench-{uuid.uuid4().hex}",
        task_queue=task_queue,
    )


async def start_bare(client: Client, workflow: Any, *args: Any) -> WorkflowHandle:
    return await client.start_workflow(
        workflow.run, args=list(args), id=f"bench-{uuid.uuid4().hex}", task_queue=agents.FLOOR_QUEUE
    )
