"""The few private names of Tenuo that the gate needs, in one place.

``tenuo`` is pinned exactly; ``tests/gates/test_tenuo_internals.py`` fails when an upgrade
moves or changes one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import tenuo_core
from tenuo.control_plane import _DECISION_CODE_BY_ERROR_TYPE, _POP_ESTABLISHED_ERROR_TYPES
from tenuo.temporal._constants import TENUO_APPROVALS_HEADER, TENUO_ARG_KEYS_HEADER, TENUO_CHAIN_HEADER
from tenuo.temporal._decorators import _warrant_tool_name_for_activity_type
from tenuo.temporal._headers import _extract_warrant_from_headers, _unwrap_payload_headers
from tenuo.temporal._nexus import _nexus_verified_warrant
from tenuo.temporal._pop import _add_workflow_scope
from tenuo.temporal._state import (
    _activity_warrant_override,
    _current_run_key,
    _pending_child_headers,
    _store_lock,
    _workflow_headers_store,
)
from tenuo.temporal_plugin import TenuoTemporalPlugin

APPROVALS_HEADER = TENUO_APPROVALS_HEADER
HEADER_PREFIX = "x-tenuo-"


def plain_headers(headers: Mapping[str, Any] | None) -> dict[str, bytes]:
    """Return Tenuo's own headers, as bytes."""
    return {key: value for key, value in _unwrap_payload_headers(headers).items() if key.startswith(HEADER_PREFIX)}


def warrant_chain(headers: Mapping[str, bytes]) -> list[tenuo_core.Warrant]:
    """Return the warrants in ``headers``, root first; empty if there are none.

    Raises Tenuo's own errors for bytes that are no warrant.
    """
    leaf = _extract_warrant_from_headers(dict(headers))
    if leaf is None:
        return []
    stack = headers.get(TENUO_CHAIN_HEADER)
    return list(tenuo_core.decode_warrant_stack_base64(stack.decode())) if stack else [leaf]


def argument_names(headers: Mapping[str, bytes]) -> list[str]:
    """Return the names of a dispatched activity's arguments, in order."""
    names = headers.get(TENUO_ARG_KEYS_HEADER, b"").decode(errors="replace")
    return names.split(",") if names else []


def delegated_chain(headers: Mapping[str, Any]) -> list[tenuo_core.Warrant]:
    """Return the warrants of a dispatch that was delegated, root first; empty for a warrant of the issuer's own."""
    plain = plain_headers(headers)
    return warrant_chain(plain) if TENUO_CHAIN_HEADER in plain else []


def warrant_chain_of(headers: Mapping[str, Any]) -> list[tenuo_core.Warrant]:
    """Return the warrants of a dispatch, root first."""
    return warrant_chain(plain_headers(headers))


def keep_headers(run_headers: Mapping[str, bytes]) -> None:
    """Put the warrant of the run that calls this back, if Tenuo has forgotten it.

    Tenuo keeps it by run for the whole process, until the run's coroutine ends: one that was evicted, or belonged to a
    worker that stopped, may end after another one has taken the run over.
    """
    with _store_lock:
        _workflow_headers_store.setdefault(_current_run_key(), dict(run_headers))


def headers_of_next_activity(run_headers: dict[str, bytes]) -> dict[str, bytes]:
    """Return the headers that Tenuo will sign the next activity under: the run's, unless overridden."""
    override = _activity_warrant_override.get()
    return dict(override) if override is not None else run_headers


def trust(plugin: TenuoTemporalPlugin, roots: Sequence[tenuo_core.PublicKey]) -> None:
    """Have ``plugin``'s worker believe ``roots``, and no others, from its next activity or operation on.

    Tenuo makes an authorizer from these for each; its own ``trusted_roots_provider`` is asked once, when a worker
    starts. One that is under way ends as it would have.
    """
    config = plugin._tenuo_config
    config.trusted_roots = list(roots)
    # What it falls back to, and what a copy of the configuration begins with.
    config._record_provider_snapshot(trusted_roots=roots)
    if config.runtime is not None:
        config.runtime.trusted_roots = list(roots)


@contextmanager
def without_warrant() -> Iterator[None]:
    """Dispatch Countersign's own activities: they carry no warrant and need none."""
    token = _activity_warrant_override.set({})
    try:
        yield
    finally:
        _activity_warrant_override.reset(token)


def child_has_own_headers(child_id: str) -> bool:
    """Return whether Tenuo was told which warrant this child workflow gets."""
    return child_id in _pending_child_headers


def tool_name(activity_type: str, function: Callable[..., Any] | None) -> str:
    """Return the name that the warrant knows an activity by."""
    name = _warrant_tool_name_for_activity_type(None, activity_type, function)
    return str(name)


def warrant_of_operation() -> tenuo_core.Warrant:
    """Return the warrant under which the Nexus operation being handled was asked for; Tenuo has verified it.

    Raises ``LookupError`` where it verified none: on a worker without its plugin.
    """
    warrant = _nexus_verified_warrant.get()
    if warrant is None:
        raise LookupError("No warrant was verified for this Nexus operation.")
    return warrant


def with_workflow_scope(
    warrant: tenuo_core.Warrant, tool: str, arguments: dict[str, Any], namespace: str, workflow_id: str
) -> dict[str, Any]:
    """Return ``arguments`` with the workflow's identity where the warrant constrains it, as Tenuo signs them."""
    return dict(_add_workflow_scope(warrant, tool, arguments, namespace, workflow_id))


def decision_code(error_type: str | None) -> str:
    """Return a receipt's decision code for an enforcement error type."""
    if not error_type:
        return "authorization-failed"
    return str(_DECISION_CODE_BY_ERROR_TYPE.get(error_type, error_type.replace("_", "-")))


def proves_possession(error_type: str | None) -> bool:
    """Return whether a denial of this type came after the proof of possession had been verified."""
    return error_type in _POP_ESTABLISHED_ERROR_TYPES
