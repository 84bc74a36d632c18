"""Why the gateway refuses a call. Each has a code for the audit log, gRPC's status, and a sentence for the caller."""

from __future__ import annotations

import grpc


class Refused(Exception):
    """The base of all below."""

    code = "refused"
    status = grpc.StatusCode.PERMISSION_DENIED


class TokenMissing(Refused):
    code = "token_missing"
    status = grpc.StatusCode.UNAUTHENTICATED


class TokenInvalid(Refused):
    code = "token_invalid"
    status = grpc.StatusCode.UNAUTHENTICATED


class KeysAway(Refused):
    """The issuer's keys cannot be had, so that no token can be believed."""

    code = "keys_away"
    status = grpc.StatusCode.UNAVAILABLE


class UnknownMethod(Refused):
    code = "unknown_method"


class UnreadableRequest(Refused):
    code = "unreadable_request"
    status = grpc.StatusCode.INVALID_ARGUMENT


class NamespaceMissing(Refused):
    code = "namespace_missing"
    status = grpc.StatusCode.INVALID_ARGUMENT


class NamespaceMismatch(Refused):
    code = "namespace_mismatch"


class NotPermitted(Refused):
    code = "not_permitted"


class ForeignTask(Refused):
    """A task token, a namespace id or a callback belongs to another namespace."""

    code = "foreign_task"


class UpstreamAway(Refused):
    """What has to be asked of the server before a call can be checked is not answered."""

    code = "upstream_away"
    status = grpc.StatusCode.UNAVAILABLE


class AuditAway(Refused):
    """The audit log cannot be written, and no call goes unrecorded."""

    code = "audit_away"
    status = grpc.StatusCode.UNAVAILABLE


class GatewayStopping(Refused):
    """The call was passed on, and the gateway stops before the server has answered."""

    code = "gateway_stopping"
    status = grpc.StatusCode.UNAVAILABLE
