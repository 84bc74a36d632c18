"""For whom an agent works is what the root's issuer signed, and nothing else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements import cbor
from audit.statements.acting import EXTENSION, Acting, acting_of, read
from audit.statements.statements import MalformedStatement
from tests.gates.people import Keys
from warrants.minting.extending import with_extensions

ADA = Acting("incident-agent", "local:ada")


def test_the_root_says_for_whom() -> None:
    assert acting_of([Keys().warrant({"read": {}}, {}, acting=ADA)]) == ADA
    assert acting_of([Keys().warrant({"read": {}}, {})]) is None


def test_a_warrant_that_the_agent_handed_itself_says_nothing_of_it() -> None:
    keys = Keys()
    root = keys.warrant({"read": {}}, {})
    child = root.attenuate_builder()
    child.inherit_all()
    plain = child.delegate(keys.holder)
    holder = Ed25519PrivateKey.from_private_bytes(bytes(keys.holder.secret_key_bytes()))
    forged = with_extensions(plain, {EXTENSION: ADA.to_bytes()}, holder)
    assert bytes(forged.extension(EXTENSION)) == ADA.to_bytes()
    assert acting_of([root, forged]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        cbor.encode([]),
        cbor.encode({"agent": "a"}),
        cbor.encode({"agent": "a", "person": "p", "more": 1}),
        cbor.encode({"agent": "", "person": "p"}),
        cbor.encode({"agent": "a", "person": ""}),
        cbor.encode({"agent": "a", "person": 5}),
        cbor.encode({"agent": "a" * 65, "person": "p"}),
        cbor.encode({"agent": "a", "person": "p" * 321}),
        ADA.to_bytes() + b"\x00",
    ],
)
def test_what_is_not_of_the_one_form_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedStatement) as refused:
        read(data)
    assert refused.value.field == "acting"


def test_it_is_read_as_it_is_written() -> None:
    assert read(ADA.to_bytes()) == ADA
