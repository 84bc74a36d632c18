"""Every decoder of what others wrote, with what it may be given and how it is judged.

A check lets only the decoder's own typed error pass: any other exception is a finding. What decodes encodes again to
the same bytes.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.http import QueryDict

from accounts.errors import AccountError
from accounts.keys import enrolment
from approvals.cli.review import examine
from approvals.contracts import CallRecord, GateRequest
from approvals.decisions.forms import DecisionForm
from approvals.decisions.signed import read as read_signed
from approvals.errors import ApprovalError
from approvals.live.events import Event
from approvals.requests import chain, intake
from approvals.requests.forms import QueueForm
from approvals.signing import approval, denial
from audit.statements import cbor, key_endorsements, terms
from audit.statements.key_endorsements import EndorsedRole, NotEndorsed
from audit.statements.quorum import Quorum
from audit.statements.statements import Context, MalformedStatement, parse, sign
from audit.verify.reading import UnusableInput
from audit.verify.verifier import verify
from tests.audit.evidence import Evidence, approved_story
from tests.fuzz.mutations import (
    Maker,
    base64_of,
    bytes_like,
    damaged,
    damaged_text,
    either,
    json_like,
    replaced,
)
from warrants.errors import PolicyError
from warrants.policies import release as policies
from warrants.policies.rules import parse_policy
from workers.gates import dispatches
from workers.gates.key_revocations import KeyRevocations
from workers.gates.revocation import Revocation, RevocationRefused
from workers.gates.run_state import _read_history
from workers.gates.trusted_roots import RootsRefused, TrustedRoots
from workers.gates.verdicts import Gate, read_decision
from workers.incident.alerts import signatures
from workers.incident.alerts.errors import AlertError
from workers.incident.alerts.reading import read_alert

VECTORS = Path(__file__).parents[1] / "vectors" / "good"
ALERTS = Path(signatures.__file__).parent / "examples"
NOW = 1_767_226_200
_KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)


@dataclass(frozen=True)
class Decoder:
    """``check`` is called with what ``inputs()`` makes, and says whether it accepts it.

    ``twin`` names the browser's decoder (``browser.js``), which must accept the same; ``beside`` one that need not.
    """

    name: str
    inputs: Callable[[], Maker]
    check: Callable[[Any], bool]
    twin: str = ""
    beside: str = ""


@functools.cache
def good(name: str) -> list[dict[str, Any]]:
    return list(json.loads((VECTORS / f"{name}.json").read_text()))


def _hexadecimal(name: str, field: str) -> list[bytes]:
    return [bytes.fromhex(vector[field]) for vector in good(name)]


approvals, denials, enrolments = (
    functools.cache(functools.partial(_hexadecimal, name, "signed")) for name in ("approvals", "denials", "enrolments")
)


def _error(check: Callable[[Any], object], *typed: type[Exception]) -> Callable[[Any], bool]:
    """Return ``check`` with its typed errors let pass: whether it accepts a value."""

    def accepts(value: Any) -> bool:
        try:
            check(value)
        except typed:
            return False
        return True

    return accepts


# --- Bytes that people and issuers signed ---------------------------------------------------------

_ALL_KINDS = {
    "a": [0, 23, 24, 255, 256, 65535, 65536, 2**32, 2**63 - 1, -1, -24, -25, -(2**63)],
    "b": [0.0, 1.5, 65504.0, 1e10, 1e300, 5e-324],
    "c": {"": b"bytes", "z": {"deep": [[[[None, True, False]]]]}, "é": "text"},
}


@functools.cache
def arguments() -> list[bytes]:
    return [*_hexadecimal("request_hash", "args_cbor"), cbor.encode(_ALL_KINDS)]


@functools.cache
def warrants() -> list[bytes]:
    return [bytes.fromhex(item) for vector in good("chains") for item in vector["chain"]]


@functools.cache
def endorsements() -> list[bytes]:
    return [bytes.fromhex(item) for vector in good("key_endorsements") for item in vector["chain"]]


def _canonical(data: bytes) -> None:
    assert cbor.encode(cbor.decode(data)) == data


def _approval(data: bytes) -> None:
    signed = approval.parse(data)
    assert signed.to_bytes() == data
    assert approval.encode_payload(signed.terms) == signed.payload
    signed.verify()


def _denial(data: bytes) -> None:
    signed = denial.parse(data)
    assert signed.envelope.to_bytes() == data
    signed.verify()


def _decision(data: bytes) -> None:
    for side in ("approval", "denial"):
        _error(lambda found: read_signed(**{"approval": None, "denial": None, **found}), ApprovalError)({side: data})


def _envelope(data: bytes) -> None:
    assert parse(data).to_bytes() == data


def _enrolment(data: bytes) -> None:
    enrolment.parse(data).verify()


def _endorsement(data: bytes) -> None:
    assert key_endorsements.parse_endorsement(data).to_bytes() == data


def _facts(signed: list[bytes]) -> dict[str, Any]:
    return dict(parse(signed[0]).facts)


def _resigned(context: Context, facts: dict[str, Any]) -> Maker:
    """Statements whose signature holds, whatever they say: the attacker has a key."""
    changed = replaced(facts, with_bytes=True)
    return lambda chance: _sign(context, changed(chance))


def _endorsement_chains(chance: Random) -> list[bytes]:
    own = _resigned(Context.KEY_ENDORSEMENT, _endorsement_facts())
    count = chance.choice((1, 2, 3, 5, 70))
    return [own(chance) if chance.random() < 0.3 else chance.choice(endorsements()) for _ in range(count)]


def _sign(context: Context, facts: Any) -> bytes:
    try:
        return sign(context, facts if isinstance(facts, dict) else {"facts": facts}, _KEY).to_bytes()
    except cbor.MalformedBytes:
        return b""


def _endorsement_facts() -> dict[str, Any]:
    return _facts(endorsements())


def _endorsement_chain(chain: list[bytes]) -> None:
    vector = good("key_endorsements")[-1]
    roots = [bytes.fromhex(root) for root in vector["people_roots"]] + [_KEY.public_key().public_bytes_raw()]
    endorsed = key_endorsements.verify_chain(
        chain, bytes.fromhex(vector["key"]), EndorsedRole(vector["role"]), roots, now_ms=vector["now_ms"]
    )
    assert endorsed.root in roots


def _terms(data: bytes) -> None:
    assert terms.read(data).to_bytes() == data


def _warrants(data: bytes) -> None:
    chain.parse([base64_of(data)])


_TERMS = [
    terms.Terms().to_bytes(),
    terms.Terms("incident-response", 3, bytes(32), 300, True, ("local:ada", "https://id.example#7")).to_bytes(),
]


# --- What a gate, a client or monitoring sends ----------------------------------------------------


@functools.cache
def _gate_request() -> GateRequest:
    from tests.approvals import factories

    minted = factories.mint(b"\x11" * 32, trusted=False)
    line = CallRecord(tool="read_logs", verdict="denied", at_ms=1, code="revoked", detail="No.", arguments_cbor="oA==")
    return dataclasses.replace(factories.gate_request(minted), history=[line])


def _intake(fields: Any) -> None:
    if not isinstance(fields, dict):
        return
    known = {name: value for name, value in fields.items() if name in GateRequest.__dataclass_fields__}
    gate_request = dataclasses.replace(_gate_request(), **known)
    lines = gate_request.history
    if isinstance(lines, list) and all(isinstance(line, dict) for line in lines):
        # Temporal makes the dataclass of what has its fields, and believes the types.
        blank = {"tool": "", "verdict": "", "at_ms": 0}
        names = CallRecord.__dataclass_fields__
        made = [CallRecord(**{**blank, **{k: v for k, v in line.items() if k in names}}) for line in lines]
        gate_request = dataclasses.replace(gate_request, history=made)
    intake.check_form(gate_request)
    roots = [bytes(tenuo_core.Warrant.from_bytes(base64.b64decode(_gate_request().warrant_chain[0])).issuer.to_bytes())]
    intake.check(gate_request, trusted_roots=roots, now=datetime.now(UTC), lifetime_seconds=1800)


def _form(query: bytes) -> None:
    DecisionForm(QueryDict(query)).signed()


def _queue(query: bytes) -> None:
    QueueForm(QueryDict(query)).is_valid()


def _gate() -> Gate:
    vector = good("approvals")[0]
    signed = approval.parse(bytes.fromhex(vector["signed"]))
    return Gate(
        binding=signed.terms.binding,
        request_hash=signed.terms.request_hash,
        quorum=Quorum(frozenset({signed.approver_key, _KEY.public_key().public_bytes_raw()}), 2),
        signature_lifetime_seconds=900,
    )


def _signal(message: Any) -> None:
    decision = read_decision(message)
    if decision is not None:
        _gate().offer(decision, NOW)


def _signal_message() -> dict[str, Any]:
    return {
        "request_id": "req_01",
        "approvals": [base64_of(data) for data in approvals()],
        "denials": [base64_of(data) for data in denials()],
        "endorsements": [base64_of(data) for data in endorsements()[:3]],
    }


def _headers(data: bytes) -> None:
    found = dispatches.read_approvals(data)
    assert found is None or not data or json.dumps([base64_of(one) for one in found]).encode() == data
    payload = SimpleNamespace(data=data)
    dispatches.begin_dispatch({"request": payload, "endorsements": payload}, "request", "endorsements")


def _alert(body: bytes) -> None:
    header = body[:200].decode("latin-1")
    _error(lambda body: signatures.check(body, header, ["secret"]), AlertError)(body)
    read_alert(body)


def _alerts() -> dict[str, Any]:
    return dict(json.loads((ALERTS / "high-error-rate.json").read_text()))


def _policy(data: bytes) -> None:
    parse_policy(data.decode("utf-8", errors="replace"))


def _policies() -> list[bytes]:
    return [path.read_bytes() for path in policies.FOLDER.glob("*.yaml")]


def _live(data: bytes) -> None:
    event = Event.from_text(data.decode("utf-8", errors="replace"))
    assert Event.from_text(event.to_text()) == event


def _history(data: bytes) -> None:
    _read_history(data)


def _review(signing: Any) -> bool:
    vector = good("reviews")[0]
    roots = [bytes.fromhex(root) for root in vector["roots"]]
    found = examine(signing, pinned_roots=roots, own_key=bytes.fromhex(vector["public_key"]), now=vector["now"])
    return not found.problems


def _signings(chance: Random) -> Any:
    """What a page may be told, as JSON carries it: the browser cannot tell 1.0 from 1, and knows no NaN."""
    vector = dict(good("reviews")[0]["signing"])
    if chance.random() < 0.5:
        name, makers = chance.choice([("arguments_cbor", arguments()), ("warrant_chain", warrants())])
        data = base64_of(bytes_like(makers)(chance) if name == "arguments_cbor" else damaged(makers)(chance))
        return {**vector, name: [data] if name == "warrant_chain" else data}
    text = json.dumps(replaced(vector)(chance))
    return json.loads(text, parse_float=_as_in_javascript, parse_constant=lambda name: None)


def _as_in_javascript(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number


def _revocations(data: bytes) -> None:
    root = _KEY.public_key().public_bytes_raw()
    _error(KeyRevocations(TrustedRoots([root])).apply, RevocationRefused)(data)
    Revocation(TrustedRoots([root])).apply(data)


def _revoked_keys() -> dict[str, Any]:
    return {"at": NOW * 1000, "number": 1, "keys": [{"at": NOW * 1000, "key": bytes(32)}]}


def _trusted_roots() -> dict[str, Any]:
    return {"at": NOW * 1000, "number": 1, "roots": [_KEY.public_key().public_bytes_raw()]}


@functools.cache
def _evidence() -> tuple[Evidence, bytes]:
    evidence = approved_story()
    return evidence, evidence.file()


def _bundle(data: bytes) -> None:
    evidence, whole = _evidence()
    report = verify(data, roots=[evidence.root_hex])
    report.as_text()
    assert data == whole or not report.verified, "A changed file verifies."


def _query(fields: dict[str, str]) -> list[bytes]:
    return ["&".join(f"{name}={value}" for name, value in fields.items()).encode()]


DECODERS = [
    Decoder("canonical CBOR", lambda: bytes_like(arguments()), _error(_canonical, cbor.MalformedBytes), "cbor"),
    Decoder(
        "any CBOR", lambda: bytes_like([*arguments(), *warrants()]), _error(cbor.decode_loosely, cbor.MalformedBytes)
    ),
    Decoder("approval", lambda: bytes_like(approvals()), _error(_approval, MalformedStatement), "approval"),
    Decoder(
        "denial",
        lambda: either(bytes_like(denials()), _resigned(Context.DENIAL, _facts(denials()))),
        _error(_denial, MalformedStatement),
        "denial",
    ),
    Decoder("signed decision", lambda: bytes_like([*approvals(), *denials()]), _error(_decision)),
    Decoder("envelope", lambda: bytes_like(denials()), _error(_envelope, MalformedStatement), "envelope"),
    Decoder(
        "enrolment",
        lambda: either(bytes_like(enrolments()), _resigned(Context.ENROLMENT, _facts(enrolments()))),
        _error(_enrolment, AccountError),
        "enrolment",
    ),
    Decoder(
        "key endorsement",
        lambda: either(bytes_like(endorsements()), _resigned(Context.KEY_ENDORSEMENT, _endorsement_facts())),
        _error(_endorsement, NotEndorsed),
        "endorsement",
    ),
    Decoder("chain of endorsements", lambda: _endorsement_chains, _error(_endorsement_chain, NotEndorsed)),
    Decoder("terms", lambda: bytes_like(_TERMS), _error(_terms, MalformedStatement)),
    Decoder("warrant", lambda: bytes_like(warrants()), _error(_warrants, ApprovalError), beside="warrant"),
    Decoder("gate request", lambda: replaced(dataclasses.asdict(_gate_request())), _error(_intake, ApprovalError)),
    Decoder(
        "decision form",
        lambda: damaged_text(_query({"approval": base64_of(approvals()[0])[:300]})),
        _error(_form, ApprovalError),
    ),
    Decoder("queue form", lambda: damaged_text(_query({"show": "mine", "q": "restart", "page": "2"})), _error(_queue)),
    Decoder("decision signal", lambda: replaced(_signal_message()), _error(_signal)),
    Decoder(
        "dispatch headers",
        lambda: damaged_text([json.dumps([base64_of(b"approval"), base64_of(b"another")]).encode()]),
        _error(_headers),
    ),
    Decoder("history header", lambda: json_like([dataclasses.asdict(_gate_request().history[0])]), _error(_history)),
    Decoder("alert", lambda: json_like(_alerts()), _error(_alert, AlertError)),
    Decoder("policy", lambda: damaged_text(_policies()), _error(_policy, PolicyError)),
    Decoder(
        "revocation lists",
        lambda: either(
            _resigned(Context.KEY_REVOCATIONS, _revoked_keys()),
            damaged([_sign(Context.KEY_REVOCATIONS, _revoked_keys())]),
        ),
        _error(_revocations, RevocationRefused),
    ),
    Decoder(
        "trusted roots",
        lambda: either(
            _resigned(Context.TRUSTED_ROOTS, _trusted_roots()),
            damaged([_sign(Context.TRUSTED_ROOTS, _trusted_roots())]),
        ),
        _error(lambda data: TrustedRoots([_KEY.public_key().public_bytes_raw()]).apply([data]), RootsRefused),
    ),
    Decoder(
        "live event",
        lambda: json_like(["request.closed", "req_0001", "tnu_wrt_1", 3, "default"]),
        _error(_live, ValueError, RecursionError),
    ),
    Decoder("review", lambda: _signings, _review, twin="review"),
    Decoder(
        "evidence",
        lambda: either(damaged_text([_evidence()[1]]), damaged([_evidence()[1]])),
        _error(_bundle, UnusableInput),
    ),
]
