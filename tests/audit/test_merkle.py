"""Merkle trees: against the definitions of RFC 6962 taken literally, and the reference vectors of transparency logs."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.statements import merkle

# The eight leaves of the reference tests of Certificate Transparency, and the roots of their first 1 to 8.
DATA = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    bytes.fromhex(text)
    for text in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
LEAVES = [merkle.leaf_hash(data) for data in DATA]


# RFC 6962 sections 2.1, 2.1.1 and 2.1.2, word for word.
def mth(data: list[bytes]) -> bytes:
    if not data:
        return hashlib.sha256(b"").digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = split(len(data))
    return hashlib.sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, data: list[bytes]) -> list[bytes]:
    if len(data) == 1:
        return []
    k = split(len(data))
    return [*path(m, data[:k]), mth(data[k:])] if m < k else [*path(m - k, data[k:]), mth(data[:k])]


def subproof(m: int, data: list[bytes], whole: bool) -> list[bytes]:
    if m == len(data):
        return [] if whole else [mth(data)]
    k = split(len(data))
    if m <= k:
        return [*subproof(m, data[:k], whole), mth(data[k:])]
    return [*subproof(m - k, data[k:], False), mth(data[:k])]


class Counted:
    """Reads perfect subtrees, and counts how many."""

    def __init__(self, data: list[bytes]) -> None:
        self.data, self.reads = data, 0

    def __call__(self, level: int, index: int) -> bytes:
        self.reads += 1
        leaves = self.data[index << level : (index + 1) << level]
        assert len(leaves) == 1 << level
        return mth(leaves)


sizes = st.integers(1, 70)


def numbered(size: int) -> list[bytes]:
    return [bytes([number]) for number in range(size)]


def test_the_reference_trees_have_their_roots() -> None:
    assert merkle.root_of([]) == merkle.root(0, Counted([])) == merkle.EMPTY_ROOT
    assert merkle.EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for size, root in enumerate(ROOTS, start=1):
        assert merkle.root_of(LEAVES[:size]) == merkle.root(size, Counted(DATA)) == root


def test_the_reference_proofs() -> None:
    """Leaf 0 of 8, leaf 5 of 8, leaf 2 of 3; and 1 to 8, 6 to 8, 2 to 5."""
    read = Counted(DATA)
    assert [one.hex()[:8] for one in merkle.inclusion_proof(0, 8, read)] == ["96a296d2", "5f083f0a", "6b47aaf2"]
    assert [one.hex()[:8] for one in merkle.inclusion_proof(5, 8, read)] == ["bc1a0643", "ca854ea1", "d37ee418"]
    assert merkle.inclusion_proof(2, 3, read) == [ROOTS[1]]
    assert [one.hex()[:8] for one in merkle.consistency_proof(1, 8, read)] == ["96a296d2", "5f083f0a", "6b47aaf2"]
    assert [one.hex()[:8] for one in merkle.consistency_proof(6, 8, read)] == ["0ebc5d34", "ca854ea1", "d37ee418"]
    assert [one.hex()[:8] for one in merkle.consistency_proof(2, 5, read)] == ["5f083f0a", "bc1a0643"]


@given(size=sizes, data=st.data())
def test_proofs_are_those_of_the_definition_and_verify(size: int, data: st.DataObject) -> None:
    leaves = numbered(size)
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    read = Counted(leaves)
    included, consistent = merkle.inclusion_proof(index, size, read), merkle.consistency_proof(first, size, read)
    assert included == path(index, leaves)
    assert consistent == subproof(first, leaves, True)
    merkle.verify_inclusion(
        leaf=merkle.leaf_hash(leaves[index]), index=index, size=size, proof=included, root=mth(leaves)
    )
    merkle.verify_consistency(
        first=first, second=size, first_root=mth(leaves[:first]), second_root=mth(leaves), proof=consistent
    )


@given(size=sizes, data=st.data())
def test_a_damaged_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    leaves = numbered(size)
    index = data.draw(st.integers(0, size - 1))
    genuine = {
        "leaf": merkle.leaf_hash(leaves[index]),
        "index": index,
        "size": size,
        "proof": path(index, leaves),
        "root": mth(leaves),
    }
    changed = data.draw(st.sampled_from(["leaf", "index", "proof", "root", "longer", "shorter"]))
    damaged = dict(genuine)
    if changed in ("leaf", "root"):
        damaged[changed] = data.draw(st.binary(min_size=32, max_size=32))
    elif changed == "index":
        damaged["index"] = data.draw(st.integers(-1, size + 1))
    elif changed == "longer":
        damaged["proof"] = [*path(index, leaves), bytes(32)]
    elif changed == "shorter":
        damaged["proof"] = path(index, leaves)[:-1]
    else:
        damaged["proof"] = data.draw(st.permutations(path(index, leaves)))
    if damaged != genuine:
        with pytest.raises(merkle.ProofRefused):
            merkle.verify_inclusion(**damaged)  # type: ignore[arg-type]


@given(first=sizes, second=sizes, data=st.data())
def test_a_damaged_consistency_proof_is_refused(first: int, second: int, data: st.DataObject) -> None:
    first, second = sorted((first, second))
    leaves = numbered(second)
    proof = subproof(first, leaves, True)
    genuine = {
        "first": first,
        "second": second,
        "first_root": mth(leaves[:first]),
        "second_root": mth(leaves),
        "proof": proof,
    }
    changed = data.draw(st.sampled_from(["first_root", "second_root", "longer", "shorter", "one", "past"]))
    damaged = dict(genuine)
    if changed == "past":
        place = data.draw(st.integers(0, first - 1))
        damaged["first_root"] = mth([*leaves[:place], b"another", *leaves[place + 1 : first]])
    elif changed == "longer":
        damaged["proof"] = [*proof, bytes(32)]
    elif changed == "shorter":
        damaged["proof"] = proof[:-1]
    elif changed == "one":
        damaged["proof"] = [bytes(32), *proof[1:]]
    else:
        damaged[changed] = bytes(32)
    if damaged != genuine:
        with pytest.raises(merkle.ProofRefused):
            merkle.verify_consistency(**damaged)  # type: ignore[arg-type]


def test_hashes_of_a_wrong_length_are_refused() -> None:
    """Two short ones could otherwise be cut elsewhere."""
    with pytest.raises(merkle.ProofRefused, match="32 bytes"):
        merkle.verify_inclusion(leaf=LEAVES[0], index=0, size=2, proof=[LEAVES[1] + b"\x00"], root=ROOTS[1])


@pytest.mark.parametrize("size", [1000, 1023, 1024, 1025])
def test_proofs_and_roots_read_logarithmically_much(size: int) -> None:
    read = Counted([number.to_bytes(2, "big") for number in range(size)])
    for ask in (
        lambda: merkle.root(size, read),
        lambda: merkle.inclusion_proof(size // 3, size, read),
        lambda: merkle.inclusion_proof(size - 1, size, read),
        lambda: merkle.consistency_proof(size // 3, size, read),
    ):
        read.reads = 0
        ask()
        assert read.reads <= 2 * size.bit_length()


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3)])
def test_what_is_not_in_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion_proof(index, size, Counted(DATA))


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3)])
def test_no_tree_goes_on_from_nothing_or_from_a_larger_one(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="no earlier tree"):
        merkle.consistency_proof(first, second, Counted(DATA))
    with pytest.raises(merkle.ProofRefused):
        merkle.verify_consistency(
            first=first, second=second, first_root=bytes(32), second_root=bytes(32), proof=[bytes(32)]
        )
