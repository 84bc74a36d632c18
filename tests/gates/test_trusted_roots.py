"""Roots that follow one another on a worker that runs, and sets that it does not believe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements.statements import Context, MalformedStatement, sign
from audit.statements.trusted_roots import MAXIMUM_ROOTS, facts_of, parse_trusted_roots
from tests.gates import agents
from tests.gates.conftest import Floor
from tests.gates.people import Keys
from tests.gates.test_worker_safety import signed_list
from workers.gates.key_revocations import KeyRevocations
from workers.gates.revocation import Revocation, RevocationRefused
from workers.gates.trusted_roots import RootsRefused, TrustedRoots


def signed_set(number: int, *roots: Keys, by: Keys) -> bytes:
    facts = facts_of(at=1, number=number, roots=[keys.root for keys in roots])
    return sign(Context.TRUSTED_ROOTS, facts, by.issuing_key).to_bytes()


@pytest.fixture
def old() -> Keys:
    return Keys()


@pytest.fixture
def new() -> Keys:
    return Keys()


# --- What is believed -----------------------------------------------------------------------


def test_a_root_follows_another_on_its_word(old, new):
    roots = TrustedRoots([old.root])
    assert roots.apply([signed_set(1, old, new, by=old)])
    assert roots.keys == {old.root, new.root}
    assert roots.apply([signed_set(2, new, by=new)])
    assert (roots.keys, roots.number) == ({new.root}, 2)


def test_a_worker_that_missed_some_comes_to_the_last(old, new):
    third = Keys()
    sets = [
        signed_set(1, old, new, by=old),
        signed_set(2, old, new, by=new),
        signed_set(3, new, by=new),
        signed_set(4, new, third, by=new),
    ]
    for begins_with in ([old.root], [new.root]):
        roots = TrustedRoots(begins_with)
        assert roots.apply(sets)
        assert (roots.keys, roots.number) == ({new.root, third.root}, 4)
        assert not roots.apply(sets)


def test_a_foreign_set_changes_nothing(old, new):
    roots, mallory = TrustedRoots([old.root]), Keys()
    for sets in (
        [signed_set(9, mallory, by=mallory)],
        [signed_set(9, mallory, old, by=mallory)],
        # Its own chain, one set on the word of the other.
        [signed_set(1, mallory, by=mallory), signed_set(2, mallory, new, by=mallory)],
    ):
        with pytest.raises(RootsRefused, match="not signed by a root that is trusted"):
            roots.apply(sets)
    assert (roots.keys, roots.number) == ({old.root}, 0)


def test_an_older_set_would_bring_a_retired_root_back(old, new):
    roots = TrustedRoots([old.root, new.root], number=2)
    assert roots.apply([signed_set(3, new, by=new)])
    with pytest.raises(RootsRefused, match="older"):
        roots.apply([signed_set(2, old, new, by=new)])
    with pytest.raises(RootsRefused, match="not signed by a root that is trusted"):
        roots.apply([signed_set(4, old, new, by=old)])  # signed by the retired root, and newer
    with pytest.raises(RootsRefused, match="another than the one"):
        roots.apply([signed_set(3, new, Keys(), by=new)])
    assert roots.keys == {new.root}


def test_what_can_be_believed_before_a_forged_set_is(old, new):
    roots, mallory = TrustedRoots([old.root]), Keys()
    with pytest.raises(RootsRefused):
        roots.apply([signed_set(1, old, new, by=old), signed_set(2, mallory, by=mallory)])
    assert (roots.keys, roots.number) == ({old.root, new.root}, 1)


@pytest.mark.parametrize(
    "facts",
    [
        {"at": 1, "number": 1, "roots": []},
        {"at": 1, "number": 0, "roots": "own"},
        {"at": 1, "number": 1, "roots": "own twice"},
        {"at": 1, "number": 1, "roots": "another's"},
        {"at": 1, "number": 1, "roots": [b"short"]},
        {"at": 1, "number": 1, "roots": "too many"},
        {"at": 1, "number": 1, "roots": "own", "more": 1},
        {"number": 1, "roots": "own"},
    ],
)
def test_an_empty_or_malformed_set_is_none(old, facts: dict[str, Any]):
    meant = {
        "own": [old.root],
        "own twice": [old.root, old.root],
        "another's": [Keys().root],
        "too many": sorted([old.root, *(Keys().root for _ in range(MAXIMUM_ROOTS))]),
    }
    facts = {**facts, "roots": meant[facts["roots"]] if isinstance(facts["roots"], str) else facts["roots"]}
    with pytest.raises(RootsRefused, match="cannot be used"):
        TrustedRoots([old.root]).apply([sign(Context.TRUSTED_ROOTS, facts, old.issuing_key).to_bytes()])


def test_a_statement_of_another_kind_or_with_another_signature_is_no_set(old):
    facts = facts_of(at=1, number=1, roots=[old.root])
    forged = replace(sign(Context.TRUSTED_ROOTS, facts, Ed25519PrivateKey.generate()), signer_key=old.root)
    for data in (sign(Context.ENDORSEMENT, facts, old.issuing_key).to_bytes(), forged.to_bytes(), b"", b"\xa0"):
        with pytest.raises(MalformedStatement):
            parse_trusted_roots(data)


def test_a_root_that_is_no_key_of_its_curve_is_refused(old):
    facts = facts_of(at=1, number=1, roots=[old.root, bytes([2]) + bytes(31)])
    roots = TrustedRoots([old.root])
    with pytest.raises(RootsRefused):
        roots.apply([sign(Context.TRUSTED_ROOTS, facts, old.issuing_key).to_bytes()])
    assert roots.keys == {old.root}


# --- Lists under another root ---------------------------------------------------------------


def test_lists_go_on_under_the_next_root_and_none_of_a_retired_one_counts(old, new):
    roots = TrustedRoots([old.root])
    revocation, keys = Revocation(roots), KeyRevocations(roots)
    assert revocation.apply(signed_list(old, 1))
    with pytest.raises(RevocationRefused, match="trusted root"):
        revocation.apply(signed_list(new, 2))
    roots.apply([signed_set(1, old, new, by=old)])
    assert revocation.apply(signed_list(new, 2))
    assert keys.apply(key_list(new, 1))
    roots.apply([signed_set(2, new, by=new)])
    with pytest.raises(RevocationRefused, match="trusted root"):
        revocation.apply(signed_list(old, 3))
    with pytest.raises(RevocationRefused, match="trusted root"):
        keys.apply(key_list(old, 2))
    assert revocation.apply(signed_list(new, 3))


def key_list(keys: Keys, number: int) -> bytes:
    return sign(Context.KEY_REVOCATIONS, {"at": 1, "keys": [], "number": number}, keys.issuing_key).to_bytes()


# --- On a live worker -----------------------------------------------------------------------


@pytest.mark.temporal
async def test_a_live_worker_believes_the_next_root_and_then_no_longer_the_one_before(floor: Floor) -> None:
    old, new = floor.keys, Keys(holder=floor.keys.holder)

    async def run(keys: Keys, *, revoked: tenuo_core.Warrant | None = None) -> str:
        warrant = revoked or keys.warrant({"read_logs": {}, "restart_service": {}}, {})
        return str(await (await floor.start(agents.ForgivingAgent, "checkout", warrant=warrant)).result())

    taken_back = new.warrant({"read_logs": {}, "restart_service": {}}, {})
    assert await run(old) == "restarted checkout"
    assert "not trusted" in await run(new)
    floor.gate_plugin.apply_revocation_list(signed_list(old, 1))
    floor.gate_plugin.apply_trusted_roots([signed_set(1, old, new, by=old)])
    assert await run(old) == await run(new) == "restarted checkout"
    floor.gate_plugin.apply_revocation_list(signed_list(new, 2, taken_back.id))
    assert await run(old) == await run(new) == "restarted checkout"
    assert "revoked" in await run(new, revoked=taken_back)
    floor.gate_plugin.apply_trusted_roots([signed_set(2, new, by=new)])
    assert await run(new) == "restarted checkout"
    assert "not trusted" in await run(old)
    assert "revoked" in await run(new, revoked=taken_back)


@pytest.mark.temporal
async def test_with_a_list_of_a_root_that_is_gone_nothing_runs_until_the_next_list(floor: Floor) -> None:
    old, new = floor.keys, Keys(holder=floor.keys.holder)

    async def run() -> str:
        warrant = new.warrant({"read_logs": {}, "restart_service": {}}, {})
        return str(await (await floor.start(agents.ForgivingAgent, "checkout", warrant=warrant)).result())

    floor.gate_plugin.apply_revocation_list(signed_list(old, 1))
    floor.gate_plugin.apply_trusted_roots([signed_set(1, old, new, by=old), signed_set(2, new, by=new)])
    assert await run() != "restarted checkout"
    floor.gate_plugin.apply_revocation_list(signed_list(new, 2))
    assert await run() == "restarted checkout"
