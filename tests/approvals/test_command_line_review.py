"""What the command-line approver refuses to sign: anything that differs from the bytes."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from approvals.cli.review import Refused, review
from approvals.cli.signer import Signer
from approvals.signing import approval, denial
from approvals.signing.display import Display
from audit.statements import cbor
from audit.statements.statements import Context, parse
from audit.statements.terms import Terms
from tests.extending import with_terms

ROOT, HOLDER = tenuo_core.SigningKey.generate(), tenuo_core.SigningKey.generate()
DISPLAY = Display("IncidentWorkflow", 1, "A restart needs a person.", "It leaks.")
ARGUMENTS: dict[str, Any] = {"service": "payment-service-prod", "environment": "production"}


@pytest.fixture
def signer() -> Signer:
    return Signer()


def warrant(approver: bytes, *, root: tenuo_core.SigningKey = ROOT) -> tenuo_core.Warrant:
    return tenuo_core.Warrant.issue(
        root,
        capabilities={
            "restart_service": {
                "service": tenuo_core.Wildcard(),
                "environment": tenuo_core.OneOf(["production", "staging"]),
            },
            "read_logs": {"service": tenuo_core.Wildcard()},
        },
        ttl_seconds=600,
        holder=HOLDER.public_key,
        required_approvers=[tenuo_core.PublicKey.from_bytes(approver)],
        min_approvals=1,
        approval_gates={"restart_service": {"environment": {"exempt": tenuo_core.OneOf(["staging"])}}},
    )


def signing(issued: tenuo_core.Warrant, *, tool: str = "restart_service", arguments: Any = None) -> dict[str, Any]:
    """Return what an honest page says."""
    arguments = ARGUMENTS if arguments is None else arguments
    request_hash = tenuo_core.py_compute_request_hash(issued.id, tool, arguments, issued.authorized_holder)
    return {
        "request_id": "apr_0123456789",
        "namespace": "default",
        "workflow_id": "incident-P1042",
        "run_id": "run",
        "display": text(DISPLAY.to_bytes()),
        "display_digest": DISPLAY.digest.hex(),
        "policy_version": "",
        "tool": tool,
        "request_hash": bytes(request_hash).hex(),
        "arguments_cbor": text(cbor.encode(arguments)),
        "warrant_chain": [text(bytes(issued.to_bytes()))],
        "external_id": "local:lead",
        "expires_at": int(time.time()) + 300,
        "signature_lifetime_seconds": 900,
        "decision_url": "/approvals/apr_0123456789/decision/",
    }


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def checked(page: dict[str, Any], signer: Signer):
    return review(page, pinned_roots=[bytes(ROOT.public_key_bytes())], own_key=signer.public_key)


def test_an_honest_page_is_signed_as_an_approval_that_holds(signer):
    page = signing(warrant(signer.public_key))
    signed = approval.parse(signer.approve(checked(page, signer), reason="Restart."))
    signed.verify()
    assert signed.approver_key == signer.public_key
    assert signed.terms.request_hash.hex() == page["request_hash"]
    assert signed.terms.binding.run_id == "run"
    assert signed.terms.binding.display_digest == DISPLAY.digest
    assert signed.terms.expires_at == page["expires_at"]  # earlier than the longest lifetime


def test_a_denial_is_signed_in_its_own_context(signer):
    made = signer.deny(checked(signing(warrant(signer.public_key)), signer), reason="No.")
    read = denial.parse(made)
    read.verify()
    assert read.reason == "No."
    parse(made).verify(Context.DENIAL)


def _other_arguments(page: dict[str, Any]) -> None:
    page["arguments_cbor"] = text(cbor.encode({**ARGUMENTS, "service": "payment-service-staging"}))


def _loose_arguments(page: dict[str, Any]) -> None:
    page["arguments_cbor"] = text(b"\xbf" + cbor.encode(ARGUMENTS)[1:] + b"\xff")


def _other_tool(page: dict[str, Any]) -> None:
    page["tool"] = "read_logs"


def _other_hash(page: dict[str, Any]) -> None:
    page["request_hash"] = "00" * 32


def _expired(page: dict[str, Any]) -> None:
    page["expires_at"] = int(time.time()) - 1


def _no_chain(page: dict[str, Any]) -> None:
    page["warrant_chain"] = []


def _flipped_chain(page: dict[str, Any]) -> None:
    data = bytearray(base64.b64decode(page["warrant_chain"][0]))
    data[len(data) // 2] ^= 1
    page["warrant_chain"] = [text(bytes(data))]


def _other_words(page: dict[str, Any]) -> None:
    page["display"] = text(Display("IncidentWorkflow", 1, "A restart needs a person.", "All is well.").to_bytes())


def _a_policy(page: dict[str, Any]) -> None:
    page["policy_version"] = "incident-response@2"


def _no_run(page: dict[str, Any]) -> None:
    del page["run_id"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (_other_arguments, "request_hash"),
        (_loose_arguments, "arguments_cbor"),
        (_other_tool, "request_hash"),
        (_other_hash, "request_hash"),
        (_expired, "expires_at"),
        (_no_chain, "warrant_chain"),
        (_flipped_chain, "warrant.signature"),
        (_other_words, "display_digest"),
        (_a_policy, "policy_version"),
        (_no_run, "run_id"),
    ],
)
def test_a_page_that_differs_is_refused_and_the_field_is_named(signer, change, field):
    page = signing(warrant(signer.public_key))
    change(page)
    with pytest.raises(Refused) as refused:
        checked(page, signer)
    assert field in refused.value.fields


def test_a_warrant_of_another_root_is_refused(signer):
    page = signing(warrant(signer.public_key, root=tenuo_core.SigningKey.generate()))
    with pytest.raises(Refused, match="root that was pinned here"):
        checked(page, signer)


def test_a_warrant_that_asks_for_other_people_is_refused(signer):
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(Refused) as refused:
        checked(signing(warrant(other)), signer)
    assert refused.value.fields == {"required_approvers"}


def test_a_call_that_needs_no_approval_is_not_signed(signer):
    page = signing(warrant(signer.public_key), arguments={**ARGUMENTS, "environment": "staging"})
    with pytest.raises(Refused, match="no gate that stops this call"):
        checked(page, signer)


def under(terms: Terms, signer: Signer) -> dict[str, Any]:
    """Return what an honest page says of a warrant with ``terms``."""
    root = Ed25519PrivateKey.from_private_bytes(bytes(ROOT.secret_key_bytes()))
    return signing(with_terms(warrant(signer.public_key), terms, root))


def test_a_signature_lives_no_longer_than_the_policy_says_whatever_the_server_asks_for(signer):
    page = {**under(Terms(approval_seconds=60), signer), "signature_lifetime_seconds": 86_400}
    terms = approval.parse(signer.approve(checked(page, signer), reason="")).terms
    assert terms.expires_at - terms.approved_at == 60


def test_nothing_is_signed_for_whoever_raised_the_alert(signer):
    with pytest.raises(Refused, match="You raised this alert") as refused:
        checked(under(Terms(barred_people=("local:lead",)), signer), signer)
    assert refused.value.fields == {"required_approvers"}


def test_terms_that_cannot_be_read_are_refused(signer, monkeypatch):
    monkeypatch.setattr(Terms, "to_bytes", lambda self: b"\xa0")
    with pytest.raises(Refused) as refused:
        checked(under(Terms(), signer), signer)
    assert refused.value.fields == {"warrant.terms"}
