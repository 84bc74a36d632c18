"""Why payloads were not decoded. Rendered in one place, ``answers``; no sentence holds anything of a payload."""

from __future__ import annotations

from typing import ClassVar


class CodecServerError(Exception):
    """``field`` is the path of what is wrong, or empty; the sentence says what to do."""

    code: ClassVar[str] = "refused"
    http_status: ClassVar[int] = 400

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


# --- Who asks, from where -------------------------------------------------------------------


class SignedOut(CodecServerError):
    code = "signed_out"
    http_status = 401

    def __init__(self) -> None:
        super().__init__(
            "You are not signed in, so nothing was decoded. In Temporal's UI: sign in to Countersign in this browser "
            "and switch on 'Include cross-origin credentials'. On the command line: give a token of yours with "
            "--codec-auth 'Bearer TOKEN'."
        )


class ForeignOrigin(CodecServerError):
    """A browser's session counts for Temporal's UI alone."""

    code = "foreign_origin"
    http_status = 403

    def __init__(self) -> None:
        super().__init__(
            "Payloads are decoded for Temporal's UI at the address in TEMPORAL_UI, and for programs with a token. "
            "This came from somewhere else."
        )


class MayNotRead(CodecServerError):
    """The same whether the namespace exists or not."""

    code = "may_not_read"
    http_status = 403

    def __init__(self, *, namespace: str) -> None:
        super().__init__(
            f"You may not read payloads of namespace {namespace!r}. A security administrator gives the role "
            "payload_reader there.",
            field="namespace",
        )


class TooManyReads(CodecServerError):
    code = "too_many_reads"
    http_status = 429

    def __init__(self) -> None:
        super().__init__("You asked for too many payloads in a short time. Wait a minute, then try again.")


# --- What is asked --------------------------------------------------------------------------


class NotJson(CodecServerError):
    code = "not_json"
    http_status = 415

    def __init__(self) -> None:
        super().__init__("Send payloads as they are, with Content-Type: application/json and no Content-Encoding.")


class TooLarge(CodecServerError):
    code = "too_large"
    http_status = 413

    def __init__(self, *, payloads: int, mebibytes: int) -> None:
        super().__init__(f"Send at most {payloads} payloads and {mebibytes} MiB at once.", field="payloads")


class MalformedPayloads(CodecServerError):
    code = "malformed"

    def __init__(self) -> None:
        super().__init__(
            "This is not protobuf JSON of temporal.api.common.v1.Payloads, such as "
            '{"payloads": [{"metadata": {"encoding": BASE64}, "data": BASE64}]}.',
            field="payloads",
        )


class NoNamespace(CodecServerError):
    code = "no_namespace"

    def __init__(self) -> None:
        super().__init__(
            "Name one Temporal namespace: in the address, /codec/NAMESPACE/decode, or in the header X-Namespace. "
            "If both name one, it must be the same.",
            field="namespace",
        )


class UnknownNamespace(CodecServerError):
    """Only somebody who may read every namespace learns this."""

    code = "unknown_namespace"
    http_status = 404

    def __init__(self, *, namespace: str) -> None:
        super().__init__(
            f"Namespace {namespace!r} has no keys here, so nothing of it can be decoded.", field="namespace"
        )


class UnreadablePayload(CodecServerError):
    """A key that is not in the ring, changed bytes, another namespace's payload: one answer for all."""

    code = "unreadable_payload"

    def __init__(self, *, position: int, namespace: str) -> None:
        super().__init__(
            f"This payload does not open with the keys of namespace {namespace!r}: it was changed, belongs to another "
            "namespace, or its key is gone.",
            field=f"payloads[{position}]",
        )


# --- What is not there ----------------------------------------------------------------------


class KeysUnavailable(CodecServerError):
    code = "keys_unavailable"
    http_status = 503

    def __init__(self, *, namespace: str) -> None:
        super().__init__(f"The keys of namespace {namespace!r} cannot be opened here. An operator has to look.")


class NotRecorded(CodecServerError):
    """No entry, no plaintext."""

    code = "not_recorded"
    http_status = 503

    def __init__(self) -> None:
        super().__init__("The ledger could not record this, so nothing was decoded. Try again in a moment.")
