"""What of a namespace is not as the file says, and how to make it so. Doing it again changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceResponse,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from accounts.namespaces.contracts import Namespace, SearchAttribute
from audit.rings.queries import NoRing, ring_of
from audit.rings.services import ensure_ring
from workers.database import in_thread
from workers.namespaces.registration import RPC_TIMEOUT, describe, registered

_DAY = 86_400
# Of a namespace that is made without saying.
DEFAULT_RETENTION_DAYS = 3
_VISIBLE_SECONDS = 30.0


@dataclass(frozen=True)
class Difference:
    """Something that is otherwise, and that people have to mend."""

    sentence: str


@dataclass(frozen=True)
class Mendable(Difference):
    """Something that is otherwise; ``mended`` says what ``mend`` did about it."""

    mended: str
    mend: Callable[[], Awaitable[None]]


async def differences(client: Client, namespace: Namespace) -> list[Difference]:
    """Return what is otherwise; of a namespace that is not there, only that. Raises ``RPCError``."""
    ring = [] if await in_thread(_has_ring, namespace.name) else [_no_ring(namespace.name)]
    found = await describe(client, namespace.name)
    if found is None:
        return [*ring, _not_there(client, namespace)]
    return [*ring, *_retention(client, namespace, found), *await _search_attributes(client, namespace)]


def _has_ring(namespace: str) -> bool:
    try:
        ring_of(namespace)
    except NoRing:
        return False
    return True


def _no_ring(namespace: str) -> Mendable:
    return Mendable("It has no keys to encrypt with.", "made its keys", partial(_make_ring, namespace))


async def _make_ring(namespace: str) -> None:
    await in_thread(partial(ensure_ring, namespace=namespace))


def _not_there(client: Client, namespace: Namespace) -> Mendable:
    return Mendable(
        "It is not on the Temporal server.", "registered it on the server", partial(_register, client, namespace)
    )


async def _register(client: Client, namespace: Namespace) -> None:
    days = namespace.retention_days or DEFAULT_RETENTION_DAYS
    try:
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(
                namespace=namespace.name, workflow_execution_retention_period=Duration(seconds=days * _DAY)
            ),
            timeout=RPC_TIMEOUT,
        )
    except RPCError as error:
        if error.status != RPCStatusCode.ALREADY_EXISTS:  # somebody else was faster
            raise
    await registered(client, namespace.name, seconds=_VISIBLE_SECONDS)


def _retention(client: Client, namespace: Namespace, found: DescribeNamespaceResponse) -> list[Difference]:
    seconds = found.config.workflow_execution_retention_ttl.ToSeconds()
    days = namespace.retention_days
    if days is None or seconds == days * _DAY:
        return []
    return [
        Mendable(
            f"Closed histories are kept for {seconds / _DAY:g} days, not {days}.",
            f"closed histories are kept for {days} days (before: {seconds / _DAY:g})",
            partial(_keep_for, client, namespace.name, days),
        )
    ]


async def _keep_for(client: Client, namespace: str, days: int) -> None:
    config = NamespaceConfig(workflow_execution_retention_ttl=Duration(seconds=days * _DAY))
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace=namespace, config=config), timeout=RPC_TIMEOUT
    )


async def _search_attributes(client: Client, namespace: Namespace) -> list[Difference]:
    if not namespace.search_attributes:
        return []
    there = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=namespace.name), timeout=RPC_TIMEOUT
    )
    known = {**there.system_attributes, **there.custom_attributes}
    found: list[Difference] = []
    for attribute in namespace.search_attributes:
        if attribute.name not in known:
            found.append(_missing(client, namespace.name, attribute))
        elif known[attribute.name] != _kind(attribute):
            found.append(
                Difference(
                    f"The search attribute {attribute.name} is of another type there than {attribute.kind}. Choose "
                    "another name, or have it removed: temporal operator search-attribute remove"
                )
            )
    return found


def _missing(client: Client, namespace: str, attribute: SearchAttribute) -> Mendable:
    return Mendable(
        f"The search attribute {attribute.name} is not there.",
        f"added the search attribute {attribute.name} ({attribute.kind})",
        partial(_add, client, namespace, attribute),
    )


async def _add(client: Client, namespace: str, attribute: SearchAttribute) -> None:
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=namespace, search_attributes={attribute.name: _kind(attribute)}),
        timeout=RPC_TIMEOUT,
    )


def _kind(attribute: SearchAttribute) -> IndexedValueType.ValueType:
    words = "KEYWORD_LIST" if attribute.kind == "KeywordList" else attribute.kind.upper()
    return IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{words}")
