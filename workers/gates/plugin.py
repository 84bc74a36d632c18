"""The second of the two plugins: Countersign's gate.

    client = await Client.connect(address, plugins=list(build_plugins(...)))

Put the plugins on the client only. Their order decides the nesting: Tenuo's first, then this one.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.plugin import SimplePlugin
from temporalio.worker import Worker, WorkerConfig, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workers.gates import checks
from workers.gates.activity_side import ApprovalInterceptor, DispatchInterceptor, is_in_order
from workers.gates.approvers import Approvers
from workers.gates.catalogue import ToolSink, reporting
from workers.gates.errors import DENIAL_TYPES, UnsafeSettings
from workers.gates.floors import Floors
from workers.gates.nonces import NonceStore
from workers.gates.receipts import ReceiptWriter
from workers.gates.revocation import Revocation
from workers.gates.settings import GateSettings
from workers.gates.trusted_roots import TrustedRoots
from workers.gates.workflow_side import GateWorkflowInterceptor

PASSTHROUGH = ("approvals", "audit", "cbor2", "cryptography", "tenuo", "tenuo_core", "workers.gates")


class GatePlugin(SimplePlugin):
    """Holds gated calls until people decided, and checks what Tenuo leaves open. Made by ``build_plugins``."""

    def __init__(
        self,
        *,
        functions: Mapping[str, Callable[..., Any]],
        settings: GateSettings,
        nonces: NonceStore,
        receipts: ReceiptWriter,
        trusted_roots: TrustedRoots,
        revocation: Revocation,
        approvers: Approvers,
        floors: Floors,
        tools: ToolSink | None = None,
    ) -> None:
        self.settings = settings
        self.receipts = receipts
        self.trusted_roots = trusted_roots
        self.revocation = revocation
        self.approvers = approvers
        self._functions = functions
        self._tools = tools
        self._outer = DispatchInterceptor()
        self._inner = ApprovalInterceptor(settings, nonces, receipts, approvers, floors)
        super().__init__(
            "countersign.GatePlugin",
            interceptors=[GateWorkflowInterceptor(functions, settings, approvers.people_roots), self._inner],
            workflow_runner=_with_passthrough,
        )

    def apply_trusted_roots(self, sets: Sequence[bytes]) -> bool:
        """Believe the last of these signed sets of trusted roots; see ``TrustedRoots.apply``."""
        return self.trusted_roots.apply(sets)

    def apply_revocation_list(self, data: bytes) -> bool:
        """Install a signed revocation list; see ``Revocation.apply``."""
        return self.revocation.apply(data)

    def apply_key_revocations(self, data: bytes) -> bool:
        """Install a signed list of people's revoked keys; see ``KeyRevocations.apply``."""
        return self.approvers.revocations.apply(data)

    @property
    def revoked_keys(self) -> Mapping[bytes, int]:
        """When (milliseconds since 1970) each revoked key of a person was revoked, as far as this worker knows."""
        return self.approvers.revocations.times

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        checks.refuse_phone_home()
        checks.refuse_unlisted_activities(list(self._functions.values()), config.get("activities") or [])
        config = super().configure_worker(config)
        config["interceptors"] = [self._outer, *(config.get("interceptors") or [])]
        if not is_in_order(list(config["interceptors"]), self._outer, self._inner):
            raise UnsafeSettings(
                "Tenuo's plugin must come before Countersign's on the client: plugins=[tenuo_plugin, gate_plugin]."
            )
        quieten_expected_denials()
        return config

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:
        """Run the worker, and beside it say which tools it has."""
        async with reporting(self._tools, worker.client.namespace, worker.task_queue, self._functions):
            await super().run_worker(worker, next)


class _ExpectedDenials(logging.Filter):
    """A call that stops at a gate is no error: the SDK's traceback for it would bury real ones."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (isinstance(error, ApplicationError) and error.type in DENIAL_TYPES)


_expected_denials = _ExpectedDenials()


def quieten_expected_denials() -> None:
    """Keep expected denials out of the SDK's log. Doing it twice is harmless."""
    logging.getLogger("temporalio.activity").addFilter(_expected_denials)


def _with_passthrough(runner: WorkflowRunner | None) -> WorkflowRunner:
    if runner is None:
        return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSTHROUGH))
    if isinstance(runner, SandboxedWorkflowRunner):
        return dataclasses.replace(runner, restrictions=runner.restrictions.with_passthrough_modules(*PASSTHROUGH))
    return runner
