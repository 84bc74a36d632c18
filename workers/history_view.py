"""A request as Temporal's history has it, for a person who does not want to believe Countersign's server.

Pure, as the gate plugin is: it needs ``temporalio`` and ``tenuo``, no Django and no database. The command line
(``approvals.cli``) may know neither Temporal nor this room, so it loads this module by name when it is asked to.

The call is read from the call itself: what the workflow scheduled, with the warrant and the argument names in the
headers that Tenuo wrote. Reasoning, earlier calls and times are what the gate sent when it opened the request.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import ActivityTaskScheduledEventAttributes, HistoryEvent
from temporalio.client import Client
from temporalio.converter import default as default_converter
from temporalio.service import RPCError
from tenuo.exceptions import TenuoError

from approvals.contracts import OPEN_REQUEST_ACTIVITY, GateRequest
from audit.keepers.local import LocalKeeper
from audit.sealing import SealingError
from audit.statements import cbor
from workers.codec.codec import ENCODING, PayloadEncryption
from workers.codec.files import FileRings
from workers.gates import tenuo_internals

CONNECT_SECONDS = 10


class HistoryUnreadable(Exception):
    """The history cannot be read, or holds no such request; the message is a sentence."""


async def read(
    *,
    address: str,
    namespace: str,
    api_key: str,
    tls: bool,
    ring_file: Path | None,
    ring_key: str,
    workflow_id: str,
    run_id: str,
    request_id: str,
) -> dict[str, Any]:
    """Return the request with the fields of the site's signing data, and "gate_message", "reasoning", "history".

    ``ring_file``: what ``manage.py export_ring`` wrote, if payloads are encrypted; ``ring_key`` opens it (base64).
    Raises ``HistoryUnreadable``.
    """
    client = await _connect(address, namespace, api_key, tls)
    try:
        history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
    except RPCError as error:
        raise HistoryUnreadable(f"Temporal does not give the history of {workflow_id} ({error.message}).") from error
    if ring_file is not None:
        rings = FileRings(ring_file, keeper=LocalKeeper(ring_key, name="The ring file's key"))
        await _decode(history.events, PayloadEncryption(rings, namespace))
    return rebuild(history.events, namespace=namespace, workflow_id=workflow_id, run_id=run_id, request_id=request_id)


def rebuild(
    events: Sequence[HistoryEvent], *, namespace: str, workflow_id: str, run_id: str, request_id: str
) -> dict[str, Any]:
    """Return the request that ``events`` (one run's, in order) hold. Raises ``HistoryUnreadable``."""
    scheduled = [event for event in events if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED]
    opening, asked = _opening(scheduled, request_id)
    call = _stopped_call(scheduled, opening, asked, namespace, workflow_id)
    return {
        "request_id": asked.request_id,
        "namespace": namespace,
        "workflow_id": workflow_id,
        "run_id": run_id,
        **call,
        "expires_at": asked.expires_at,
        "display_digest": asked.display_digest,
        "policy_version": asked.policy_version,
        "gate_message": asked.gate_message,
        "reasoning": asked.reasoning,
        "history": [dataclasses.asdict(line) for line in asked.history],
    }


async def _decode(events: Iterable[HistoryEvent], codec: PayloadEncryption) -> None:
    """Open, in place, what the workflow scheduled: inputs and headers."""
    try:
        for event in events:
            if event.event_type != EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                continue
            attributes = event.activity_task_scheduled_event_attributes
            await codec.decode_wrapper(attributes.input)
            for name, payload in attributes.header.fields.items():
                attributes.header.fields[name].CopyFrom((await codec.decode([payload]))[0])
    except SealingError as error:
        raise HistoryUnreadable(str(error)) from error


async def _connect(address: str, namespace: str, api_key: str, tls: bool) -> Client:
    try:
        return await Client.connect(
            address,
            namespace=namespace,
            api_key=api_key or None,
            tls=tls,
            connect_timeout=timedelta(seconds=CONNECT_SECONDS),
        )
    except (RuntimeError, ValueError) as error:
        raise HistoryUnreadable(f"No Temporal server answers at {address} ({error}).") from error


def _opening(scheduled: Iterable[HistoryEvent], request_id: str) -> tuple[HistoryEvent, GateRequest]:
    """Return the event by which the workflow asked people, and what it asked."""
    for event in scheduled:
        attributes = event.activity_task_scheduled_event_attributes
        if attributes.activity_type.name != OPEN_REQUEST_ACTIVITY:
            continue
        (asked,) = _values(attributes.input.payloads, [GateRequest])
        if isinstance(asked, GateRequest) and asked.request_id == request_id:
            return event, asked
    raise HistoryUnreadable(f"The workflow's history holds no request {request_id}: this workflow never asked that.")


def _stopped_call(
    scheduled: Iterable[HistoryEvent], opening: HistoryEvent, asked: GateRequest, namespace: str, workflow_id: str
) -> dict[str, Any]:
    """Return tool, arguments, chain and hash of the call that the workflow dispatched before it asked."""
    for event in reversed([event for event in scheduled if event.event_id < opening.event_id]):
        attributes = event.activity_task_scheduled_event_attributes
        call = _call(attributes, namespace, workflow_id)
        if call is not None and call["request_hash"] == asked.request_hash:
            return call
    raise HistoryUnreadable(
        "The workflow's history holds no call that this request is about: what people were asked is not what the "
        "workflow tried."
    )


def _call(attributes: ActivityTaskScheduledEventAttributes, namespace: str, workflow_id: str) -> dict[str, Any] | None:
    """Return the call that an activity is, rebuilt from its input and headers; None if it carries no warrant."""
    headers = tenuo_internals.plain_headers(attributes.header.fields)
    try:
        chain = tenuo_internals.warrant_chain(headers)
    except (TenuoError, ValueError):
        return None
    if not chain:
        return None
    values = _values(attributes.input.payloads)
    names = tenuo_internals.argument_names(headers)
    if len(names) != len(values):
        return None
    tool = tenuo_internals.tool_name(attributes.activity_type.name, None)
    arguments = dict(zip(names, values, strict=True))
    arguments = tenuo_internals.with_workflow_scope(chain[-1], tool, arguments, namespace, workflow_id)
    try:
        encoded = cbor.encode(arguments)
    except cbor.MalformedBytes:
        return None
    # Computed here, from the bytes, as the browser does.
    holder = bytes(chain[-1].authorized_holder.to_bytes())
    request_hash = hashlib.sha256(cbor.encode([chain[-1].id, tool, encoded, holder])).hexdigest()
    return {
        "tool": tool,
        "arguments_cbor": _base64(encoded),
        "warrant_chain": [_base64(bytes(warrant.to_bytes())) for warrant in chain],
        "request_hash": request_hash,
    }


def _values(payloads: Sequence[Payload], types: list[type] | None = None) -> list[Any]:
    if any(payload.metadata.get("encoding") == ENCODING for payload in payloads):
        raise HistoryUnreadable(
            "The history is encrypted. Have the namespace's ring written with manage.py export_ring, and give it with "
            "--ring-file and --ring-key-file."
        )
    try:
        return default_converter().payload_converter.from_payloads(list(payloads), types)
    except Exception as error:  # A codec's ciphertext, or bytes that no converter knows.
        raise HistoryUnreadable(
            "The history's payloads cannot be read here: they are encrypted otherwise, or not JSON."
        ) from error


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
