"""Promise 2: what you sign is what you saw.

The attacker is the server between the database and the person, or anybody on the way: they change one byte of what
the person is shown, or of what is signed. The command-line approver must refuse to sign and say which field differs;
should somebody sign all the same, the application must refuse the signature.

Tried elsewhere: the browser's review of every fault in ``tests/vectors/bad/review-*`` (``tests/approvals/
test_vectors.py``, ``tests/js/review.test.js``) and of the same lies on a real page in ``tests/browser/
test_signing_elements.py``; a gate that sends what does not fit together in ``tests/approvals/test_opening.py``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import cbor2
import pytest
import tenuo_core

from accounts.models import ApproverKey
from approvals import errors
from approvals.cli.review import Refused, Review, review
from approvals.cli.signer import Signer
from approvals.contracts import RequestState
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, Decision, Delivery
from approvals.requests import services
from approvals.requests.queries import request_page
from audit.statements import cbor
from audit.statements.terms import Terms
from tests.approvals import factories
from tests.approvals.factories import ARGUMENTS, TOOL, Approver
from tests.endorsing import endorsed
from tests.vectors.warrants import payload_of

pytestmark = pytest.mark.django_db

Page = dict[str, Any]


class Desk:
    """Ada at her command line, before a request whose warrant names her key."""

    def __init__(self) -> None:
        self.signer = Signer()
        person = factories.person("ada")
        key = ApproverKey.objects.create(person=person, public_key=self.signer.public_key, name="Terminal", proof=b"")
        endorsed(key)
        self.ada = person
        self.minted = factories.mint(self.signer.public_key, min_approvals=1)
        self.waiting = services.open(gate_request=factories.gate_request(self.minted))

    @property
    def root(self) -> bytes:
        return bytes(self.minted.issuer.public_key_bytes())

    def page(self) -> Page:
        """Return what an honest server says."""
        return dict(request_page(person=self.ada, request_id=self.waiting.pk).signing)

    def review(self, page: Page) -> Review:
        return review(page, pinned_roots=[self.root], own_key=self.signer.public_key)

    def refused_fields(self, page: Page) -> frozenset[str]:
        """Return every field that was found wrong."""
        with pytest.raises(Refused) as refused:
            self.review(page)
        assert str(refused.value)
        return refused.value.fields


@pytest.fixture
def desk() -> Desk:
    return Desk()


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def flips(data: bytes, step: int = 1) -> Iterator[bytes]:
    """Return ``data`` with one bit changed, at every ``step``-th byte."""
    for index in range(0, len(data), step):
        changed = bytearray(data)
        changed[index] ^= 1
        yield bytes(changed)


# --- The person's side refuses to sign ------------------------------------------------------


def test_an_honest_page_is_signed_and_taken(desk: Desk) -> None:
    signed = desk.signer.approve(desk.review(desk.page()), reason="")
    record(person=desk.ada, request_id=desk.waiting.pk, approval=signed)
    assert ApprovalRequest.objects.get().state == RequestState.APPROVED


def test_any_changed_byte_of_the_arguments_is_refused(desk: Desk) -> None:
    page = desk.page()
    for changed in flips(bytes(desk.waiting.arguments_cbor)):
        fields = desk.refused_fields({**page, "arguments_cbor": text(changed)})
        assert fields & {"arguments_cbor", "request_hash"}


def test_any_changed_byte_of_the_warrant_is_refused(desk: Desk) -> None:
    page = desk.page()
    for changed in flips(desk.minted.chain[0]):
        assert desk.refused_fields({**page, "warrant_chain": [text(changed)]}) & {
            "warrant_chain",
            "warrant.signature",
        }


def test_any_changed_byte_of_the_hash_is_refused(desk: Desk) -> None:
    page = desk.page()
    for changed in flips(bytes(desk.waiting.request_hash)):
        assert desk.refused_fields({**page, "request_hash": changed.hex()}) == {"request_hash"}


def reissued(desk: Desk, **changes: Any) -> list[str]:
    """Return a warrant of the same root that differs in one thing: genuine, and not the one that was asked under."""
    genuine = payload_of(desk.minted.leaf)
    made = factories.mint(desk.signer.public_key, issuer=desk.minted.issuer, **changes)
    assert payload_of(made.leaf)[1] != genuine[1]
    return [text(made.chain[0])]


LIES: dict[str, tuple[str, Callable[[Desk], Page]]] = {
    "another tool of the warrant": ("request_hash", lambda desk: {"tool": "run_query"}),
    "a tool that needs nobody": ("request_hash", lambda desk: {"tool": "read_logs"}),
    "a tool with a look-alike name": ("request_hash", lambda desk: {"tool": "rеstart_service"}),
    "arguments in another order": (
        "arguments_cbor",
        lambda desk: {"arguments_cbor": text(cbor2.dumps(dict(sorted(ARGUMENTS.items(), reverse=True))))},
    ),
    "a look-alike argument": (
        "request_hash",
        lambda desk: {"arguments_cbor": text(cbor.encode({**ARGUMENTS, "service": "payment-service-prоd"}))},
    ),
    "an argument more": (
        "request_hash",
        lambda desk: {"arguments_cbor": text(cbor.encode({**ARGUMENTS, "force": True}))},
    ),
    "another holder": (
        "request_hash",
        lambda desk: {"warrant_chain": reissued(desk, holder=tenuo_core.SigningKey.generate())},
    ),
    "another warrant of the same root and holder": (
        "request_hash",
        lambda desk: {"warrant_chain": reissued(desk, holder=desk.minted.holder)},
    ),
    "a warrant that names other people": (
        "required_approvers",
        lambda desk: {"warrant_chain": [text(factories.mint(bytes(range(32)), issuer=desk.minted.issuer).chain[0])]},
    ),
    "a warrant of another root": (
        "warrant.issuer",
        lambda desk: {"warrant_chain": [text(factories.mint(desk.signer.public_key).chain[0])]},
    ),
    "the warrant twice": ("warrant_chain", lambda desk: {"warrant_chain": [text(desk.minted.chain[0])] * 2}),
    "no warrant": ("warrant_chain", lambda desk: {"warrant_chain": []}),
    "a hash in capitals": (
        "request_hash",
        lambda desk: {"request_hash": desk.page()["request_hash"].upper()},
    ),
    "a signature for ten years": (
        "signature_lifetime_seconds",
        lambda desk: {"signature_lifetime_seconds": 10 * 365 * 86400, "expires_at": 2**40},
    ),
    "a signature that never lived": ("signature_lifetime_seconds", lambda desk: {"signature_lifetime_seconds": 0}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused_and_its_field_named(desk: Desk, lie: str) -> None:
    field, change = LIES[lie]
    assert field in desk.refused_fields({**desk.page(), **change(desk)})


def test_a_lie_that_holds_together_is_still_about_another_call(desk: Desk) -> None:
    """Show A and get B signed: arguments and hash of A are consistent, so what is signed is A, never B."""
    shown = factories.gate_request(desk.minted, arguments={**ARGUMENTS, "service": "search"})
    page = {**desk.page(), "arguments_cbor": shown.arguments_cbor, "request_hash": shown.request_hash}
    reviewed = desk.review(page)
    assert reviewed.arguments["service"] == "search"
    signed = desk.signer.approve(reviewed, reason="")
    with pytest.raises(errors.HashMismatch):
        record(person=desk.ada, request_id=desk.waiting.pk, approval=signed)
    assert_nothing_was_taken()


@pytest.mark.parametrize("field", ["request_id", "namespace", "workflow_id", "run_id"])
def test_what_is_signed_for_another_place_is_refused_by_the_application(desk: Desk, field: str) -> None:
    reviewed = desk.review({**desk.page(), field: "elsewhere-00"})
    for decision in (
        {"approval": desk.signer.approve(reviewed, reason="")},
        {"denial": desk.signer.deny(reviewed, reason="No.")},
    ):
        with pytest.raises(errors.WrongBinding) as refused:
            record(person=desk.ada, request_id=desk.waiting.pk, **decision)
        assert refused.value.field == field
    assert_nothing_was_taken()


# --- The application's side refuses what differs from what was asked ------------------------


@pytest.fixture
def ada() -> Approver:
    return factories.approver("ada")


OTHER_CALLS: dict[str, Callable[[Approver, factories.Minted], bytes]] = {
    "arguments": lambda ada, minted: hash_of(minted, TOOL, {**ARGUMENTS, "service": "search"}),
    "a look-alike": lambda ada, minted: hash_of(minted, TOOL, {**ARGUMENTS, "service": "payment-service-prоd"}),
    "tool": lambda ada, minted: hash_of(minted, "run_query", ARGUMENTS),
    "holder": lambda ada, minted: hash_of(minted, TOOL, ARGUMENTS, holder=tenuo_core.SigningKey.generate().public_key),
    "warrant": lambda ada, minted: hash_of(factories.mint(ada), TOOL, ARGUMENTS),
    "approvers": lambda ada, minted: hash_of(factories.mint(ada, bytes(range(32))), TOOL, ARGUMENTS),
}


def hash_of(minted: factories.Minted, tool: str, arguments: dict[str, Any], holder: Any = None) -> bytes:
    leaf = minted.leaf
    return bytes(tenuo_core.py_compute_request_hash(leaf.id, tool, arguments, holder or leaf.authorized_holder))


@pytest.mark.parametrize("difference", OTHER_CALLS)
def test_a_signature_for_a_call_that_differs_is_refused_by_the_application(ada: Approver, difference: str) -> None:
    minted = factories.mint(ada)
    waiting = services.open(gate_request=factories.gate_request(minted))
    assert hash_of(minted, TOOL, ARGUMENTS) == bytes(waiting.request_hash)
    other = OTHER_CALLS[difference](ada, minted)
    for decision in (
        {"approval": ada.sign_approval(waiting, request_hash=other)},
        {"denial": ada.sign_denial(waiting, request_hash=other)},
    ):
        with pytest.raises(errors.HashMismatch):
            record(person=ada.person, request_id=waiting.pk, **decision)
    assert_nothing_was_taken()


def test_any_changed_byte_of_a_stored_request_makes_the_person_refuse(desk: Desk) -> None:
    """The attacker writes to the database, with the server's own keys: what the page says comes from there."""
    for changed in flips(bytes(desk.waiting.arguments_cbor), step=5):
        write(desk.waiting, arguments_cbor=changed)
        assert desk.refused_fields(desk.page()) & {"arguments_cbor", "request_hash"}


@pytest.mark.parametrize(
    "columns",
    [
        {"reasoning": "Everything is fine."},
        {"gate_message": ""},
        {"history": [{"tool": "x", "verdict": "allowed", "at_ms": 1, "code": "", "detail": "", "arguments_cbor": ""}]},
        {"workflow_type": "Harmless"},
        {"display_digest": bytes(32)},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_any_change_of_what_is_shown_makes_the_person_refuse(desk: Desk, columns: dict[str, Any]) -> None:
    write(desk.waiting, **columns)
    assert desk.refused_fields(desk.page()) == {"display_digest"}


def test_any_changed_byte_of_what_is_shown_is_refused(desk: Desk) -> None:
    page = desk.page()
    for changed in flips(base64.b64decode(page["display"])):
        assert desk.refused_fields({**page, "display": text(changed)})


@pytest.mark.parametrize("version", ["", "incident-response@1", "incident-response@3"])
def test_another_policy_version_than_the_warrants_is_refused(desk: Desk, version: str) -> None:
    minted = factories.mint(desk.signer.public_key, issuer=desk.minted.issuer, terms=Terms("incident-response", 2))
    desk.waiting = services.open(gate_request=factories.gate_request(minted))
    page = desk.page()
    assert desk.review(page).binding.policy_version == "incident-response@2"
    assert desk.refused_fields({**page, "policy_version": version}) == {"policy_version"}


def write(waiting: ApprovalRequest, **columns: Any) -> None:
    for name, value in columns.items():
        setattr(waiting, name, value)
    waiting.save(update_fields=list(columns))


def assert_nothing_was_taken() -> None:
    assert ApprovalRequest.objects.get().state == RequestState.OPEN
    assert not Decision.objects.exists()
    assert not Delivery.objects.exists()
