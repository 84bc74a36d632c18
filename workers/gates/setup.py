"""Build the two plugins of a guarded worker, with safe settings throughout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tenuo.temporal import InMemoryPopDedupStore, TenuoPluginConfig
from tenuo.temporal_plugin import TenuoTemporalPlugin

from workers.gates import checks
from workers.gates.approvers import Approvers
from workers.gates.catalogue import TemporalToolSink, ToolSink
from workers.gates.errors import UnsafeSettings
from workers.gates.floors import FixedFloors, Floor, Floors
from workers.gates.key_revocations import KeyRevocations
from workers.gates.keys import MemoryKeyResolver
from workers.gates.nonces import NonceStore
from workers.gates.people_roots import PeopleRoots
from workers.gates.plugin import GatePlugin
from workers.gates.receipts import ReceiptWriter
from workers.gates.reporting import TemporalReceiptSink
from workers.gates.revocation import Revocation
from workers.gates.settings import GateSettings
from workers.gates.tenuo_internals import trust
from workers.gates.trusted_roots import TrustedRoots, public_keys


def build_plugins(
    *,
    activities: Sequence[Callable[..., Any]],
    holder_keys: Mapping[str, bytes],
    trusted_roots: Sequence[bytes],
    receipts: ReceiptWriter,
    nonces: NonceStore,
    settings: GateSettings | None = None,
    people_roots: PeopleRoots | Sequence[bytes] | None = None,
    floors: Mapping[str, Floor] | Floors | None = None,
    nexus_endpoint: str | None = None,
    roots_number: int = 0,
    tools: ToolSink | None = None,
) -> tuple[TenuoTemporalPlugin, GatePlugin]:
    """Return Tenuo's plugin and Countersign's, in the order in which the client needs them.

    ``activities``: the functions that the worker runs, all of them. ``holder_keys``: 32-byte Ed25519
    seeds by key id. ``trusted_roots``: the issuers' 32-byte public keys. One pair serves one worker.
    ``people_roots``: the 32-byte public keys from which approvers' keys must be endorsed; without them whoever holds
    the issuer's key can name approvers of their own. ``floors``: which calls people are asked about whatever a
    warrant says, by tool, or what says so for each call. ``nexus_endpoint``: the endpoint whose operations the worker
    handles; each must come with a warrant for ``nexus:ENDPOINT:SERVICE:OPERATION``, and without an endpoint the worker
    refuses them all.
    ``roots_number``: of which signed set ``trusted_roots`` are, so that no older one takes their place.
    ``tools`` is where the worker says which tools it has; by default where its receipts go, if that is over Temporal.
    Raises ``UnsafeSettings`` with one sentence for anything that would not be safe.
    """
    checks.refuse_phone_home()
    functions = checks.functions_by_name(activities)
    checks.refuse_unsupported_parameters(functions.values())
    settings = settings or GateSettings()
    roots = TrustedRoots(trusted_roots, roots_number)
    revocation = Revocation(roots)
    approvers = Approvers(_people_roots(people_roots), KeyRevocations(roots), settings.endorsers)
    tenuo_plugin = TenuoTemporalPlugin(
        TenuoPluginConfig(
            key_resolver=MemoryKeyResolver(holder_keys),
            trusted_roots=public_keys(roots.keys),
            activity_fns=list(functions.values()),
            control_plane=receipts,
            runtime=revocation.runtime,
            strict_mode=True,
            # Replays of one dispatch are Temporal's retries; replays of approvals are refused by the gate.
            pop_dedup_store=InMemoryPopDedupStore(),
            nexus_endpoint=nexus_endpoint,
            # Whoever read an operation's headers could ask for the same again while its proof is fresh.
            nexus_pop_replay_protection=nexus_endpoint is not None,
        )
    )
    roots.follow(lambda keys: trust(tenuo_plugin, public_keys(keys)))
    gate_plugin = GatePlugin(
        functions=functions,
        settings=settings,
        nonces=nonces,
        receipts=receipts,
        trusted_roots=roots,
        revocation=revocation,
        approvers=approvers,
        floors=FixedFloors(floors or {}) if floors is None or isinstance(floors, Mapping) else floors,
        tools=tools or _beside_receipts(receipts, settings),
    )
    return tenuo_plugin, gate_plugin


def _beside_receipts(receipts: ReceiptWriter, settings: GateSettings) -> ToolSink | None:
    if not isinstance(receipts.sink, TemporalReceiptSink):
        return None
    return TemporalToolSink(receipts.sink.client, task_queue=settings.approvals_task_queue)


def _people_roots(given: PeopleRoots | Sequence[bytes] | None) -> PeopleRoots | None:
    if given is None or isinstance(given, PeopleRoots):
        return given
    if not given:
        raise UnsafeSettings("people_roots is empty: give at least one, or leave it out.")
    return PeopleRoots(given)
