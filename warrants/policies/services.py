"""Writing, proposing, publishing and retiring versions of policies.

An author writes; somebody else publishes, by signing in their browser which text takes the place of which. The server
keeps what they signed, and refuses what nobody would believe later (``warrants.policies.publications``).
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import EVERYWHERE, Role
from accounts.roles.queries import has_role
from audit.ledger.services import append
from audit.statements.chains import POLICIES_CHAIN
from audit.statements.key_endorsements import CLOCK_TOLERANCE_MS, NotEndorsed
from audit.statements.kinds import EntryKind
from audit.statements.publications import NOTHING, Publication, parse_publication
from audit.statements.statements import MalformedStatement
from warrants.errors import (
    DraftExpired,
    EditedMeanwhile,
    InvalidReason,
    NotAPolicyAuthor,
    NotAPolicyPublisher,
    PolicyError,
    PublicationRefused,
)
from warrants.models import PolicyVersion
from warrants.policies import queries
from warrants.policies.contracts import Act, Compared, State
from warrants.policies.lint import errors_of
from warrants.policies.publications import require_publishers_key
from warrants.policies.reading import MAXIMUM_CHARACTERS
from warrants.policies.rules import parse_policy, policy_name
from warrants.policies.transitions import lock, move, require

DRAFT_LIFETIME = timedelta(days=30)
MAXIMUM_REASON = 500
_LOOK_AGAIN = "Nothing was published: reload the page and look again."


@transaction.atomic
def begin(*, name: str, author: Person, text: str) -> PolicyVersion:
    """Begin the next version of the policy ``name``, or its first, as a draft with ``text``.

    A draft may be as unfinished as its author likes. Raises ``NotAPolicyAuthor`` and ``PolicyError``.
    """
    _require_author(author)
    policy_name(name)
    text = _storable(text)
    for _ in range(3):
        try:
            with transaction.atomic():
                return PolicyVersion.objects.create(
                    name=name,
                    number=queries.next_number(name),
                    state=State.DRAFT,
                    text=text,
                    digest=_digest(text),
                    authors=[author.external_id],
                    changed_at=timezone.now(),
                )
        except IntegrityError:
            continue  # somebody else began one at the same moment
    raise PolicyError("version", "Several people began versions at once. Try again.")


@transaction.atomic
def save(*, name: str, number: int, revision: int, author: Person, text: str) -> PolicyVersion:
    """Save ``text`` in a draft whose ``revision`` its author saw.

    Raises ``EditedMeanwhile``, which holds what the other author saved, if that is not the newest; nothing is lost.
    Also ``NotAPolicyAuthor``, ``UnknownVersion``, ``WrongState`` and ``PolicyError``.
    """
    _require_author(author)
    version = lock(name, number)
    require(version, Act.SAVE)
    text = _storable(text)
    if version.revision != revision:
        raise EditedMeanwhile(by=version.authors[-1], revision=version.revision, text=version.text)
    version.text, version.digest = text, _digest(text)
    version.revision += 1
    # The last one is who saved last.
    version.authors = [*(one for one in version.authors if one != author.external_id), author.external_id]
    version.changed_at = timezone.now()
    move(version, Act.SAVE)
    return version


@transaction.atomic
def propose(*, name: str, number: int, revision: int, author: Person) -> PolicyVersion:
    """Hand a draft to those who publish. Its text must be a safe policy of this name and number.

    Raises what ``save`` raises, and ``DraftExpired``.
    """
    _require_author(author)
    version = lock(name, number)
    if version.revision != revision:
        raise EditedMeanwhile(by=version.authors[-1], revision=version.revision, text=version.text)
    _require_young(version)
    _require_sound(version)
    move(version, Act.PROPOSE)
    return version


@transaction.atomic
def send_back(*, name: str, number: int, publisher: Person) -> PolicyVersion:
    """Return a proposed version to its authors. Raises ``NotAPolicyPublisher``, ``UnknownVersion``, ``WrongState``."""
    require_publisher(publisher)
    version = lock(name, number)
    version.changed_at = timezone.now()
    move(version, Act.RETURN)
    return version


def compared(version: PolicyVersion) -> Compared:
    """Return what a publisher of ``version`` looks at, and signs. Raises ``PolicyError``."""
    number, text = queries.standing(version.name)
    return Compared(version.name, version.number, version.text, number, text)


@transaction.atomic
def publish(*, name: str, number: int, publisher: Person, envelope: bytes) -> PolicyVersion:
    """Publish a proposed version. ``envelope`` is what ``publisher`` signed in their browser.

    1. They publish policies, in all namespaces, and wrote nothing of this version.
    2. The version waits for it, is not too old, and is still a safe policy.
    3. They signed just now, as themselves, this text in the place of the one that stands.
    4. Their key is endorsed as a policy publisher's.

    The version that stood before is retired. Warrants that were minted from it keep their terms.
    Raises ``NotAPolicyPublisher``, ``UnknownVersion``, ``WrongState``, ``DraftExpired``, ``PolicyError`` and
    ``PublicationRefused``; then nothing was written.
    """
    require_publisher(publisher)  # 1
    version = _lock_all(name, number)
    if publisher.external_id in version.authors:
        raise PublicationRefused("Nobody publishes what they wrote themselves. Ask another publisher.", field="person")
    require(version, Act.PUBLISH)  # 2
    _require_young(version)
    _require_sound(version)
    publication = _parse(envelope)
    looked_at = compared(version)
    _require_signed(publication, version, looked_at, publisher)  # 3
    try:
        require_publishers_key(publication)  # 4
    except NotEndorsed as error:
        raise PublicationRefused(f"{error} {_LOOK_AGAIN}", field=error.field) from error
    _retire_standing(name)
    version.publisher, version.publication = publisher.external_id, envelope
    version.published_at = timezone.now()
    move(version, Act.PUBLISH)
    _record_publication(version, publication, looked_at)
    return version


@transaction.atomic
def retire(*, name: str, number: int, publisher: Person, reason: str) -> PolicyVersion:
    """Take a published version out of use: nothing is minted from it, and the release's own of that name stands again.

    Raises ``NotAPolicyPublisher``, ``UnknownVersion``, ``WrongState`` and ``InvalidReason``.
    """
    require_publisher(publisher)
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= MAXIMUM_REASON or not reason.isprintable():
        raise InvalidReason(maximum=MAXIMUM_REASON)
    version = lock(name, number)
    version.retired_at = timezone.now()
    move(version, Act.RETIRE)
    append(
        chain=POLICIES_CHAIN,
        kind=EntryKind.POLICY_RETIRED,
        details={
            "policy": name,
            "number": number,
            "digest": bytes(version.digest),
            "person": publisher.external_id,
            "reason": reason,
        },
    )
    return version


def require_publisher(person: Person) -> None:
    """Raise ``NotAPolicyPublisher`` unless ``person`` publishes policies, in all namespaces."""
    if not has_role(person, Role.POLICY_PUBLISHER, namespace=EVERYWHERE):
        raise NotAPolicyPublisher


def _lock_all(name: str, number: int) -> PolicyVersion:
    """Lock every version of the policy, so that two publications come one after the other."""
    list(PolicyVersion.objects.select_for_update().filter(name=name).order_by("pk").values_list("pk"))
    return lock(name, number)


def _retire_standing(name: str) -> None:
    standing = queries.published(name)
    if standing is not None:
        standing.retired_at = timezone.now()
        move(standing, Act.RETIRE)


def _record_publication(version: PolicyVersion, publication: Publication, looked_at: Compared) -> None:
    append(
        chain=POLICIES_CHAIN,
        kind=EntryKind.POLICY_PUBLISHED,
        details={
            "policy": version.name,
            "number": version.number,
            "digest": bytes(version.digest),
            "replaces": publication.replaces,
            "person": version.publisher,
            "key": publication.publisher_key,
            "publication": bytes(version.publication or b""),
        },
        attachments={"policy": version.text.encode(), "replaced": looked_at.replaced_text.encode()},
    )


def _require_signed(publication: Publication, version: PolicyVersion, looked_at: Compared, publisher: Person) -> None:
    if abs(publication.at - timezone.now().timestamp() * 1000) > CLOCK_TOLERANCE_MS:
        raise PublicationRefused(
            "The publication's time is not now. Check this device's clock, reload the page and publish again.",
            field="at",
        )
    if publication.person != publisher.external_id:
        raise PublicationRefused(f"It was signed for another person. {_LOOK_AGAIN}", field="person")
    replaced = _digest(looked_at.replaced_text) if looked_at.replaced_text else NOTHING
    signed = (publication.policy, publication.number, publication.digest, publication.authors)
    if signed != (version.name, version.number, bytes(version.digest), tuple(version.authors)):
        raise PublicationRefused(f"It was signed for another version. {_LOOK_AGAIN}", field="digest")
    if publication.replaces != replaced:
        raise PublicationRefused(
            f"Another version was published since this page was opened. {_LOOK_AGAIN}", field="replaces"
        )


def _parse(envelope: bytes) -> Publication:
    try:
        return parse_publication(envelope)
    except MalformedStatement as error:
        raise PublicationRefused(f"{error} {_LOOK_AGAIN}", field=error.field) from error


def _require_sound(version: PolicyVersion) -> None:
    policy = parse_policy(version.text)
    for finding in errors_of(version.text):
        raise PolicyError(finding.path, finding.sentence)
    if policy.name != version.name:
        raise PolicyError("name", f"The policy must be named {version.name}.")
    if policy.version != version.number:
        raise PolicyError("version", f"The version must be {version.number}.")
    number, _ = queries.standing(version.name)
    if number >= version.number:
        raise PolicyError(
            "version", f"Version {number} is published, which is newer. Begin a new version, and write this into it."
        )


def _require_young(version: PolicyVersion) -> None:
    if version.changed_at < timezone.now() - DRAFT_LIFETIME:
        raise DraftExpired(days=DRAFT_LIFETIME.days)


def _require_author(person: Person) -> None:
    if not has_role(person, Role.POLICY_AUTHOR, namespace=EVERYWHERE):
        raise NotAPolicyAuthor


def _storable(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if not text.strip() or len(text) > MAXIMUM_CHARACTERS:
        raise PolicyError("", f"A policy is text of 1 to {MAXIMUM_CHARACTERS} characters.")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise PolicyError("", "A policy is text in UTF-8 without NUL.")
    return text


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
