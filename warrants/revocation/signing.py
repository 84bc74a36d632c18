"""Signing Tenuo's revocation list with a key that need not be in memory.

    list    = map {"payload": map {"revoked_ids", "version", "issued_at", "issuer"}, "signature": [1, bstr]}
    message = "tenuo-warrant-v1" || "tenuo-srl-v1" || payload              no version byte, unlike a warrant's

Tenuo builds the list with a key that is thrown away; the issuer takes that key's place in the payload and signs it.
"""

from __future__ import annotations

import cbor2
import tenuo_core

from audit.statements.statements import Signer

_CONTEXT = b"tenuo-warrant-v1" + b"tenuo-srl-v1"


def signed(builder: tenuo_core.SrlBuilder, signer: Signer) -> bytes:
    """Return the list that ``builder`` holds, signed by ``signer``. Raises what its ``sign`` raises."""
    facts = cbor2.loads(bytes(builder.build(tenuo_core.SigningKey.generate()).to_bytes()))
    issuer = signer.public_key().public_bytes_raw()
    payload = {**facts["payload"], "issuer": [1, issuer]}
    data = cbor2.dumps({"payload": payload, "signature": [1, signer.sign(_CONTEXT + cbor2.dumps(payload))]})
    read = tenuo_core.SignedRevocationList.from_bytes(data)
    read.verify(tenuo_core.PublicKey.from_bytes(issuer))
    if bytes(read.to_bytes()) != data:
        raise ValueError("Tenuo reads the revocation list differently from how it was written.")
    return data
