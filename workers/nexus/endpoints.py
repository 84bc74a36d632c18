"""Nexus endpoints at the Temporal server: an operator makes them, once, and looks whether they still are as they were.

They are the whole server's: each is a name with one namespace and one task queue behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

from temporalio.api.nexus.v1 import Endpoint as ServerEndpoint
from temporalio.api.nexus.v1 import EndpointSpec, EndpointTarget
from temporalio.api.operatorservice.v1 import CreateNexusEndpointRequest, ListNexusEndpointsRequest
from temporalio.client import Client


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A name that callers use, and who handles what they ask."""

    name: str
    namespace: str
    task_queue: str

    @property
    def target(self) -> str:
        return f"{self.namespace}/{self.task_queue}"


class EndpointTaken(Exception):
    """An endpoint of that name leads elsewhere. Nothing was changed: perhaps somebody needs it."""

    def __init__(self, endpoint: Endpoint, found: Endpoint) -> None:
        super().__init__(
            f"The Nexus endpoint {endpoint.name} leads to {found.target}, not to {endpoint.target}. If nobody uses it, "
            f"delete it (temporal operator nexus endpoint delete --name {endpoint.name}) and run this again."
        )


async def missing(client: Client, wanted: list[Endpoint]) -> list[Endpoint]:
    """Return those of ``wanted`` that are not there. Raises ``EndpointTaken`` for one that leads elsewhere."""
    found = {one.name: one for one in [_read(row) for row in await _list(client)]}
    for endpoint in wanted:
        if endpoint.name in found and found[endpoint.name] != endpoint:
            raise EndpointTaken(endpoint, found[endpoint.name])
    return [endpoint for endpoint in wanted if endpoint.name not in found]


async def make(client: Client, endpoint: Endpoint) -> None:
    """Make an endpoint that the server does not have. Raises ``RPCError``."""
    target = EndpointTarget(worker=EndpointTarget.Worker(namespace=endpoint.namespace, task_queue=endpoint.task_queue))
    await client.operator_service.create_nexus_endpoint(
        CreateNexusEndpointRequest(spec=EndpointSpec(name=endpoint.name, target=target))
    )


async def _list(client: Client) -> list[ServerEndpoint]:
    rows: list[ServerEndpoint] = []
    token = b""
    while True:
        page = await client.operator_service.list_nexus_endpoints(
            ListNexusEndpointsRequest(page_size=100, next_page_token=token)
        )
        rows.extend(page.endpoints)
        token = page.next_page_token
        if not token:
            return rows


def _read(row: ServerEndpoint) -> Endpoint:
    worker = row.spec.target.worker
    return Endpoint(row.spec.name, worker.namespace, worker.task_queue)
