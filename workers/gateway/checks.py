"""Whether a caller may make a call: the decision, step by step. What is not clearly allowed is refused."""

from __future__ import annotations

from workers.gateway.contents import Contents
from workers.gateway.errors import ForeignTask, NamespaceMismatch, NamespaceMissing, NotPermitted
from workers.gateway.methods import BY_TASK_TOKEN, Access, Method
from workers.gateway.rights import Right, Rights
from workers.gateway.upstream import Upstream

_WITHOUT_NAMESPACE = frozenset({Access.ANYBODY, Access.SYSTEM, Access.CLOSED})


async def check(
    rights: Rights, method: Method, asked: Contents, *, named_in_metadata: list[str], upstream: Upstream
) -> None:
    """Check a call that says ``asked``.

    1. The body names a namespace, if the method has one; metadata that names one names the same.
    2. The caller has the right that the method needs there.
    3. Every other namespace in the body (of a nested operation, of a workflow's command): the right to write there.
    4. A task token, and an id beside the name, belong to the same namespace.
    5. A Nexus endpoint leads to a namespace, and a callback to one, that the caller may reach through Nexus.
    6. None of the server's own task queues is named.

    Raises ``NamespaceMissing``, ``NamespaceMismatch``, ``NotPermitted``, ``ForeignTask``, ``UpstreamAway``.
    """
    if method.access not in _WITHOUT_NAMESPACE and not asked.namespace:  # 1
        raise NamespaceMissing("The request names no namespace. Set it in the request itself.")
    if asked.namespace and any(name != asked.namespace for name in named_in_metadata):
        raise NamespaceMismatch("The metadata names another namespace than the request does.")
    if not rights.allow(method.access, asked.namespace):  # 2
        raise NotPermitted(_sentence(method, asked.namespace))
    for other in asked.others:  # 3
        if not rights.have(Right.WRITE, other):
            raise NotPermitted(f"The request reaches into the namespace {other!r}, where the token may not write.")
    await _check_ids(method, asked, upstream)  # 4
    await _check_nexus(rights, asked, upstream)  # 5
    if asked.server_queues and Right.ADMIN not in rights.system:  # 6
        raise NotPermitted("The request names a task queue of the server's own.")


def _sentence(method: Method, namespace: str) -> str:
    if method.access is Access.CLOSED:
        return f"{method.name} is closed here for everybody."
    if method.access is Access.SYSTEM:
        return f"{method.name} concerns every namespace: it needs temporal-system:admin."
    return f"{method.name} needs the right {method.access.value!r} in the namespace {namespace!r}."


async def _check_ids(method: Method, asked: Contents, upstream: Upstream) -> None:
    claimed = asked.task_owner if method.path in BY_TASK_TOKEN else asked.namespace_id
    if method.path not in BY_TASK_TOKEN and not claimed:
        return
    if not claimed or not await _is_id_of(claimed, asked.namespace, upstream):
        raise ForeignTask("The request's token or id does not belong to the namespace that the request names.")


async def _is_id_of(claimed: str, namespace: str, upstream: Upstream) -> bool:
    if not namespace:
        return False
    if await upstream.namespace_id(namespace) == claimed:
        return True
    # It may have been deleted and made again since we asked.
    return await upstream.namespace_id(namespace, anew=True) == claimed


async def _check_nexus(rights: Rights, asked: Contents, upstream: Upstream) -> None:
    for endpoint in asked.endpoints:
        target = await upstream.endpoint_target(endpoint)
        if not _may_cross(rights, target, asked.namespace):
            raise NotPermitted(f"The Nexus endpoint {endpoint!r} leads where the token may not call.")
    for owner in asked.callback_owners:
        reachable = [asked.namespace, *rights.reaching(Right.NEXUS)]
        ids = [await upstream.namespace_id(namespace) for namespace in reachable]
        if owner not in ids and Right.NEXUS not in rights.system:
            raise ForeignTask("The request's callback ends an operation of a namespace that the token may not answer.")


def _may_cross(rights: Rights, target: str, own: str) -> bool:
    return bool(target) and (target == own or rights.have(Right.NEXUS, target))
