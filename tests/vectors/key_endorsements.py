"""Endorsements of people's keys: chains from a people root to a key, and ways to cheat with one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audit.statements.key_endorsements import EndorsedRole, facts_of, verify_chain
from audit.statements.statements import Context, sign
from tests.vectors.parts import ISSUED_AT, Vector, flipped, key, public

APPROVER, ADMINISTRATOR = EndorsedRole.APPROVER, EndorsedRole.SECURITY_ADMINISTRATOR
AT = ISSUED_AT * 1000
HOUR = 3_600_000


def endorse(by: str, of: str, role: EndorsedRole = APPROVER, /, **changes: Any) -> bytes:
    """Return ``by``'s statement that the key of ``of`` is theirs, ``later`` ms after the first one."""
    at = AT + changes.pop("later", 0)
    context = changes.pop("context", Context.KEY_ENDORSEMENT)
    facts = facts_of(key=public(of), person=f"local:{of}", role=role, strength="ordinary", at=at)
    return sign(context, {**facts, **changes}, key(by)).to_bytes()


ROOT_TO_JONAS = endorse("people_root", "jonas", ADMINISTRATOR)
JONAS_TO_MARIA = endorse("jonas", "maria", later=1000)


def _vector(chain: Sequence[bytes], **more: Any) -> Vector:
    return {
        "chain": [data.hex() for data in chain],
        "key": public("maria").hex(),
        "role": APPROVER.value,
        "people_roots": [public("people_root").hex()],
        "now_ms": AT + HOUR,
        "revoked": {},
        **more,
    }


def good_key_endorsements() -> list[Vector]:
    second = [endorse("people_root", "stranger", ADMINISTRATOR), endorse("stranger", "maria", later=2000)]
    revoked_later = {public("jonas").hex(): AT + 1001}
    made = {
        "by the people root": _vector([endorse("people_root", "maria")]),
        "by an administrator": _vector([ROOT_TO_JONAS, JONAS_TO_MARIA]),
        "in another order, one twice": _vector([JONAS_TO_MARIA, ROOT_TO_JONAS, JONAS_TO_MARIA]),
        "by two administrators": _vector([ROOT_TO_JONAS, JONAS_TO_MARIA, *second]),
        "through two administrators": _vector(
            [ROOT_TO_JONAS, endorse("jonas", "stranger", ADMINISTRATOR, later=10), endorse("stranger", "maria")]
        ),
        "an administrator": _vector([ROOT_TO_JONAS], key=public("jonas").hex(), role=ADMINISTRATOR.value),
        "a strong key": _vector([ROOT_TO_JONAS, endorse("jonas", "maria", strength="strong")]),
        "beside a statement that does not count": _vector(
            [ROOT_TO_JONAS, JONAS_TO_MARIA, endorse("agent", "maria", person="local:mallory")]
        ),
        "before its endorser was revoked": _vector([ROOT_TO_JONAS, JONAS_TO_MARIA], revoked=revoked_later),
        "a name in another script": _vector([endorse("people_root", "maria", person="https://id.example#Мария")]),
    }
    return [{"name": name, **vector, **_expected(vector)} for name, vector in made.items()]


def _expected(vector: Vector) -> Vector:
    endorsed = verify_chain(
        [bytes.fromhex(data) for data in vector["chain"]],
        bytes.fromhex(vector["key"]),
        EndorsedRole(vector["role"]),
        [bytes.fromhex(root) for root in vector["people_roots"]],
        now_ms=vector["now_ms"],
        revoked={bytes.fromhex(revoked): at for revoked, at in vector["revoked"].items()},
    )
    return {
        "person": endorsed.person,
        "strength": endorsed.strength,
        "endorsers": list(endorsed.endorsers),
        "at": endorsed.at,
    }


def bad_key_endorsements() -> dict[str, Vector]:
    ring = [endorse("jonas", "stranger", ADMINISTRATOR), endorse("stranger", "jonas", ADMINISTRATOR)]
    people = ["jonas", "stranger", "agent", "helper", "second_helper", "root", "link_1", "link_2"]
    links = zip(["people_root", *people], [*people, "maria"], strict=False)
    long = [endorse(by, of, APPROVER if of == "maria" else ADMINISTRATOR) for by, of in links]
    revoked = {public("jonas").hex(): AT + 1000}
    made: dict[str, tuple[str, str, Vector]] = {
        "empty": ("key", "nobody endorsed the key", _vector([])),
        "other-root": ("endorser", "signed by another people root", _vector([endorse("stranger", "maria")])),
        "no-root-pinned": ("endorser", "no people root is pinned", _vector([ROOT_TO_JONAS], people_roots=[])
                           | {"key": public("jonas").hex(), "role": ADMINISTRATOR.value}),
        "by-approver": (
            "endorser", "signed by a key that is endorsed as an approver only",
            _vector([endorse("people_root", "jonas"), JONAS_TO_MARIA]),
        ),
        "by-stranger": ("endorser", "signed by a key that nobody endorsed", _vector([JONAS_TO_MARIA])),
        "by-itself": ("endorser", "the key endorses itself", _vector([endorse("maria", "maria")])),
        "own-person": (
            "person", "an administrator endorses a second key of their own",
            _vector([ROOT_TO_JONAS, endorse("jonas", "maria", person="local:jonas")]),
        ),
        "loop": ("endorser", "two administrators endorse each other", _vector([*ring, JONAS_TO_MARIA])),
        "wrong-role": ("role", "endorsed as administrator, not as approver",
                       _vector([endorse("people_root", "maria", ADMINISTRATOR)])),
        "two-people": (
            "person", "one key is endorsed for two people",
            _vector([endorse("people_root", "maria"), endorse("people_root", "maria", person="local:jonas")]),
        ),
        "swapped-key": ("key", "an endorsement of another key", _vector([endorse("people_root", "stranger")])),
        "swapped-person": (
            "signature", "the person is replaced after signing",
            _vector([endorse("people_root", "maria").replace(b"local:maria", b"local:jonas")]),
        ),
        "flipped-signature": ("signature", "a bit of the signature is flipped",
                              _vector([flipped(endorse("people_root", "maria"), 20)])),
        "other-context": ("signature", "signed as an endorsement of a service's key",
                          _vector([endorse("people_root", "maria", context=Context.ENDORSEMENT)])),
        "endorser-revoked": ("endorser", "the endorser had been revoked",
                             _vector([ROOT_TO_JONAS, JONAS_TO_MARIA], revoked=revoked)),
        "before-its-endorser": (
            "endorser", "made before its endorser was an administrator",
            _vector([endorse("people_root", "jonas", ADMINISTRATOR, later=HOUR), JONAS_TO_MARIA]),
        ),
        "from-the-future": ("at", "made an hour later than what it is for",
                            _vector([endorse("people_root", "maria", later=3 * HOUR)])),
        "too-long": ("endorsements", "more links than anybody follows", _vector(long)),
        "too-many": ("endorsements", "more statements than anybody reads",
                     _vector([endorse("people_root", "maria", later=step) for step in range(65)])),
        "unknown-role": ("role", "a role that is not known",
                         _vector([endorse("people_root", "maria", role="auditor")])),
        "unknown-strength": ("strength", "a strength that is not known",
                             _vector([endorse("people_root", "maria", strength="very strong")])),
        "nobody": ("person", "names nobody", _vector([endorse("people_root", "maria", person=" ")])),
        "says-too-much": ("statement", "has a field too many", _vector([endorse("people_root", "maria", note="ok")])),
        "short-key": ("key", "a key of 31 bytes", _vector([endorse("people_root", "maria", key=bytes(31))])),
        "time-as-text": ("at", "a time that is text", _vector([endorse("people_root", "maria", at="now")])),
        "trailing-byte": ("envelope", "a byte after the end", _vector([endorse("people_root", "maria") + b"\x00"])),
    }  # fmt: skip
    return {
        f"key-endorsement-{name}": {"kind": "key-endorsement", "fault": fault, "field": field, **vector}
        for name, (field, fault, vector) in made.items()
    }
