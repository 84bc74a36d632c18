"""Whose key it is, as Python reads it; ``tests/js/key-endorsements.test.js`` reads the same vectors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit.statements.key_endorsements import Endorsed, EndorsedRole, NotEndorsed, verify_chain
from tests.vectors.key_endorsements import JONAS_TO_MARIA, ROOT_TO_JONAS, endorse
from tests.vectors.parts import HERE, public

GOOD = json.loads((HERE / "good" / "key_endorsements.json").read_text())
BAD = sorted(HERE.glob("bad/key-endorsement-*.json"))


def judge(vector: dict[str, Any]) -> Endorsed:
    return verify_chain(
        [bytes.fromhex(data) for data in vector["chain"]],
        bytes.fromhex(vector["key"]),
        EndorsedRole(vector["role"]),
        [bytes.fromhex(root) for root in vector["people_roots"]],
        now_ms=vector["now_ms"],
        revoked={bytes.fromhex(key): at for key, at in vector["revoked"].items()},
    )


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["name"])
def test_a_key_that_a_people_root_stands_behind_is_endorsed(vector: dict[str, Any]) -> None:
    endorsed = judge(vector)
    said = {"person": endorsed.person, "strength": endorsed.strength, "endorsers": list(endorsed.endorsers)}
    assert said == {name: vector[name] for name in said}
    assert endorsed.at == vector["at"]
    assert endorsed.root == public("people_root")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_key_that_none_stands_behind_is_not(path: Any) -> None:
    vector = json.loads(path.read_text())
    with pytest.raises(NotEndorsed) as refused:
        judge(vector)
    assert refused.value.field == vector["field"]
    assert str(refused.value).endswith(".")


def test_only_the_statements_that_it_follows_from_are_handed_on() -> None:
    beside = [endorse("people_root", "stranger"), endorse("agent", "maria")]
    roots = [public("people_root")]
    endorsed = verify_chain([*beside, JONAS_TO_MARIA, ROOT_TO_JONAS], public("maria"), EndorsedRole.APPROVER, roots)
    assert endorsed.statements == (ROOT_TO_JONAS, JONAS_TO_MARIA)
    assert verify_chain(endorsed.statements, public("maria"), EndorsedRole.APPROVER, roots) == endorsed


def test_many_administrators_who_all_endorse_each_other_are_read_quickly() -> None:
    people = ["jonas", "stranger", "agent", "helper", "second_helper", "root", "link_1"]
    ring = [endorse(by, of, EndorsedRole.SECURITY_ADMINISTRATOR) for by in people for of in people if by != of]
    chain = [ROOT_TO_JONAS, *ring, JONAS_TO_MARIA]
    assert len(chain) <= 64
    assert verify_chain(chain, public("maria"), EndorsedRole.APPROVER, [public("people_root")]).person == "local:maria"
