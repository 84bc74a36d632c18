"""Enrolments: a new key signs the server's challenge."""

from __future__ import annotations

from typing import Any

from audit.statements import cbor
from audit.statements.statements import Context, sign
from tests.vectors.decisions import statement_envelope
from tests.vectors.parts import ORIGIN, Vector, flip_inside, key, public, seed


def enrolment_facts(**changes: Any) -> dict[str, Any]:
    facts = {"challenge": bytes(range(32)), "issuer": "local", "subject": "maria", "origin": ORIGIN}
    return {**facts, "public_key": public("maria"), "strength": "ordinary", **changes}


def good_enrolments() -> list[Vector]:
    cases = {"plain": enrolment_facts(), "strong": enrolment_facts(strength="strong")}
    return [
        {
            "name": name,
            "seed": seed("maria").hex(),
            "facts": {**facts, "challenge": facts["challenge"].hex(), "public_key": facts["public_key"].hex()},
            "signed": sign(Context.ENROLMENT, facts, key("maria")).to_bytes().hex(),
        }
        for name, facts in cases.items()
    ]


def raised(facts: dict[str, Any], signed: bytes) -> bytes:
    """Return ``signed`` with the statement of ``facts`` that says strong, and the old signature."""
    statement = cbor.encode({**facts, "strength": "strong"})
    return cbor.encode({**cbor.decode(signed), "statement": statement})


def bad_enrolments() -> dict[str, Vector]:
    def made_by(who: str, **changes: Any) -> bytes:
        return sign(Context.ENROLMENT, enrolment_facts(**changes), key(who)).to_bytes()

    facts = {"version": 1, **enrolment_facts()}
    context = Context.ENROLMENT.encode() + b"\x00"
    unnamed = {name: value for name, value in facts.items() if name != "strength"}
    made: dict[str, tuple[str, str, bytes]] = {
        "other-key": ("signer_key", "somebody else's key signs", made_by("jonas")),
        "other-origin": ("origin", "made for another site", made_by("maria", origin="https://evil.example")),
        "other-subject": ("subject", "made for another person", made_by("maria", subject="jonas")),
        "other-challenge": ("challenge", "answers another challenge", made_by("maria", challenge=bytes(32))),
        "signed-as-denial": (
            "signature",
            "signed under the context of denials",
            statement_envelope(Context.DENIAL.encode() + b"\x00", facts),
        ),
        "no-strength": ("statement", "does not say how its key is kept", statement_envelope(context, unnamed)),
        "unknown-strength": ("strength", "claims a strength that nobody knows", made_by("maria", strength="Strong")),
        "raised-strength": (
            "signature",
            "an ordinary key's statement is changed to strong",
            raised(facts, made_by("maria")),
        ),
        "flipped-challenge": (
            "signature",
            "a bit of the challenge is flipped",
            flip_inside(made_by("maria"), bytes(range(32))),
        ),
    }
    expected = {"challenge": bytes(range(32)).hex(), "issuer": "local", "subject": "maria", "origin": ORIGIN}
    return {
        f"enrolment-{name}": {
            "kind": "enrolment",
            "fault": fault,
            "field": field,
            "bytes": data.hex(),
            "expected": expected,
        }
        for name, (field, fault, data) in made.items()
    }
