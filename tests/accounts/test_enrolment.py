"""A key is enrolled only by whoever holds it, for themselves, here and now."""

from __future__ import annotations

import base64
from datetime import timedelta

import cbor2
import pytest
from django.test import Client
from django.utils import timezone

from accounts.errors import InvalidName, NotAnApprover
from accounts.keys import services
from accounts.keys.contracts import KeyStrength
from accounts.keys.queries import active_key, active_keys
from accounts.models import ApproverKey, EnrolmentChallenge, Person
from audit.models import LedgerEntry
from audit.statements import cbor
from audit.statements.statements import Context, Envelope, message, parse
from tests.accounts.browser import ORIGIN, Browser, ask_challenge, post_key

pytestmark = pytest.mark.django_db

SMALL_ORDER = {
    "zero": "00" * 32,
    "zero with sign": "00" * 31 + "80",
    "identity": "01" + "00" * 31,
    "identity with sign": "01" + "00" * 30 + "80",
    "order 8, first": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "order 8, first with sign": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "order 8, second": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "order 8, second with sign": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "order 2": "ec" + "ff" * 30 + "7f",
    "order 2 with sign": "ec" + "ff" * 31,
    "zero, spelled as the prime": "ed" + "ff" * 30 + "7f",
    "identity, spelled as the prime plus one": "ee" + "ff" * 30 + "7f",
    "another second spelling": "f0" + "ff" * 30 + "7f",
}


def assert_refused(response, status: int, code: str, field: str) -> None:
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (status, code, field)
    assert len(response.json()["message"]) > 20
    assert not ApproverKey.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_an_approver_enrols_the_key_of_their_browser(ada: Person, ada_client: Client) -> None:
    browser = Browser()
    answer = ada_client.post("/keys/challenge/").json()
    assert {name: answer[name] for name in ("issuer", "subject", "origin")} == {
        "issuer": "local",
        "subject": "ada",
        "origin": ORIGIN,
    }
    envelope = browser.enrolment(ada, base64.b64decode(answer["challenge"])).to_bytes()

    response = post_key(ada_client, envelope, name="  Work   laptop ")

    key = ApproverKey.objects.get()
    assert response.status_code == 201
    assert response.json() == {"fingerprint": key.fingerprint, "name": "Work laptop", "id": key.pk}
    assert (bytes(key.public_key), key.person, bytes(key.proof)) == (browser.public_key, ada, envelope)
    assert active_key(browser.public_key) == key


@pytest.mark.parametrize("strength", KeyStrength)
def test_a_keys_strength_is_what_the_key_itself_signed(ada: Person, ada_client: Client, strength: KeyStrength) -> None:
    envelope = Browser().enrolment(ada, ask_challenge(ada_client), strength=strength.value).to_bytes()
    assert post_key(ada_client, envelope, strength="strong").status_code == 201  # a form's field changes nothing
    key = ApproverKey.objects.get()
    assert (key.strength, parse(bytes(key.proof)).facts["strength"]) == (strength, strength)


def test_an_enrolment_that_names_no_strength_is_refused(ada: Person, ada_client: Client) -> None:
    envelope = Browser().enrolment(ada, ask_challenge(ada_client), strength=None)
    assert_refused(post_key(ada_client, envelope.to_bytes()), 400, "malformed", "statement")


def test_nobody_raises_an_ordinary_key_to_strong(ada: Person, ada_client: Client) -> None:
    signed = Browser().enrolment(ada, ask_challenge(ada_client))
    statement = cbor.encode({**signed.facts, "strength": "strong"})
    raised = Envelope(statement, signed.signer_key, signed.signature, signed.facts)
    assert_refused(post_key(ada_client, raised.to_bytes()), 422, "not_proven", "signature")
    assert not ApproverKey.objects.exists()


def test_an_enrolment_is_a_signed_entry_on_the_chain_of_keys(ada: Person, ada_client: Client) -> None:
    browser = Browser()
    envelope = browser.enrolment(ada, ask_challenge(ada_client)).to_bytes()
    post_key(ada_client, envelope)

    entry = LedgerEntry.objects.get()
    facts = parse(bytes(entry.envelope)).facts
    assert (facts["chain"], facts["kind"]) == ("keys", "key.enrolled")
    assert facts["details"] == {
        "person": "local:ada",
        "key": browser.public_key,
        "name": "Work laptop",
        "enrolment": envelope,
    }


def test_when_the_ledger_cannot_be_written_nothing_is_enrolled(
    ada: Person, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(services, "append", fail)
    challenge = ask_challenge(ada_client)
    envelope = Browser().enrolment(ada, challenge).to_bytes()
    with pytest.raises(OSError, match="full"):
        services.enrol(person=ada, envelope=envelope, name="Laptop", origin=ORIGIN)
    assert not ApproverKey.objects.exists()
    assert EnrolmentChallenge.objects.get().spent_at is None


# --- the challenge --------------------------------------------------------------------------


def test_a_challenge_given_to_somebody_else_enrols_nothing(ada: Person, ada_client: Client, grace: Person) -> None:
    challenge = services.begin_enrolment(person=grace)
    response = post_key(ada_client, Browser().enrolment(ada, challenge).to_bytes())
    assert_refused(response, 422, "unknown_challenge", "challenge")


def test_a_made_up_challenge_enrols_nothing(ada: Person, ada_client: Client) -> None:
    response = post_key(ada_client, Browser().enrolment(ada, b"\x07" * 32).to_bytes())
    assert_refused(response, 422, "unknown_challenge", "challenge")


def test_a_late_challenge_enrols_nothing(ada: Person, ada_client: Client) -> None:
    challenge = ask_challenge(ada_client)
    EnrolmentChallenge.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = post_key(ada_client, Browser().enrolment(ada, challenge).to_bytes())
    assert_refused(response, 422, "late_challenge", "challenge")


def test_a_challenge_lives_ten_minutes(ada: Person) -> None:
    services.begin_enrolment(person=ada)
    row = EnrolmentChallenge.objects.get()
    assert row.expires_at - row.issued_at == timedelta(minutes=10)


def test_a_challenge_enrols_one_key_only(ada: Person, ada_client: Client) -> None:
    challenge = ask_challenge(ada_client)
    assert post_key(ada_client, Browser().enrolment(ada, challenge).to_bytes()).status_code == 201
    response = post_key(ada_client, Browser().enrolment(ada, challenge).to_bytes())
    assert (response.status_code, response.json()["code"]) == (409, "spent_challenge")
    assert ApproverKey.objects.count() == LedgerEntry.objects.count() == 1


def test_an_enrolment_sent_twice_enrols_once(ada: Person, ada_client: Client) -> None:
    envelope = Browser().enrolment(ada, ask_challenge(ada_client)).to_bytes()
    assert [post_key(ada_client, envelope).status_code for _ in range(2)] == [201, 409]
    assert ApproverKey.objects.count() == LedgerEntry.objects.count() == 1


def test_a_refused_enrolment_does_not_use_up_the_challenge(ada: Person, ada_client: Client) -> None:
    challenge = ask_challenge(ada_client)
    browser = Browser()
    wrong = browser.enrolment(ada, challenge, origin="https://evil.example").to_bytes()
    assert post_key(ada_client, wrong).status_code == 422
    assert post_key(ada_client, browser.enrolment(ada, challenge).to_bytes()).status_code == 201


def test_challenges_are_forgotten_when_they_are_late(ada: Person) -> None:
    services.begin_enrolment(person=ada)
    EnrolmentChallenge.objects.update(expires_at=timezone.now() - timedelta(days=1))
    services.begin_enrolment(person=ada)
    assert EnrolmentChallenge.objects.count() == 1


# --- whom, where and what for ---------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost:5051", "https://localhost:5050", ORIGIN + "/", ""]
)
def test_a_signature_made_on_another_site_enrols_nothing(ada: Person, ada_client: Client, origin: str) -> None:
    response = post_key(ada_client, Browser().enrolment(ada, ask_challenge(ada_client), origin=origin).to_bytes())
    assert_refused(response, 422, "wrong_origin", "origin")


@pytest.mark.parametrize(
    ("field", "value"), [("subject", "grace"), ("subject", "Ada"), ("subject", ""), ("issuer", "https://idp.example")]
)
def test_a_key_that_signed_another_name_is_refused(ada: Person, ada_client: Client, field: str, value: str) -> None:
    envelope = Browser().enrolment(ada, ask_challenge(ada_client), **{field: value}).to_bytes()
    assert_refused(post_key(ada_client, envelope), 422, "wrong_identity", field)


def test_somebody_elses_signed_enrolment_is_worthless(ada_client: Client, grace: Person, grace_client: Client) -> None:
    stolen = Browser().enrolment(grace, ask_challenge(grace_client)).to_bytes()
    assert_refused(post_key(ada_client, stolen), 422, "wrong_identity", "subject")


@pytest.mark.parametrize("context", [context for context in Context if context is not Context.ENROLMENT])
def test_a_signature_made_for_another_purpose_enrols_nothing(ada: Person, ada_client: Client, context: Context) -> None:
    envelope = Browser().enrolment(ada, ask_challenge(ada_client), context=context).to_bytes()
    assert_refused(post_key(ada_client, envelope), 422, "not_proven", "signature")


# --- possession -----------------------------------------------------------------------------


def test_nobody_enrols_a_key_they_do_not_hold(ada: Person, ada_client: Client) -> None:
    victim = Browser()
    envelope = Browser().enrolment(ada, ask_challenge(ada_client), public_key=victim.public_key)
    assert_refused(post_key(ada_client, envelope.to_bytes()), 422, "not_proven", "signer_key")


def test_another_keys_signature_does_not_enrol_a_key(ada: Person, ada_client: Client) -> None:
    victim, thief = Browser(), Browser()
    signed = thief.enrolment(ada, ask_challenge(ada_client), public_key=victim.public_key)
    forged = Envelope(signed.statement, victim.public_key, signed.signature, signed.facts)
    assert_refused(post_key(ada_client, forged.to_bytes()), 422, "not_proven", "signature")


def test_one_changed_bit_of_the_signature_is_noticed(ada: Person, ada_client: Client) -> None:
    signed = Browser().enrolment(ada, ask_challenge(ada_client))
    signature = bytes([signed.signature[0] ^ 1]) + signed.signature[1:]
    forged = Envelope(signed.statement, signed.signer_key, signature, signed.facts)
    assert_refused(post_key(ada_client, forged.to_bytes()), 422, "not_proven", "signature")


@pytest.mark.parametrize("name", SMALL_ORDER)
def test_a_key_that_anybody_can_sign_for_is_refused(ada: Person, ada_client: Client, name: str) -> None:
    """The identity's signatures verify for every message with R = A and S = 0: no private key needed."""
    weak = bytes.fromhex(SMALL_ORDER[name])
    honest = Browser().enrolment(ada, ask_challenge(ada_client), public_key=weak)
    universal = bytes.fromhex(SMALL_ORDER["identity"]) + bytes(32)
    forged = Envelope(honest.statement, weak, universal, honest.facts)
    assert_refused(post_key(ada_client, forged.to_bytes()), 422, "weak_key", "public_key")


def test_small_order_keys_are_refused_whatever_tenuo_thinks_of_them(
    ada: Person, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.keys.weakness.tenuo_core.PublicKey.from_bytes", lambda _: None, raising=False)
    forged = Browser().enrolment(ada, ask_challenge(ada_client), public_key=bytes.fromhex(SMALL_ORDER["identity"]))
    assert_refused(post_key(ada_client, forged.to_bytes()), 422, "weak_key", "public_key")


def test_bytes_that_are_no_point_of_the_curve_are_refused(ada: Person, ada_client: Client) -> None:
    no_point = next(
        candidate for candidate in (bytes([number]) + bytes(31) for number in range(2, 50)) if not _is_point(candidate)
    )
    forged = Browser().enrolment(ada, ask_challenge(ada_client), public_key=no_point)
    assert_refused(post_key(ada_client, forged.to_bytes()), 422, "weak_key", "public_key")


def _is_point(encoded: bytes) -> bool:
    prime = 2**255 - 19
    y = int.from_bytes(encoded, "little")
    d = -121665 * pow(121666, -1, prime) % prime
    x_squared = (y * y - 1) * pow(d * y * y + 1, -1, prime) % prime
    return x_squared == 0 or pow(x_squared, (prime - 1) // 2, prime) == 1


# --- known keys -----------------------------------------------------------------------------


def enrol(client: Client, person: Person, browser: Browser) -> ApproverKey:
    response = post_key(client, browser.enrolment(person, ask_challenge(client)).to_bytes())
    assert response.status_code == 201, response.content
    return ApproverKey.objects.get(pk=response.json()["id"])


def assert_key_taken(client: Client, person: Person, browser: Browser) -> None:
    response = post_key(client, browser.enrolment(person, ask_challenge(client)).to_bytes())
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (409, "key_taken", "public_key")
    assert ApproverKey.objects.count() == 1


def test_a_key_is_enrolled_once(ada: Person, ada_client: Client) -> None:
    browser = Browser()
    enrol(ada_client, ada, browser)
    assert_key_taken(ada_client, ada, browser)


def test_two_people_cannot_share_a_key(ada: Person, ada_client: Client, grace: Person, grace_client: Client) -> None:
    browser = Browser()
    enrol(ada_client, ada, browser)
    assert_key_taken(grace_client, grace, browser)


def test_a_revoked_key_never_comes_back(ada: Person, ada_client: Client, grace: Person, grace_client: Client) -> None:
    browser = Browser()
    key = enrol(ada_client, ada, browser)
    services.revoke(person=ada, key_id=key.pk, reason="laptop lost")
    assert_key_taken(ada_client, ada, browser)
    assert_key_taken(grace_client, grace, browser)
    assert active_key(browser.public_key) is None


def test_a_key_outlives_the_wish_to_delete_its_person(ada: Person, ada_client: Client) -> None:
    enrol(ada_client, ada, Browser())
    with pytest.raises(Exception, match="protected"):
        ada.delete()


# --- malformed ------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 31, 33, 64])
@pytest.mark.parametrize("field", ["public_key", "challenge"])
def test_wrong_lengths_are_named(ada: Person, ada_client: Client, field: str, length: int) -> None:
    envelope = Browser().enrolment(ada, ask_challenge(ada_client), **{field: b"\x05" * length})
    assert_refused(post_key(ada_client, envelope.to_bytes()), 400, "malformed", field)


@pytest.mark.parametrize("length", [31, 33])
def test_a_signer_key_of_the_wrong_length_is_named(ada: Person, ada_client: Client, length: int) -> None:
    signed = Browser().enrolment(ada, ask_challenge(ada_client))
    envelope = Envelope(signed.statement, b"\x05" * length, signed.signature, signed.facts)
    assert_refused(post_key(ada_client, envelope.to_bytes()), 400, "malformed", "signer_key")


@pytest.mark.parametrize("length", [63, 65])
def test_a_signature_of_the_wrong_length_is_named(ada: Person, ada_client: Client, length: int) -> None:
    signed = Browser().enrolment(ada, ask_challenge(ada_client))
    envelope = Envelope(signed.statement, signed.signer_key, b"\x05" * length, signed.facts)
    assert_refused(post_key(ada_client, envelope.to_bytes()), 400, "malformed", "signature")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("public_key", "text"),
        ("public_key", [5] * 32),
        ("challenge", None),
        ("subject", 7),
        ("subject", "a" * 301),
        ("issuer", b"local"),
        ("origin", ["http://localhost:5050"]),
        ("strength", 1),
        ("strength", "Strong"),
        ("strength", "strong\n"),
        ("strength", ""),
        ("strength", "x" * 3000),
    ],
)
def test_wrong_types_are_named(ada: Person, ada_client: Client, field: str, value: object) -> None:
    envelope = Browser().enrolment(ada, ask_challenge(ada_client), **{field: value})
    expected = "statement" if value is None else field
    assert_refused(post_key(ada_client, envelope.to_bytes()), 400, "malformed", expected)


def test_an_extra_field_is_refused(ada: Person, ada_client: Client) -> None:
    envelope = Browser().enrolment(ada, ask_challenge(ada_client), role="administrator")
    assert_refused(post_key(ada_client, envelope.to_bytes()), 400, "malformed", "statement")


def test_another_version_is_refused(ada: Person, ada_client: Client) -> None:
    envelope = Browser().enrolment(ada, ask_challenge(ada_client), version=2)
    assert_refused(post_key(ada_client, envelope.to_bytes()), 400, "malformed", "version")


def test_bytes_that_are_not_canonical_are_refused(ada: Person, ada_client: Client) -> None:
    """The same facts in another order: two spellings of one statement would be two hashes of it."""
    browser = Browser()
    facts = browser.enrolment(ada, ask_challenge(ada_client)).facts
    statement = cbor2.dumps(dict(reversed(facts.items())))
    signature = browser.private_key.sign(message(Context.ENROLMENT, statement))
    envelope = {"statement": statement, "signer_key": browser.public_key, "signature": signature}
    assert_refused(post_key(ada_client, cbor.encode(envelope)), 400, "malformed", "statement")


@pytest.mark.parametrize(
    "envelope",
    [b"\xff", b"\xa1", b"\x9f\x01", b"\xf6", b"\x80", b"\xa0", b"{}", b"\x81" * 4000, bytes(range(200))],
    ids=repr,
)  # fmt: skip
def test_bytes_that_are_no_envelope_are_refused(ada_client: Client, envelope: bytes) -> None:
    assert_refused(post_key(ada_client, envelope), 400, "malformed", "envelope")


@pytest.mark.parametrize("text", ["", "===", "not base64!", "Zm9v\u202e", "A" * 9000, "AAAA\n????", "\x00"])
def test_text_that_is_not_base64_is_refused(ada_client: Client, text: str) -> None:
    assert_refused(post_key(ada_client, text), 400, "malformed", "envelope")


@pytest.mark.parametrize("name", ["", "   ", "a" * 101, "Phone\x00", "Phone\u202eenohP", "Ph\u200bone", "a\x1b[2J"])
def test_a_name_must_be_short_and_visible(ada: Person, ada_client: Client, name: str) -> None:
    response = post_key(ada_client, Browser().enrolment(ada, ask_challenge(ada_client)).to_bytes(), name=name)
    assert_refused(response, 422, "invalid_name", "name")


# --- whose keys count -----------------------------------------------------------------------


def test_without_the_role_nobody_enrols(ada: Person, vera: Person) -> None:
    with pytest.raises(NotAnApprover):
        services.begin_enrolment(person=vera)
    with pytest.raises(NotAnApprover):
        services.enrol(person=vera, envelope=b"", name="Phone", origin=ORIGIN)


def test_keys_of_people_who_left_or_lost_the_role_do_not_count(ada: Person, ada_client: Client) -> None:
    browser = Browser()
    key = enrol(ada_client, ada, browser)
    assert list(active_keys()) == [key]
    ada.role_grants.all().delete()
    assert active_key(browser.public_key) is None


def test_keys_of_deactivated_people_do_not_count(ada: Person, ada_client: Client) -> None:
    enrol(ada_client, ada, Browser())
    Person.objects.update(is_active=False)
    assert not active_keys().exists()


def test_the_database_itself_refuses_a_key_of_31_bytes(ada: Person) -> None:
    with pytest.raises(Exception, match="approver_key_is_32_bytes"):
        ApproverKey.objects.create(person=ada, public_key=b"\x05" * 31, name="Phone", proof=b"")


def test_a_name_is_checked_before_the_challenge_is_used(ada: Person) -> None:
    challenge = services.begin_enrolment(person=ada)
    with pytest.raises(InvalidName):
        services.enrol(person=ada, envelope=Browser().enrolment(ada, challenge).to_bytes(), name="", origin=ORIGIN)
    assert EnrolmentChallenge.objects.get().spent_at is None
