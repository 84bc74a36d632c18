"""Everything of one process that works on Temporal, put together from settings and stores."""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from temporalio.client import Client
from temporalio.worker import Worker

from accounts.namespaces.contracts import Namespace
from audit.keys.contracts import Purpose
from audit.keys.queries import service_private_key
from audit.statements.statements import MalformedStatement
from warrants.agents.queries import holder_keys
from warrants.issuers.contracts import TrustedSet
from warrants.issuers.queries import signed_sets, trusted_set
from warrants.revocation.contracts import Held
from workers.activities import build_approvals_worker
from workers.catalogue import DatabaseToolSink
from workers.client import Clients, in_namespace, require_ring, with_plugins
from workers.database import in_thread
from workers.errors import StartFailed
from workers.export.installation import build_worker as build_export_worker
from workers.gates.nonces import NonceStore, NonceStoreDown
from workers.gates.people_roots import PeopleRoots
from workers.gates.plugin import GatePlugin
from workers.gates.receipts import ReceiptWriter
from workers.gates.redis_nonces import RedisNonceStore
from workers.gates.settings import GateSettings
from workers.gates.setup import build_plugins
from workers.gates.trusted_roots import RootsRefused, TrustedRoots
from workers.incident.activities import TOOLS
from workers.incident.contracts import AGENT_TASK_QUEUE, MODEL_TASK_QUEUE
from workers.incident.models.activity import call_model
from workers.incident.workflow import IncidentWorkflow
from workers.known_policies import KnownPolicies
from workers.nonces import DatabaseNonceStore
from workers.own_credentials import credentials
from workers.own_mcp import check_mcp_server
from workers.people_roots import pinned_roots
from workers.polling import FEW, Polling
from workers.publications import known_policies
from workers.receipts import DatabaseReceiptSink
from workers.revocation import held_list

logger = logging.getLogger(__name__)

GRACEFUL = timedelta(seconds=5)
# How long a run waits for a worker that was killed before another one takes it over.
STICKY = timedelta(seconds=3)


@dataclass(frozen=True)
class Keys:
    """What a guarded worker holds in memory: agents' keys and the receipts key, never an issuer's or a person's."""

    holders: Mapping[str, bytes]
    roots: list[bytes]
    receipts: bytes
    roots_number: int = 0


@dataclass(frozen=True)
class Guard:
    """Clients and plugin of one namespace's guarded worker."""

    clients: Clients
    gate_plugin: GatePlugin


@dataclass(frozen=True)
class Post:
    """What this process has in one namespace that it serves.

    ``guard`` is None where no incident starts. Plugins serve one worker each: Tenuo's refuses a second.
    """

    namespace: Namespace
    plain: Client
    guard: Guard | None


@dataclass(frozen=True)
class Crew:
    """What this process has in each namespace, and what its guarded workers share."""

    posts: tuple[Post, ...]
    people_roots: PeopleRoots
    receipts: DatabaseReceiptSink
    policies: KnownPolicies

    @property
    def guards(self) -> list[Guard]:
        """Those of all posts; first the one of the namespace where incidents start by default."""
        found = [post.guard for post in self.posts if post.guard is not None]
        return sorted(found, key=lambda guard: not is_home(guard.clients.plain.namespace))

    def apply_trusted_roots(self, sets: Sequence[bytes]) -> bool:
        """Give the sets to every worker; see ``GatePlugin``."""
        news = [guard.gate_plugin.apply_trusted_roots(sets) for guard in self.guards]
        return any(news)

    def apply_revocation_list(self, data: bytes) -> bool:
        """Give the list to every worker; see ``GatePlugin``."""
        news = [guard.gate_plugin.apply_revocation_list(data) for guard in self.guards]
        return any(news)

    def held_lists(self) -> list[Held]:
        """Return what every worker holds."""
        return [held_list(guard.gate_plugin, guard.clients.plain.namespace) for guard in self.guards]

    def apply_key_revocations(self, data: bytes) -> bool:
        """Give the list to every worker; see ``GatePlugin``."""
        news = [guard.gate_plugin.apply_key_revocations(data) for guard in self.guards]
        return any(news)


def is_home(namespace: str) -> bool:
    """Whether incidents start here by default."""
    return namespace == str(settings.TEMPORAL_NAMESPACE)


async def assemble(client: Client) -> Crew:
    """Return the clients and plugins of this process. Raises ``StartFailed`` before ``manage.py setup`` was run."""
    keys = await in_thread(load_keys)
    # Settings that cannot be right are told now, not by the first activity.
    credentials()
    check_mcp_server()
    sink, roots, nonces = DatabaseReceiptSink(), pinned_roots(), await nonce_store()
    policies, posts = known_policies(roots), []
    for namespace in settings.NAMESPACES:
        if namespace.served:
            await require_ring(namespace.name)
            plain = in_namespace(client, namespace.name)
            is_guarded = is_home(namespace.name) or AGENT_TASK_QUEUE in namespace.task_queues
            guard = _guard(plain, keys, sink, nonces, policies) if is_guarded else None
            posts.append(Post(namespace, plain, guard))
    return Crew(tuple(posts), roots, sink, policies)


def _guard(plain: Client, keys: Keys, sink: DatabaseReceiptSink, nonces: NonceStore, policies: KnownPolicies) -> Guard:
    tenuo_plugin, gate_plugin = build_plugins(
        activities=TOOLS,
        holder_keys=keys.holders,
        trusted_roots=keys.roots,
        roots_number=keys.roots_number,
        receipts=ReceiptWriter(sink=sink, signing_key=keys.receipts, worker=worker_name()),
        nonces=nonces,
        settings=GateSettings(
            request_lifetime_seconds=settings.REQUEST_LIFETIME_SECONDS,
            signature_lifetime_seconds=settings.SIGNATURE_LIFETIME_SECONDS,
        ),
        people_roots=policies.roots,
        floors=policies,
        tools=DatabaseToolSink(),
    )
    guarded = with_plugins(plain, [tenuo_plugin, gate_plugin])
    return Guard(Clients(plain, guarded, tenuo_plugin), gate_plugin)


def build_workers(crew: Crew) -> dict[str, Worker]:
    """Return the workers of this process by namespace and task queue."""
    # The database takes so many at once, however many namespaces there are.
    executor = ThreadPoolExecutor(settings.ACTIVITY_THREADS, thread_name_prefix="approvals")
    workers = [worker for post in crew.posts for worker in _workers_of(post, executor)]
    return {f"{worker.client.namespace}/{worker.task_queue}": worker for worker in workers}


def _workers_of(post: Post, executor: ThreadPoolExecutor) -> Iterator[Worker]:
    polling = Polling() if is_home(post.namespace.name) else FEW
    if settings.EXPORT_TARGET and is_home(post.namespace.name):
        # It exports the histories of all.
        yield build_export_worker(post.plain, graceful=GRACEFUL)
    yield build_approvals_worker(
        post.plain,
        threads=settings.ACTIVITY_THREADS,
        executor=executor,
        graceful=GRACEFUL,
        polling=polling,
        sweeps=is_home(post.namespace.name),
    )
    if post.guard is not None and AGENT_TASK_QUEUE in post.namespace.task_queues:
        yield Worker(
            post.guard.clients.guarded,
            task_queue=AGENT_TASK_QUEUE,
            workflows=[IncidentWorkflow],
            activities=TOOLS,
            graceful_shutdown_timeout=GRACEFUL,
            sticky_queue_schedule_to_start_timeout=STICKY,
            **polling,
        )
    if MODEL_TASK_QUEUE in post.namespace.task_queues:
        yield Worker(
            post.plain,
            task_queue=MODEL_TASK_QUEUE,
            activities=[call_model],
            graceful_shutdown_timeout=GRACEFUL,
            **polling,
        )


async def nonce_store() -> NonceStore:
    """Return where this process remembers used approvals. Raises ``UnsafeSettings`` for a Redis that may forget."""
    if not settings.REDIS_URL:
        return DatabaseNonceStore()
    store = RedisNonceStore(settings.REDIS_URL)
    try:
        await store.check()
    except NonceStoreDown as down:
        # What needs no approval runs; the store is checked before it is first asked.
        logger.error("%s Calls that need approval wait until it does.", down)
    return store


def load_keys() -> Keys:
    """Return the keys that ``manage.py setup`` made. Raises ``StartFailed`` if there are none."""
    try:
        holders, roots = holder_keys(), trusted_set()
    except MalformedStatement as error:
        raise StartFailed(f"The newest set of trusted roots in the database cannot be used. {error}") from error
    if not holders or not roots.keys:
        raise StartFailed("There are no keys yet. Run first: manage.py setup")
    if settings.TRUSTED_ROOTS:
        roots = _since(settings.TRUSTED_ROOTS)
    return Keys(holders, list(roots.keys), service_private_key(Purpose.RECEIPTS).private_bytes_raw(), roots.number)


def _since(pinned: Sequence[bytes]) -> TrustedSet:
    """Return what follows from the pinned roots by the sets that they, and those that came after them, signed."""
    roots = TrustedRoots(pinned)
    try:
        roots.apply(signed_sets())
    except RootsRefused as refused:
        logger.error("%s The roots that are believed here follow from TRUSTED_ROOTS, and end before it.", refused)
    return TrustedSet(tuple(roots.keys), roots.number)


def worker_name() -> str:
    """Return a name for this process that no other process has, now or later: its receipts count from 1."""
    return f"{socket.gethostname()[:60]}-{secrets.token_hex(6)}"
