"""What a payload codec refuses. Every message says what to do and holds nothing of the payload.

In a workflow task such an error is tried again for ever, with the worker that has the key as soon as there is one:
nothing is lost. It is therefore never a non-retryable ``ApplicationError``.
"""

from __future__ import annotations

from temporalio.exceptions import ApplicationError

from audit.sealing import SealingError

TOO_LARGE = "PAYLOAD_TOO_LARGE"


class PayloadMalformed(SealingError):
    """A payload says that it is encrypted, and is not in the form that this codec makes."""

    code = "PAYLOAD_MALFORMED"

    def __init__(self, *, field: str, namespace: str) -> None:
        super().__init__(
            f"An encrypted payload in namespace {namespace!r} cannot be read here (its {field}): another codec made "
            "it, or it was changed. Let this namespace's payloads be encrypted by Countersign's codec alone."
        )


class PlaintextRefused(SealingError):
    """A payload came in plaintext where that is refused."""

    code = "PAYLOAD_IN_PLAINTEXT"

    def __init__(self, *, encoding: str, namespace: str) -> None:
        super().__init__(
            f"A payload in namespace {namespace!r} is in plaintext ({encoding}), which is refused there. Put the codec "
            "on the client that sent it, or let PAYLOAD_ENCRYPTION accept plaintext in this namespace."
        )


class ForeignRing(SealingError):
    """A payload was sealed with a ring that is none of this client's."""

    code = "PAYLOAD_OF_ANOTHER_RING"

    def __init__(self, *, ring: str, namespace: str) -> None:
        super().__init__(
            f"A payload in namespace {namespace!r} was sealed with the ring {ring!r}, which this client does not use. "
            "If it came over Nexus, give the codec the exchange key of its endpoint."
        )


class RingUnavailable(SealingError):
    """No ring can be had now, and none is remembered."""

    code = "RING_UNAVAILABLE"

    def __init__(self, *, namespace: str, reason: str) -> None:
        super().__init__(f"The keys of namespace {namespace!r} cannot be read: {reason}")


class PayloadTooLarge(ApplicationError):
    """A message is larger than Temporal takes. Final: the same message never gets smaller."""

    def __init__(self, *, size: int, largest: int) -> None:
        super().__init__(
            f"This message has {size:,} bytes once encrypted, and Temporal takes {largest:,}. Pass a reference instead "
            "(the key of an object in a store), or less.",
            size,
            type=TOO_LARGE,
            non_retryable=True,
        )
