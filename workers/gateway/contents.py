"""What a request addresses, read from its body: every namespace, Nexus endpoint, callback and queue in it.

The whole message is walked, so that what is nested (operations, commands of a workflow task) is seen wherever it is.
Payloads and other content is not looked into. A field that this version of the API does not know is refused: a newer
server would act on what could not be checked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from workers.gateway.errors import ForeignTask, UnreadableRequest

_COMMON = "temporal.api.common.v1."
# Content, and references that the server only records.
_OPAQUE = frozenset(
    {
        *(_COMMON + name for name in ("Payload", "Payloads", "Header", "Memo", "SearchAttributes", "Link")),
        "temporal.api.failure.v1.Failure",
        "temporal.api.nexus.v1.Link",
        "google.protobuf.Any",
    }
)
_CALLBACK = _COMMON + "Callback"
_TASK_QUEUE = "temporal.api.taskqueue.v1.TaskQueue"
# Messages by which a Nexus endpoint is called, and the field that names it.
_CALLS_ENDPOINT = {
    "temporal.api.command.v1.ScheduleNexusOperationCommandAttributes": "endpoint",
    "temporal.api.workflowservice.v1.StartNexusOperationExecutionRequest": "endpoint",
    "temporal.api.compute.v1.ComputeProvider": "nexus_endpoint",
}
# Wherever it stands: a partition of a queue is named after it.
_SERVER_QUEUES = "temporal-sys-"
# The server's own address for the end of a Nexus operation, and the header that says whose it is.
_CALLBACK_SCHEME = "temporal://"
_CALLBACK_TOKEN = "temporal-callback-token"  # noqa: S105
_ID_FIELD = 1
_WORKFLOW_FIELD = 2
# Their tokens' second field is the name of a task queue.
_OF_A_QUEUE = ("RespondQueryTask", "RespondNexusTask")
_TEXT_FIELDS = frozenset({_ID_FIELD, _WORKFLOW_FIELD})
_LENGTH_DELIMITED = 2
_MAXIMUM_TOKEN = 64 * 1024


@dataclass(slots=True)
class Contents:
    """What a request says. ``namespace`` is its own; ``others`` those it addresses beside it."""

    namespace: str = ""
    others: set[str] = field(default_factory=set)
    endpoints: set[str] = field(default_factory=set)
    callback_owners: set[str] = field(default_factory=set)
    server_queues: set[str] = field(default_factory=set)
    namespace_id: str = ""
    task_owner: str | None = None
    workflow_id: str = ""


def read(kind: type[Message], body: bytes) -> Contents:
    """Return what the message ``body`` of class ``kind`` addresses. Raises ``UnreadableRequest``, ``ForeignTask``.

    ``callback_owners`` and ``task_owner`` are namespace ids, as the tokens in the request claim them.
    """
    try:
        message = kind.FromString(body)
    except DecodeError:
        raise UnreadableRequest("The request is no message of this method.") from None
    contents = Contents(namespace=str(getattr(message, "namespace", "")))
    _walk(message, contents)
    contents.others.discard(contents.namespace)
    contents.workflow_id = _workflow_id(message)
    if "task_token" in message.DESCRIPTOR.fields_by_name:
        contents.task_owner, workflow_id = _task(message.task_token)  # type: ignore[attr-defined]
        if not message.DESCRIPTOR.name.startswith(_OF_A_QUEUE):
            contents.workflow_id = contents.workflow_id or workflow_id
    if message.DESCRIPTOR.name == "DescribeNamespaceRequest":
        contents.namespace_id = message.id  # type: ignore[attr-defined]
    return contents


def _walk(message: Message, contents: Contents) -> None:
    # The stack is ours: a request may be nested deeper than Python would recurse.
    waiting = [message]
    while waiting:
        found = waiting.pop()
        if len(UnknownFieldSet(found)):
            raise UnreadableRequest(
                f"The request holds a field of {found.DESCRIPTOR.name} that this gateway does not know. "
                "Its API is older than the caller's: update the gateway."
            )
        _note(found, contents)
        waiting += _inner(found)


def _note(message: Message, contents: Contents) -> None:
    name = message.DESCRIPTOR.full_name
    for label in _namespace_fields(message.DESCRIPTOR):
        if value := getattr(message, label):
            contents.others.add(value)
    if name in _CALLS_ENDPOINT:
        contents.endpoints |= {getattr(message, _CALLS_ENDPOINT[name])} - {""}
    elif name == _CALLBACK:
        contents.callback_owners.add(_callback_owner(message))
    elif name == _TASK_QUEUE and _SERVER_QUEUES in message.name:  # type: ignore[attr-defined]
        contents.server_queues.add(message.name)  # type: ignore[attr-defined]


def _inner(message: Message) -> Iterator[Message]:
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        if not descriptor.is_repeated:
            inner = [value]
        elif not descriptor.message_type.GetOptions().map_entry:
            inner = list(value)
        elif descriptor.message_type.fields_by_name["value"].message_type is None:
            continue
        else:
            inner = list(value.values())
        yield from (item for item in inner if item.DESCRIPTOR.full_name not in _OPAQUE)


@cache
def _namespace_fields(descriptor: Descriptor) -> list[str]:
    return [
        found.name
        for found in descriptor.fields
        if found.type == FieldDescriptor.TYPE_STRING
        and not found.is_repeated
        and (found.name == "namespace" or found.name.endswith("_namespace"))
    ]


def _workflow_id(message: Message) -> str:
    for name in ("workflow_execution", "execution"):
        if name in message.DESCRIPTOR.fields_by_name:
            return str(getattr(getattr(message, name), "workflow_id", ""))
    return str(getattr(message, "workflow_id", ""))


def _task(token: bytes) -> tuple[str, str]:
    """Return the ids of namespace and workflow that a task token is for."""
    fields = _texts(token)
    return fields.get(_ID_FIELD, ""), fields.get(_WORKFLOW_FIELD, "")


def _callback_owner(callback: Message) -> str:
    """Return the id of the namespace whose Nexus operation ``callback`` ends. Raises ``ForeignTask``."""
    if callback.WhichOneof("variant") == "nexus":
        target = callback.nexus  # type: ignore[attr-defined]
        tokens = [value for name, value in target.header.items() if name.lower() == _CALLBACK_TOKEN]
        owner = _completion_owner(tokens[0]) if len(tokens) == 1 else ""
        if owner and target.url.startswith(_CALLBACK_SCHEME):
            return owner
    raise ForeignTask("A completion callback must be one that the server made for a Nexus operation.")


def _completion_owner(token: str) -> str:
    try:
        found = json.loads(token, object_pairs_hook=list)
        # The server's reader takes the last of names that differ in case only: these two may stand there, once each.
        if sorted(name for name, _ in found) != ["d", "v"]:
            return ""
        return _texts(base64.urlsafe_b64decode(dict(found)["d"])).get(_ID_FIELD, "")
    except (ValueError, TypeError, RecursionError):
        return ""


def _texts(data: bytes) -> dict[int, str]:
    """Return the text fields of a message whose definition the server keeps to itself; the last of each counts."""
    if len(data) > _MAXIMUM_TOKEN:
        return {}
    try:
        fields = UnknownFieldSet(Empty.FromString(data))
        texts = [fields[index] for index in range(len(fields)) if fields[index].wire_type == _LENGTH_DELIMITED]
        return {text.field_number: text.data.decode() for text in texts if text.field_number in _TEXT_FIELDS}
    except (DecodeError, UnicodeDecodeError):
        return {}
