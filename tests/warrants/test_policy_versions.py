"""A policy takes effect when a second person signed exactly its text; who can write the database cannot publish."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import ApproverKey, Person
from accounts.roles.contracts import Role
from audit.models import LedgerEntry
from audit.statements.key_endorsements import EndorsedRole
from audit.statements.kinds import EntryKind
from audit.statements.publications import NOTHING, facts_of
from audit.statements.statements import Context, parse, sign
from tests.endorsing import endorsed, now_ms
from tests.people import person
from warrants.errors import (
    DraftExpired,
    EditedMeanwhile,
    NotAPolicyAuthor,
    NotAPolicyPublisher,
    PolicyError,
    PublicationRefused,
    UnknownVersion,
    WrongState,
)
from warrants.models import PolicyVersion
from warrants.policies import services
from warrants.policies.contracts import State
from warrants.policies.queries import load
from warrants.policies.release import shipped, shipped_text

pytestmark = pytest.mark.django_db

NAME = "incident-response"
SHIPPED = shipped(NAME).version
NEXT = SHIPPED + 1
PUBLISHER_KEY = Ed25519PrivateKey.from_private_bytes(b"\x51" * 32)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def text_of(number: int = NEXT, lifetime: str = "2 h") -> str:
    """Return the release's policy as its next version, changed a little."""
    text = shipped_text(NAME)
    assert f"version: {SHIPPED}\n" in text
    assert "critical: 1 h" in text
    return text.replace(f"version: {SHIPPED}\n", f"version: {number}\n").replace(
        "critical: 1 h", f"critical: {lifetime}"
    )


@pytest.fixture
def author(db: None) -> Person:
    return person("author", Role.POLICY_AUTHOR)


@pytest.fixture
def publisher(db: None) -> Person:
    found = person("publisher", Role.POLICY_PUBLISHER)
    key_of(found, PUBLISHER_KEY)
    return found


def key_of(owner: Person, private_key: Ed25519PrivateKey, role: EndorsedRole = EndorsedRole.POLICY_PUBLISHER) -> Any:
    key = ApproverKey.objects.create(
        person=owner, public_key=private_key.public_key().public_bytes_raw(), name="browser", proof=b"proof"
    )
    return endorsed(key, role)


def proposed(author: Person, text: str | None = None) -> PolicyVersion:
    draft = services.begin(name=NAME, author=author, text=text or text_of())
    return services.propose(name=NAME, number=draft.number, revision=draft.revision, author=author)


def signed(version: PolicyVersion, by: Person, key: Ed25519PrivateKey = PUBLISHER_KEY, **changes: Any) -> bytes:
    replaced = services.compared(version).replaced_text
    facts = facts_of(
        at=now_ms(),
        authors=version.authors,
        digest=digest(version.text),
        number=version.number,
        person=by.external_id,
        policy=version.name,
        replaces=digest(replaced) if replaced else NOTHING,
    )
    return sign(Context.POLICY_PUBLICATION, {**facts, **changes}, key).to_bytes()


def published(author: Person, publisher: Person, text: str | None = None) -> PolicyVersion:
    version = proposed(author, text)
    return services.publish(name=NAME, number=version.number, publisher=publisher, envelope=signed(version, publisher))


# --- The way of a version -----------------------------------------------------------------------


def test_the_releases_own_stands_until_another_is_published(author: Person, publisher: Person) -> None:
    assert load(NAME).digest == shipped(NAME).digest
    version = proposed(author)
    assert load(NAME).digest == shipped(NAME).digest
    services.publish(name=NAME, number=version.number, publisher=publisher, envelope=signed(version, publisher))
    assert load(NAME).digest == digest(version.text)
    assert load(NAME).lifetimes["critical"] == 7200


def test_a_publication_is_an_entry_with_both_texts(author: Person, publisher: Person) -> None:
    version = published(author, publisher)
    entry = LedgerEntry.objects.get(kind=EntryKind.POLICY_PUBLISHED)
    details = parse(entry.envelope).facts["details"]
    assert details["publication"] == bytes(version.publication or b"")
    assert details["digest"] == digest(version.text)
    attached = {one.name: one.content for one in entry.attachments.all()}
    assert attached == {"policy": version.text.encode(), "replaced": shipped_text(NAME).encode()}


def test_the_next_version_retires_the_one_before(author: Person, publisher: Person) -> None:
    published(author, publisher)
    second = published(author, publisher, text_of(NEXT + 1, "3 h"))
    assert load(NAME).version == NEXT + 1
    states = dict(PolicyVersion.objects.values_list("number", "state"))
    assert states == {NEXT: State.RETIRED, second.number: State.PUBLISHED}


def test_retiring_brings_back_the_releases_own(author: Person, publisher: Person) -> None:
    version = published(author, publisher)
    services.retire(name=NAME, number=version.number, publisher=publisher, reason="It asked nobody.")
    assert load(NAME).digest == shipped(NAME).digest
    assert LedgerEntry.objects.filter(kind=EntryKind.POLICY_RETIRED).count() == 1


def test_numbers_go_on_from_the_releases_and_from_each_other(author: Person) -> None:
    numbers = [services.begin(name=NAME, author=author, text=text_of()).number for _ in range(2)]
    assert numbers == [NEXT, NEXT + 1]
    assert services.begin(name="new-policy", author=author, text="x").number == 1


def test_a_new_policy_replaces_nothing(author: Person, publisher: Person) -> None:
    text = text_of(1).replace(f"name: {NAME}", "name: night-shift")
    draft = services.begin(name="night-shift", author=author, text=text)
    services.propose(name="night-shift", number=1, revision=draft.revision, author=author)
    draft.refresh_from_db()
    services.publish(name="night-shift", number=1, publisher=publisher, envelope=signed(draft, publisher))
    assert load("night-shift").version == 1


def test_an_older_draft_cannot_follow_a_newer_version(author: Person, publisher: Person) -> None:
    older = services.begin(name=NAME, author=author, text=text_of())
    published(author, publisher, text_of(NEXT + 1))
    with pytest.raises(PolicyError, match=f"Version {NEXT + 1} is published, which is newer"):
        services.propose(name=NAME, number=older.number, revision=older.revision, author=author)


# --- Authors ------------------------------------------------------------------------------------


def test_a_draft_may_be_unfinished_but_is_not_proposed_so(author: Person) -> None:
    draft = services.begin(name=NAME, author=author, text="tools: [")
    with pytest.raises(PolicyError):
        services.propose(name=NAME, number=draft.number, revision=draft.revision, author=author)


@pytest.mark.parametrize(
    ("text", "field"), [(text_of(NEXT + 7), "version"), (text_of().replace(NAME, "other"), "name")]
)
def test_a_text_that_names_itself_otherwise_is_not_proposed(author: Person, text: str, field: str) -> None:
    draft = services.begin(name=NAME, author=author, text=text)
    with pytest.raises(PolicyError) as refused:
        services.propose(name=NAME, number=draft.number, revision=draft.revision, author=author)
    assert refused.value.field == field


def test_the_second_of_two_authors_sees_the_first_ones_text_and_loses_nothing(author: Person) -> None:
    other = person("other", Role.POLICY_AUTHOR)
    draft = services.begin(name=NAME, author=author, text=text_of())
    services.save(name=NAME, number=NEXT, revision=draft.revision, author=author, text=text_of(lifetime="3 h"))
    with pytest.raises(EditedMeanwhile) as refused:
        services.save(name=NAME, number=NEXT, revision=draft.revision, author=other, text=text_of(lifetime="4 h"))
    assert refused.value.text == text_of(lifetime="3 h")
    assert refused.value.by == author.external_id
    again = services.save(
        name=NAME, number=NEXT, revision=refused.value.revision, author=other, text=text_of(lifetime="4 h")
    )
    assert again.authors == [author.external_id, other.external_id]


def test_what_waits_to_be_published_keeps_its_text(author: Person) -> None:
    version = proposed(author)
    with pytest.raises(WrongState):
        services.save(name=NAME, number=NEXT, revision=version.revision, author=author, text=text_of(lifetime="5 h"))


def test_sent_back_it_can_be_written_again(author: Person, publisher: Person) -> None:
    version = proposed(author)
    services.send_back(name=NAME, number=NEXT, publisher=publisher)
    saved = services.save(
        name=NAME, number=NEXT, revision=version.revision, author=author, text=text_of(lifetime="5 h")
    )
    assert saved.state == State.DRAFT


def test_roles_in_one_namespace_do_not_write_for_all(publisher: Person) -> None:
    local = person("local", Role.POLICY_AUTHOR, Role.POLICY_PUBLISHER, namespace="payments")
    with pytest.raises(NotAPolicyAuthor):
        services.begin(name=NAME, author=local, text=text_of())
    with pytest.raises(NotAPolicyPublisher):
        services.send_back(name=NAME, number=NEXT, publisher=local)
    with pytest.raises(NotAPolicyAuthor):
        services.begin(name=NAME, author=publisher, text=text_of())


@pytest.mark.parametrize("text", ["", " \n", "x" * (64 * 1024 + 1), "a\0b", "\ud800"])
def test_what_cannot_be_stored_is_refused(author: Person, text: str) -> None:
    with pytest.raises(PolicyError):
        services.begin(name=NAME, author=author, text=text)


def test_an_expired_draft_goes_no_further(author: Person, publisher: Person) -> None:
    version = proposed(author)
    PolicyVersion.objects.update(changed_at=timezone.now() - services.DRAFT_LIFETIME - timedelta(minutes=1))
    with pytest.raises(DraftExpired):
        services.publish(name=NAME, number=NEXT, publisher=publisher, envelope=signed(version, publisher))


# --- Publishing ---------------------------------------------------------------------------------


def test_nobody_publishes_what_they_wrote(author: Person, publisher: Person) -> None:
    version = proposed(author)
    PolicyVersion.objects.update(authors=[author.external_id, publisher.external_id])
    version.refresh_from_db()
    with pytest.raises(PublicationRefused, match="wrote themselves"):
        services.publish(name=NAME, number=NEXT, publisher=publisher, envelope=signed(version, publisher))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"at": 1}, "at"),
        ({"person": "local:author"}, "person"),
        ({"digest": bytes(32)}, "digest"),
        ({"number": NEXT + 1}, "digest"),
        ({"policy": "payments"}, "digest"),
        ({"authors": ["local:nobody"]}, "digest"),
        ({"authors": []}, "authors"),
        ({"replaces": NOTHING}, "replaces"),
        ({"digest": b"short"}, "digest"),
    ],
)
def test_a_publication_that_says_something_else_is_refused(
    author: Person, publisher: Person, changes: dict[str, Any], field: str
) -> None:
    version = proposed(author)
    with pytest.raises(PublicationRefused) as refused:
        services.publish(name=NAME, number=NEXT, publisher=publisher, envelope=signed(version, publisher, **changes))
    assert refused.value.field == field
    assert PolicyVersion.objects.get().state == State.REVIEW


def test_a_key_that_is_endorsed_for_something_else_publishes_nothing(author: Person, publisher: Person) -> None:
    version = proposed(author)
    key = Ed25519PrivateKey.generate()
    key_of(publisher, key, EndorsedRole.APPROVER)
    with pytest.raises(PublicationRefused, match="Nobody endorsed this key"):
        services.publish(name=NAME, number=NEXT, publisher=publisher, envelope=signed(version, publisher, key))


def test_a_revoked_key_publishes_nothing(author: Person, publisher: Person) -> None:
    version = proposed(author)
    ApproverKey.objects.filter(person=publisher).update(revoked_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(PublicationRefused, match="revoked"):
        services.publish(name=NAME, number=NEXT, publisher=publisher, envelope=signed(version, publisher))


def test_a_draft_is_not_published(author: Person, publisher: Person) -> None:
    draft = services.begin(name=NAME, author=author, text=text_of())
    with pytest.raises(WrongState):
        services.publish(name=NAME, number=NEXT, publisher=publisher, envelope=signed(draft, publisher))
    with pytest.raises(UnknownVersion):
        services.publish(name=NAME, number=NEXT + 9, publisher=publisher, envelope=b"")


def test_two_publishers_at_once_sign_over_what_stands(author: Person, publisher: Person) -> None:
    one, other = proposed(author), proposed(author, text_of(NEXT + 1))
    late = signed(other, publisher)
    services.publish(name=NAME, number=one.number, publisher=publisher, envelope=signed(one, publisher))
    with pytest.raises(PublicationRefused) as refused:
        services.publish(name=NAME, number=other.number, publisher=publisher, envelope=late)
    assert refused.value.field == "replaces"


# --- Whoever can write the database ---------------------------------------------------------------


@pytest.mark.parametrize("column", ["text", "number", "publication"])
def test_a_row_that_was_changed_mints_nothing(author: Person, publisher: Person, column: str) -> None:
    published(author, publisher)
    changed = {"text": text_of(lifetime="9 h"), "number": NEXT + 4, "publication": b"\xa0"}[column]
    PolicyVersion.objects.update(**{column: changed})
    with pytest.raises(PolicyError, match="not published by anybody"):
        load(NAME)


def test_a_row_that_an_unendorsed_key_published_mints_nothing(author: Person, publisher: Person) -> None:
    version = published(author, publisher)
    stranger = Ed25519PrivateKey.generate()
    PolicyVersion.objects.update(publication=signed(version, publisher, stranger))
    with pytest.raises(PolicyError, match="Nobody endorsed this key"):
        load(NAME)


def test_an_author_who_publishes_by_the_back_door_mints_nothing(author: Person, publisher: Person) -> None:
    version = published(author, publisher)
    PolicyVersion.objects.update(
        publication=signed(version, publisher, authors=[author.external_id, publisher.external_id])
    )
    with pytest.raises(PolicyError, match="among its authors"):
        load(NAME)


def test_a_key_that_is_revoked_later_published_for_good(author: Person, publisher: Person) -> None:
    published(author, publisher)
    ApproverKey.objects.filter(person=publisher).update(revoked_at=timezone.now() + timedelta(seconds=1))
    assert load(NAME).version == NEXT


def test_the_database_knows_no_published_version_without_a_signature(author: Person) -> None:
    services.begin(name=NAME, author=author, text=text_of())
    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyVersion.objects.update(state=State.PUBLISHED)
