"""The table of methods against Temporal's own descriptors."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import temporalio.api
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from workers.gateway.contents import _OPAQUE
from workers.gateway.methods import BY_TASK_TOKEN, METHODS, OPERATOR_SERVICE, WORKFLOW_SERVICE, Access
from workers.gateway.rights import rights_of

WITHOUT_NAMESPACE = (Access.ANYBODY, Access.SYSTEM, Access.CLOSED)


def described(service: str) -> set[str]:
    """Return the methods in the descriptor that temporalio ships; the module itself needs more than it brings."""
    folder = service.split(".")[2]
    source = (Path(temporalio.api.__path__[0]) / folder / "v1" / "service_pb2.py").read_text()
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    (blob,) = [ast.literal_eval(node.args[0]) for node in calls if ast.unparse(node.func).endswith("AddSerializedFile")]
    file = FileDescriptorProto.FromString(blob)
    for method in file.service[0].method:
        assert not method.client_streaming
        assert not method.server_streaming
    return {f"/{service}/{method.name}" for method in file.service[0].method}


@pytest.mark.parametrize("service", [WORKFLOW_SERVICE, OPERATOR_SERVICE])
def test_the_table_holds_exactly_the_methods_that_temporal_has(service: str) -> None:
    assert {path for path in METHODS if path.startswith(f"/{service}/")} == described(service)


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_a_method_that_needs_a_right_in_a_namespace_names_it_in_its_body(method) -> None:
    has_namespace = method.request is not None and "namespace" in method.request.DESCRIPTOR.fields_by_name
    assert has_namespace or method.access in WITHOUT_NAMESPACE


def test_methods_by_task_token_are_for_workers() -> None:
    assert len(BY_TASK_TOKEN) == 9
    assert {METHODS[path].access for path in BY_TASK_TOKEN} == {Access.WORKER}


def test_no_request_has_a_field_for_a_namespace_endpoint_or_token_that_was_not_thought_of() -> None:
    known = {
        "namespace", "endpoint", "nexus_endpoint", "task_token", "completion_callbacks",
        "attach_completion_callbacks", "next_page_token", "conflict_token", "long_poll_token", "security_token",
        # Told to the codec of who carries a payload on; nothing is called by it.
        "propagated_nexus_serialization_context", "operation_token",
        # Of those who may write to every namespace.
        "is_global_namespace", "promote_namespace", "namespace_filter", "namespace_id", "namespace_delete_delay",
    }  # fmt: skip
    words = ("namespace", "endpoint", "token", "callback")
    found = {name for method in METHODS.values() if method.request for name in names(method.request.DESCRIPTOR, set())}
    assert {name for name in found if any(word in name for word in words)} <= known


def names(descriptor: Descriptor, seen: set[str]) -> Iterator[str]:
    if descriptor.full_name in _OPAQUE or descriptor.full_name in seen:
        return
    seen.add(descriptor.full_name)
    for field in descriptor.fields:
        yield field.name
        if field.message_type is not None:
            yield from names(field.message_type, seen)


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        (["stg:read"], {Access.READ, Access.MEMBER}),
        (["stg:worker"], {Access.WORKER, Access.MEMBER}),
        (["stg:write"], {Access.READ, Access.WRITE, Access.WORKER, Access.MEMBER}),
        (["stg:admin"], {Access.READ, Access.WRITE, Access.WORKER, Access.ADMIN, Access.MEMBER}),
        (["stg:nexus"], set()),
        (["stg:WRITE"], {Access.READ, Access.WRITE, Access.WORKER, Access.MEMBER}),
        (["temporal-system:read"], {Access.READ, Access.MEMBER}),
        (["system:admin"], set(Access) - {Access.CLOSED}),
        (["prd:admin", "stg", ":admin", "stg:", "stg:root", "Stg:admin", "*:admin"], set()),
        ("stg:admin", set()),
        ([["stg:admin"], {"stg": "admin"}, None, 7], set()),
        (None, set()),
    ],
)
def test_what_permissions_allow_in_stg(permissions, allowed) -> None:
    rights = rights_of(permissions)
    assert {access for access in Access if rights.allow(access, "stg")} == allowed | {Access.ANYBODY}
