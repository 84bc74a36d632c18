"""Security administrators endorse keys; the application refuses what no worker would believe."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.endorsements.queries import endorsed_keys, endorsement_of, people_root
from accounts.endorsements.services import endorse
from accounts.errors import EndorsementRefused, InvalidReason, KeyNotEndorsed, NotAnAdministrator
from accounts.keys.queries import keys_of
from accounts.keys.services import revoke, revoke_for
from accounts.models import KeyEndorsement, Notice, PeopleRoot, Person
from accounts.roles.contracts import Role
from accounts.roles.services import grant
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.key_endorsements import EndorsedRole, NotEndorsed, verify_chain
from audit.statements.kinds import EntryKind
from tests.approvals import factories
from tests.approvals.factories import base64_text
from tests.endorsing import endorsed, statement

pytestmark = pytest.mark.django_db


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _administrator(name: str) -> tuple[Person, Ed25519PrivateKey]:
    person = factories.person(name, role=Role.SECURITY_ADMINISTRATOR)
    key = factories.enrol_key(person, endorse=False)
    endorsed(keys_of(person)[0], EndorsedRole.SECURITY_ADMINISTRATOR)
    return person, key


@pytest.fixture
def sam(db: None) -> tuple[Person, Ed25519PrivateKey]:
    """A security administrator whose key the people root has endorsed."""
    return _administrator("sam")


@pytest.fixture
def ada(db: None) -> tuple[Person, Ed25519PrivateKey]:
    person = factories.person("ada")
    return person, factories.enrol_key(person, endorse=False)


def test_an_administrator_endorses_somebody_elses_key(sam: Any, ada: Any) -> None:
    row = endorse(administrator=sam[0], envelope=statement(public(ada[1]), "local:ada", by=sam[1]))
    assert (row.endorser, row.key.person) == ("local:sam", ada[0])
    entry = LedgerEntry.objects.filter(kind=EntryKind.KEY_ENDORSED).get()
    assert statements.parse(bytes(entry.envelope)).facts["details"]["endorsement"] == bytes(row.envelope)
    assert Notice.objects.get(person=ada[0]).title == "A key of yours was endorsed"
    again = endorse(administrator=sam[0], envelope=statement(public(ada[1]), "local:ada", by=sam[1]))
    assert again == row


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("person", {"person": "local:grace"}),
        ("strength", {"strength": "strong"}),
        ("role", {"role": "security_administrator"}),
        ("at", {"at": 1}),
        ("at", {"at": 4_000_000_000_000}),
        ("role", {"role": "auditor"}),
    ],
)
def test_a_statement_that_is_not_so_is_refused(sam: Any, ada: Any, field: str, changes: Any) -> None:
    with pytest.raises(EndorsementRefused) as refused:
        endorse(administrator=sam[0], envelope=statement(public(ada[1]), "local:ada", by=sam[1], **changes))
    assert refused.value.field == field
    assert not KeyEndorsement.objects.filter(key__person=ada[0]).exists()


def test_nobody_endorses_a_key_of_their_own(sam: Any) -> None:
    grant(person=sam[0], role=Role.APPROVER, granted_by="tests")
    own = factories.enrol_key(sam[0], endorse=False)
    with pytest.raises(EndorsementRefused) as refused:
        endorse(administrator=sam[0], envelope=statement(public(own), "local:sam", by=sam[1]))
    assert refused.value.field == "person"


def test_the_administrators_key_must_be_theirs_live_and_endorsed(sam: Any, ada: Any) -> None:
    other, other_key = _administrator("olga")
    stranger = Ed25519PrivateKey.generate()
    for key in (stranger, other_key, ada[1]):
        with pytest.raises(EndorsementRefused) as refused:
            endorse(administrator=sam[0], envelope=statement(public(ada[1]), "local:ada", by=key))
        assert refused.value.field == "signer_key"
    row = keys_of(other)[0]
    revoke(person=other, key_id=row.pk, reason="lost")
    with pytest.raises(EndorsementRefused):
        endorse(administrator=other, envelope=statement(public(ada[1]), "local:ada", by=other_key))


def details_of(kind: EntryKind) -> dict[str, Any]:
    entry = LedgerEntry.objects.filter(kind=kind).latest("id")
    return dict(statements.parse(bytes(entry.envelope)).facts["details"])


def test_somebody_without_the_role_endorses_nothing(ada: Any) -> None:
    grace = factories.person("grace")
    key = factories.enrol_key(grace)
    with pytest.raises(NotAnAdministrator):
        endorse(administrator=grace, envelope=statement(public(ada[1]), "local:ada", by=key))


def test_an_administrator_whose_key_nobody_endorsed_endorses_nothing(ada: Any) -> None:
    newcomer = factories.person("newcomer", role=Role.SECURITY_ADMINISTRATOR)
    key = factories.enrol_key(newcomer, endorse=False)
    with pytest.raises(KeyNotEndorsed):
        endorse(administrator=newcomer, envelope=statement(public(ada[1]), "local:ada", by=key))


def test_a_policy_may_ask_for_two_endorsers(sam: Any, ada: Any) -> None:
    endorse(administrator=sam[0], envelope=statement(public(ada[1]), "local:ada", by=sam[1]))
    assert ada[0] in [key.person for key in endorsed_keys()]
    assert ada[0] not in [key.person for key in endorsed_keys(endorsers=2)]
    olga, olgas = _administrator("olga")
    endorse(administrator=olga, envelope=statement(public(ada[1]), "local:ada", by=olgas))
    assert ada[0] in [key.person for key in endorsed_keys(endorsers=2)]
    assert endorsement_of(public(ada[1])).endorsers == ("local:sam", "local:olga")


# --- Revoking somebody else's key ---------------------------------------------------------------


def test_an_administrator_revokes_somebody_elses_key_and_says_why(sam: Any, ada: Any) -> None:
    key = keys_of(ada[0])[0]
    with pytest.raises(InvalidReason):
        revoke_for(administrator=sam[0], key_id=key.pk, reason=" ")
    revoke_for(administrator=sam[0], key_id=key.pk, reason="Her laptop was stolen.")
    assert keys_of(ada[0])[0].is_revoked
    said = details_of(EntryKind.KEY_REVOKED)
    assert (said["revoked_by"], said["reason"]) == ("local:sam", "Her laptop was stolen.")
    assert "Her laptop was stolen." in Notice.objects.get(person=ada[0]).text


def test_only_an_administrator_revokes_somebody_elses_key(ada: Any) -> None:
    key = keys_of(ada[0])[0]
    with pytest.raises(NotAnAdministrator):
        revoke_for(administrator=factories.person("grace"), key_id=key.pk, reason="I like to.")
    assert not keys_of(ada[0])[0].is_revoked


def test_what_an_administrator_endorsed_before_their_key_was_revoked_stays(sam: Any, ada: Any) -> None:
    endorse(administrator=sam[0], envelope=statement(public(ada[1]), "local:ada", by=sam[1]))
    revoke(person=sam[0], key_id=keys_of(sam[0])[0].pk, reason="lost")
    assert endorsed_keys().filter(person=ada[0]).exists()
    grace = factories.person("grace")
    hers = factories.enrol_key(grace, endorse=False)
    with pytest.raises(EndorsementRefused):
        endorse(administrator=sam[0], envelope=statement(public(hers), "local:grace", by=sam[1]))


# --- The ceremony -------------------------------------------------------------------------------


def bootstrap(*arguments: str) -> str:
    output = StringIO()
    call_command("bootstrap_root", *arguments, stdout=output, stderr=output)
    return output.getvalue()


def test_the_ceremony_endorses_one_key_and_forgets_its_own(ada: Any) -> None:
    said = bootstrap("ada")
    root = people_root()
    assert root is not None
    assert f"PEOPLE_ROOTS={bytes(root.public_key).hex()}" in said
    assert root.fingerprint in said.replace(" ", "")
    entry = details_of(EntryKind.PEOPLE_ROOT_ESTABLISHED)
    assert (entry["person"], entry["key"], entry["replaces"]) == ("local:ada", public(ada[1]), b"")
    for role in (EndorsedRole.APPROVER, EndorsedRole.SECURITY_ADMINISTRATOR):
        found = verify_chain(entry["endorsements"], public(ada[1]), role, [entry["people_root"]])
        assert (found.person, found.endorsers) == ("local:ada", ("people root",))


def test_the_ceremony_is_held_once(ada: Any) -> None:
    bootstrap("local:ada")
    before = PeopleRoot.objects.count(), LedgerEntry.objects.count()
    with pytest.raises(CommandError, match="people root already"):
        bootstrap("ada")
    assert (PeopleRoot.objects.count(), LedgerEntry.objects.count()) == before


def test_a_new_ceremony_is_loud_and_leaves_nobody_else_endorsed(ada: Any) -> None:
    grace = factories.person("grace")
    hers = factories.enrol_key(grace)
    assert "WAS REPLACED" in bootstrap("ada", "--replace")
    assert not endorsed_keys().filter(person=grace).exists()
    with pytest.raises(NotEndorsed):
        endorsement_of(public(hers))
    assert details_of(EntryKind.PEOPLE_ROOT_ESTABLISHED)["replaces"] != b""
    assert Notice.objects.filter(person=grace, title="The people root was replaced").exists()
    assert PeopleRoot.objects.filter(replaced_at=None).count() == 1


@pytest.mark.parametrize(("person", "words"), [("nobody", "nobody named"), ("vera", "no such key")])
def test_a_ceremony_for_nobody_or_without_a_key_is_refused(db: None, person: str, words: str) -> None:
    factories.person("vera", role=Role.VIEWER)
    with pytest.raises(CommandError, match=words):
        bootstrap(person)
    assert people_root() is None


def test_a_ceremony_for_somebody_with_two_keys_asks_which(ada: Any) -> None:
    factories.enrol_key(ada[0], name="Phone", endorse=False)
    with pytest.raises(CommandError, match="--key"):
        bootstrap("ada")
    chosen = keys_of(ada[0])[0]
    bootstrap("ada", "--key", chosen.short)
    assert list(endorsed_keys()) == [chosen]


# --- The page -----------------------------------------------------------------------------------


def client_of(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


JSON = {"accept": "application/json"}


def test_the_page_shows_administrators_what_waits(sam: Any, ada: Any) -> None:
    page = client_of(sam[0]).get("/keys/endorsements/")
    waiting = page.context["endorsing"]["waiting"]
    assert [(item["key"], item["person"], item["role"]) for item in waiting] == [
        (public(ada[1]).hex(), "local:ada", "approver")
    ]
    assert keys_of(ada[0])[0].short in page.content.decode()


@pytest.mark.parametrize("path", ["/keys/endorsements/", "/keys/endorsements/1/revocation/"])
def test_nobody_else_knows_of_the_page(ada: Any, path: str) -> None:
    assert client_of(ada[0]).post(path).status_code == 404
    assert Client().post(path).status_code == 302
    assert client_of(ada[0]).get("/keys/endorsements/").status_code == 404


def test_an_endorsement_is_posted(sam: Any, ada: Any) -> None:
    envelope = base64_text(statement(public(ada[1]), "local:ada", by=sam[1]))
    client = client_of(sam[0])
    assert client.post("/keys/endorsements/", {"envelope": "?"}, headers=JSON).status_code == 400
    assert client.post("/keys/endorsements/", {"envelope": envelope[:-8]}, headers=JSON).status_code == 422
    answer = client.post("/keys/endorsements/", {"envelope": envelope}, headers=JSON)
    assert (answer.status_code, answer.json()["role"]) == (201, "approver")
    assert endorsed_keys().filter(person=ada[0]).exists()
    assert not client.get("/keys/endorsements/").context["waiting"]


def test_a_notice_stands_until_it_is_dismissed_by_its_own_person(sam: Any, ada: Any) -> None:
    endorse(administrator=sam[0], envelope=statement(public(ada[1]), "local:ada", by=sam[1]))
    notice, client = Notice.objects.get(person=ada[0]), client_of(ada[0])
    assert notice.title in client.get("/approvals/").content.decode()
    client_of(sam[0]).post(f"/notices/{notice.pk}/dismissal/")
    assert notice.title in client.get("/approvals/").content.decode()
    assert client.post(f"/notices/{notice.pk}/dismissal/", {"next": "/approvals/"}).url == "/approvals/"
    assert notice.title not in client.get("/approvals/").content.decode()


def test_a_notice_is_mailed_where_mail_is_configured(
    sam: Any, ada: Any, settings: Any, mailoutbox: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    settings.EMAIL_HOST = "mail.example"
    Person.objects.filter(pk=ada[0].pk).update(email="ada@example.com")
    with django_capture_on_commit_callbacks(execute=True):
        endorse(administrator=sam[0], envelope=statement(public(ada[1]), "local:ada", by=sam[1]))
    assert [mail.to for mail in mailoutbox] == [["ada@example.com"]]
    assert "endorsed" in mailoutbox[0].subject
