"""Taking an incident in: one row, one warrant and one workflow per incident, however often it is told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import tenuo_core
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError
from tenuo.temporal import start_workflow_authorized

from accounts.endorsements.queries import endorsed_keys
from accounts.people.naming import active_external_ids_of, strangers
from warrants.agents.contracts import INCIDENT_AGENT
from warrants.agents.services import ensure_agent
from warrants.minting import contracts as minting
from warrants.minting.queries import minted, waiting_for
from warrants.minting.services import mint
from warrants.policies.queries import load
from workers.client import Clients
from workers.incident.alerts.contracts import Alert
from workers.incident.alerts.errors import NobodyCanApprove, TemporalDown
from workers.incident.contracts import AGENT_TASK_QUEUE, POLICY, POLICY_FOR_A_PERSON, IncidentBrief
from workers.incident.workflow import IncidentWorkflow
from workers.models import Incident

logger = logging.getLogger(__name__)
AGENT = INCIDENT_AGENT
_RPC_TIMEOUT = timedelta(seconds=5)
# A client that was never connected raises a plain RuntimeError.
_UNREACHABLE = (RPCError, RuntimeError)


@dataclass(frozen=True)
class Admission:
    """An incident that is ours to work on, and what to start its workflow with."""

    brief: IncidentBrief
    workflow_id: str
    warrant: minting.MintedWarrant
    is_started: bool


async def start_incident(*, clients: Callable[[str], Clients], alert: Alert) -> str:
    """Start the workflow of ``alert``'s incident under a warrant for it alone; return the workflow's id.

    ``clients`` returns those of a namespace. Telling it again, also at the same moment, mints and starts nothing more.
    Raises ``TemporalDown``, ``NobodyCanApprove``, ``WarrantError`` and ``NoSharedClients``; telling it again later
    completes what is missing.
    """
    await _require_temporal(clients(namespace_of(alert.service)).guarded)
    admission = await sync_to_async(admit)(alert=alert)
    if not admission.is_started:
        # Where its warrant is for, whatever the settings say by now.
        await _start(clients(admission.warrant.namespace), admission)
        await sync_to_async(mark_started)(incident_id=alert.incident_id)
    return admission.workflow_id


def admit(*, alert: Alert) -> Admission:
    """Return the incident's row as an admission; when it is new, with the warrant that waits for it, or a new one.

    The first telling of an incident counts; later ones change nothing. Raises ``NobodyCanApprove`` and
    ``WarrantError``.
    """
    with transaction.atomic():
        incident, is_new = Incident.objects.select_for_update().get_or_create(
            incident_id=alert.incident_id,
            defaults={
                "namespace": namespace_of(alert.service),
                "title": alert.title,
                "severity": alert.severity,
                "service": alert.service,
                "scenario": alert.scenario,
                "workflow_id": workflow_id_of(alert.incident_id),
                "barred_people": list(alert.barred_people),
                "acting_for": alert.acting_for,
            },
        )
        if is_new or _needs_fresh_warrant(incident):
            incident.warrant_id = _warrant_for(incident)
            incident.save(update_fields=["warrant_id"])
        return _admission(incident)


def mark_started(*, incident_id: str) -> None:
    Incident.objects.filter(incident_id=incident_id, started_at=None).update(started_at=timezone.now())


def workflow_id_of(incident_id: str) -> str:
    return f"incident-{incident_id}"


def namespace_of(service: str) -> str:
    """Return where incidents of ``service`` start."""
    own = (namespace.name for namespace in settings.NAMESPACES if service in namespace.alerts)
    return str(next(own, settings.TEMPORAL_NAMESPACE))


def _needs_fresh_warrant(incident: Incident) -> bool:
    """Whether Temporal was away for so long that the warrant expired before its workflow could start."""
    return incident.started_at is None and minted(incident.warrant_id).expires_at <= timezone.now().timestamp()


def _warrant_for(incident: Incident) -> str:
    """Return the id of the warrant that waits for ``incident``, or of a new one."""
    for name in strangers(incident.barred_people):
        logger.warning("%r, named by the alert of %s, is not known here.", name, incident.incident_id)
    told = minting.Incident(
        id=incident.incident_id,
        title=incident.title,
        severity=incident.severity,
        service=incident.service,
        namespace=namespace_of(incident.service),
        barred_people=tuple(incident.barred_people),
        acting_for=_known(incident),
    )
    waiting = waiting_for(told, agent=AGENT)
    return waiting.id if waiting else _mint(told)


def _mint(incident: minting.Incident) -> str:
    """Mint a warrant for ``incident`` and return its id."""
    policy = POLICY_FOR_A_PERSON if incident.acting_for else POLICY
    approvers = list(endorsed_keys(endorsers=load(policy).endorsers, namespace=incident.namespace))
    if not approvers:
        raise NobodyCanApprove(
            f"Nobody can approve calls yet. Let an approver sign in at {settings.SITE_ROOT}/keys/ and make a key, "
            "let a security administrator endorse it, then send the alert again."
        )
    return mint(policy=policy, incident=incident, agent=ensure_agent(name=AGENT), approvers=approvers).id


def _known(incident: Incident) -> str:
    """Return the external id of the person for whom the agent works; empty unless the alert's name means one."""
    people = active_external_ids_of([incident.acting_for]) if incident.acting_for else set()
    if len(people) == 1:
        return people.pop()
    if incident.acting_for:
        logger.warning(
            "%r, for whom the agent should work on %s, means %d people who may sign in here: it works for nobody.",
            incident.acting_for,
            incident.incident_id,
            len(people),
        )
    return ""


def _admission(incident: Incident) -> Admission:
    return Admission(
        brief=IncidentBrief(
            incident_id=incident.incident_id,
            title=incident.title,
            severity=incident.severity,
            service=incident.service,
            scenario=incident.scenario,
        ),
        workflow_id=incident.workflow_id,
        warrant=minted(incident.warrant_id),
        is_started=incident.started_at is not None,
    )


async def _require_temporal(client: Client) -> None:
    """Refuse before anything is written while Temporal does not answer."""
    try:
        await client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=_RPC_TIMEOUT)
    except _UNREACHABLE as error:
        raise _temporal_down(error) from None


async def _start(clients: Clients, admission: Admission) -> None:
    chain = [tenuo_core.Warrant.from_bytes(data) for data in admission.warrant.chain]
    try:
        await start_workflow_authorized(
            client=clients.guarded,
            client_interceptor=clients.tenuo_plugin.client_interceptor,
            workflow_run_fn=IncidentWorkflow.run,
            workflow_id=admission.workflow_id,
            warrant=chain[-1],
            warrant_chain=chain,
            key_id=admission.warrant.key_id,
            args=[admission.brief],
            task_queue=AGENT_TASK_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            rpc_timeout=_RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return  # A telling of the same incident was faster.
    except _UNREACHABLE as error:
        raise _temporal_down(error) from None


def _temporal_down(error: Exception) -> TemporalDown:
    logger.warning("Temporal does not answer: %s", error)
    return TemporalDown("Temporal does not answer, so nothing was started. Send the webhook again.")
