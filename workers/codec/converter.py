"""What a Temporal client needs so that nothing it sends can be read on the server.

    client = await Client.connect(address, namespace="finance-ai-prd", **client_options(rings, "finance-ai-prd"))

All three parts are needed: the codec, failures whose text goes through it, and headers that go through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from temporalio.api.common.v1 import Payload
from temporalio.common import HeaderCodecBehavior
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
)

from workers.codec.codec import PayloadEncryption
from workers.codec.errors import PayloadTooLarge
from workers.codec.exchanges import Exchanges
from workers.codec.rings import RingSource

# Temporal's own limit for what one event carries ("limit.blobSize.error").
LARGEST_BYTES = 2 * 1024 * 1024
# What sealing adds to a payload, at most: metadata, nonce, tag, a long key id or ring name, the longest workflow id.
ADDED_BYTES = 1536


class ClientOptions(TypedDict):
    """Arguments of ``Client.connect``, and entries of ``client.config()``."""

    data_converter: DataConverter
    header_codec_behavior: HeaderCodecBehavior


class SizedPayloadConverter(DefaultPayloadConverter):
    """Refuses what Temporal would not take, where it is said: in the workflow's or activity's own code.

    Found out later, in a workflow task's completion, the task would be tried again for ever.
    """

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """Return the payloads of ``values``. Raises ``PayloadTooLarge``."""
        payloads = super().to_payloads(values)
        size = sum(payload.ByteSize() + ADDED_BYTES for payload in payloads)
        if size > LARGEST_BYTES:
            raise PayloadTooLarge(size=size, largest=LARGEST_BYTES)
        return payloads


def client_options(
    rings: RingSource,
    namespace: str,
    *,
    exchanges: Exchanges | None = None,
    refuses_plaintext: bool = False,
    seals: bool = True,
) -> ClientOptions:
    """Return what to give ``Client.connect`` (and ``Replayer``) so that everything is encrypted, headers too.

    ``rings``: where keys come from. ``refuses_plaintext``: nothing that was not encrypted is read. Without ``seals``
    nothing is encrypted, and what was encrypted before can be read.
    """
    codec = PayloadEncryption(rings, namespace, exchanges=exchanges, refuses_plaintext=refuses_plaintext, seals=seals)
    converter = DataConverter(
        payload_converter_class=SizedPayloadConverter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
    return ClientOptions(data_converter=converter, header_codec_behavior=HeaderCodecBehavior.CODEC)
