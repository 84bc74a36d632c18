"""Endorsing keys, and the ceremony from which all endorsements lead.

The server keeps what people sign and refuses what no worker would believe. It cannot endorse: the people root's
private key exists only while ``establish_root`` runs, and an administrator's only in their browser.
"""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction
from django.utils import timezone

from accounts.endorsements.queries import endorsement_of, live_keys, people_root, roles_to_endorse, statements_above
from accounts.errors import (
    AmbiguousKey,
    EndorsementRefused,
    KeyNotEndorsed,
    NotAnAdministrator,
    PeopleRootStands,
    UnknownKey,
)
from accounts.keys.services import KEYS_CHAIN
from accounts.models import ApproverKey, KeyEndorsement, PeopleRoot, Person
from accounts.notices.services import tell
from accounts.roles.contracts import EVERYWHERE, Role
from accounts.roles.queries import has_role
from accounts.roles.services import grant
from audit.ledger.services import append
from audit.statements.key_endorsements import (
    CLOCK_TOLERANCE_MS,
    PEOPLE_ROOT,
    EndorsedRole,
    NotEndorsed,
    facts_of,
    parse_endorsement,
    verify_chain,
)
from audit.statements.key_endorsements import (
    KeyEndorsement as Statement,
)
from audit.statements.kinds import EntryKind
from audit.statements.statements import Context, sign

# What the key of the ceremony is for. Who publishes policies is endorsed by it like everybody else.
_OF_THE_FIRST = (EndorsedRole.APPROVER, EndorsedRole.SECURITY_ADMINISTRATOR)
_BEGIN_AGAIN = "Nothing was endorsed: reload the page and look again."


@transaction.atomic
def establish_root(*, person: Person, fingerprint: str = "", replace: bool = False) -> PeopleRoot:
    """Make a people root, endorse ``person``'s key with it as administrator and approver, and forget its private key.

    1. There is no people root in use, or ``replace`` says that it is replaced: all it stood behind counts no more.
    2. The person is active and has one key, or one whose fingerprint begins with ``fingerprint``.

    ``person`` becomes a security administrator. Raises ``PeopleRootStands``, ``UnknownKey`` and ``AmbiguousKey``.
    """
    earlier = PeopleRoot.objects.select_for_update().filter(replaced_at=None).first()  # 1
    if earlier is not None and not replace:
        raise PeopleRootStands(person=earlier.person)
    key = _own_key(person, fingerprint)  # 2
    now = timezone.now()
    if earlier is not None:
        earlier.replaced_at = now
        earlier.save(update_fields=["replaced_at"])
    grant(person=person, role=Role.SECURITY_ADMINISTRATOR, granted_by="bootstrap_root")
    private_key = Ed25519PrivateKey.generate()
    root = PeopleRoot.objects.create(
        public_key=private_key.public_key().public_bytes_raw(), person=person.external_id, established_at=now
    )
    signed = [_sign_as_root(private_key, key, role, now) for role in _OF_THE_FIRST]
    for statement in signed:
        _write(statement, key, root, PEOPLE_ROOT)
    append(
        chain=KEYS_CHAIN,
        kind=EntryKind.PEOPLE_ROOT_ESTABLISHED,
        details={
            "people_root": bytes(root.public_key),
            "person": person.external_id,
            "key": bytes(key.public_key),
            "endorsements": [statement.to_bytes() for statement in signed],
            "replaces": bytes(earlier.public_key) if earlier is not None else b"",
        },
    )
    _tell_all(person, key, replaced=earlier is not None)
    return root


@transaction.atomic
def endorse(*, administrator: Person, envelope: bytes) -> KeyEndorsement:
    """Record that ``administrator`` endorsed a key. ``envelope`` is what their browser signed.

    1. They are a security administrator, and the statement has the right form and signature.
    2. They signed just now, with a live key of theirs that is endorsed as an administrator's.
    3. The key is live, its person is the one that is named, holds the role, and is somebody else.
    4. The statement says the key's strength.
    5. With it, the key leads to the people root.

    The same endorser's word again returns the first. Raises ``NotAnAdministrator``, ``EndorsementRefused``,
    ``KeyNotEndorsed`` and ``UnknownKey``; then nothing was written.
    """
    if not has_role(administrator, Role.SECURITY_ADMINISTRATOR, namespace=EVERYWHERE):  # 1
        raise NotAnAdministrator
    statement = _parse(envelope)
    _require_own_word(statement, administrator)  # 2
    key = _key_of(statement)
    _require_somebody_else(statement, key, administrator)  # 3
    if statement.strength != key.strength:  # 4
        raise EndorsementRefused(f"The key is {key.strength}. {_BEGIN_AGAIN}", field="strength")
    root = _require_led(statement)  # 5
    earlier = KeyEndorsement.objects.filter(
        key=key, role=statement.role.value, people_root=root, endorser=administrator.external_id
    ).first()
    if earlier is not None:
        return earlier
    row = _write(statement, key, root, administrator.external_id)
    append(
        chain=KEYS_CHAIN,
        kind=EntryKind.KEY_ENDORSED,
        details={
            "person": statement.person,
            "key": statement.key,
            "role": statement.role.value,
            "strength": statement.strength,
            "endorser": administrator.external_id,
            "endorser_key": statement.endorser_key,
            "endorsement": envelope,
        },
    )
    tell(
        person=key.person,
        title="A key of yours was endorsed",
        text=f"{administrator.display_name} endorsed your key “{key.name}” ({key.short}) as "
        f"{in_words(statement.role)}. If you did not make this key, revoke it and tell your security team.",
    )
    return row


def in_words(role: EndorsedRole) -> str:
    """Return the role with its article."""
    words = {
        EndorsedRole.APPROVER: "an approver’s",
        EndorsedRole.POLICY_PUBLISHER: "a policy publisher’s",
        EndorsedRole.SECURITY_ADMINISTRATOR: "a security administrator’s",
    }
    return words[role]


def _own_key(person: Person, fingerprint: str) -> ApproverKey:
    keys = ApproverKey.objects.select_for_update().filter(person=person, person__is_active=True, revoked_at=None)
    found = [key for key in keys if key.fingerprint.startswith(fingerprint.replace(" ", "").lower())]
    if not found:
        raise UnknownKey
    if len(found) > 1:
        raise AmbiguousKey(shorts=[key.short for key in found])
    return found[0]


def _sign_as_root(private_key: Ed25519PrivateKey, key: ApproverKey, role: EndorsedRole, now: datetime) -> Statement:
    facts = facts_of(
        key=bytes(key.public_key),
        person=key.person.external_id,
        role=role,
        strength=key.strength,
        at=int(now.timestamp() * 1000),
    )
    return parse_endorsement(sign(Context.KEY_ENDORSEMENT, facts, private_key).to_bytes())


def _parse(envelope: bytes) -> Statement:
    try:
        return parse_endorsement(envelope)
    except NotEndorsed as error:
        raise EndorsementRefused(f"{error} {_BEGIN_AGAIN}", field=error.field) from error


def _require_own_word(statement: Statement, administrator: Person) -> None:
    if abs(statement.at - timezone.now().timestamp() * 1000) > CLOCK_TOLERANCE_MS:
        raise EndorsementRefused(
            "The endorsement's time is not now. Check this device's clock, reload the page and endorse again.",
            field="at",
        )
    own = ApproverKey.objects.select_for_update().filter(
        person=administrator, public_key=statement.endorser_key, revoked_at=None
    )
    if not own.exists():
        raise EndorsementRefused(f"It was not signed by a key of yours. {_BEGIN_AGAIN}", field="signer_key")
    try:
        endorsement_of(statement.endorser_key, EndorsedRole.SECURITY_ADMINISTRATOR)
    except NotEndorsed as error:
        raise KeyNotEndorsed(
            "Your own key is not endorsed as a security administrator's, so it can endorse nobody's."
        ) from error


def _key_of(statement: Statement) -> ApproverKey:
    key = live_keys().select_for_update(of=("self",)).filter(public_key=statement.key).first()
    if key is None:
        raise UnknownKey
    return key


def _require_somebody_else(statement: Statement, key: ApproverKey, administrator: Person) -> None:
    if statement.person != key.person.external_id:
        raise EndorsementRefused(f"The key is not that person's. {_BEGIN_AGAIN}", field="person")
    if key.person_id == administrator.pk:
        raise EndorsementRefused(
            "Nobody endorses a key of their own. Ask another security administrator.", field="person"
        )
    if statement.role not in roles_to_endorse(key):
        raise EndorsementRefused(
            f"{key.person.display_name} does not hold that role. Give them the role first.", field="role"
        )


def _require_led(statement: Statement) -> PeopleRoot:
    root = people_root()
    if root is None:
        raise KeyNotEndorsed("There is no people root yet. Run manage.py bootstrap_root once.")
    above = statements_above(statement.endorser_key, EndorsedRole.SECURITY_ADMINISTRATOR)
    try:
        verify_chain([*above, statement.to_bytes()], statement.key, statement.role, [bytes(root.public_key)])
    except NotEndorsed as error:
        raise EndorsementRefused(f"{error} {_BEGIN_AGAIN}", field=error.field) from error
    return root


def _write(statement: Statement, key: ApproverKey, root: PeopleRoot, endorser: str) -> KeyEndorsement:
    return KeyEndorsement.objects.create(
        key=key,
        people_root=root,
        role=statement.role.value,
        endorser_key=statement.endorser_key,
        endorser=endorser,
        envelope=statement.to_bytes(),
        signed_at=datetime.fromtimestamp(statement.at / 1000, UTC),
    )


def _tell_all(person: Person, key: ApproverKey, *, replaced: bool) -> None:
    """A new root is everybody's business who has a key."""
    holders = Person.objects.filter(approver_keys__revoked_at=None).distinct() if replaced else [person]
    title = "The people root was replaced" if replaced else "The people root was established"
    text = (
        f"{person.display_name}’s key {key.short} is the first that the new people root endorsed. "
        + ("Every other key has to be endorsed again. " if replaced else "")
        + "If nobody told you of this ceremony, tell your security team."
    )
    for holder in holders:
        tell(person=holder, title=title, text=text)
