"""Whether a version was published by a second person, as everybody who mints from it checks again."""

from __future__ import annotations

import hashlib

from accounts.endorsements.queries import people_root, statements_above
from accounts.keys.queries import revocation_times
from audit.statements.key_endorsements import EndorsedRole, NotEndorsed, verify_chain
from audit.statements.publications import Publication, parse_publication
from audit.statements.statements import MalformedStatement
from warrants.errors import PolicyError
from warrants.models import PolicyVersion

_AGAIN = "Nothing is minted from it until it was published again."


def verified(version: PolicyVersion) -> str:
    """Return the text of a published version. Raises ``PolicyError`` unless its publication holds.

    1. The publication is well formed and signed, for this policy, this number and exactly this text.
    2. The key was endorsed as a policy publisher's of the person who is named when it signed, from the people root
       in use, and not revoked.
    3. That person wrote none of it.
    """
    try:
        publication = parse_publication(bytes(version.publication or b""))
    except MalformedStatement as error:
        raise _refused(version, str(error)) from error
    digest = hashlib.sha256(version.text.encode()).digest()
    signed = (publication.policy, publication.number, publication.digest)
    if signed != (version.name, version.number, digest):  # 1
        raise _refused(version, "What was signed is another policy, number or text.")
    if publication.person in publication.authors:  # 3
        raise _refused(version, "Who published it is among its authors.")
    try:
        require_publishers_key(publication)  # 2
    except NotEndorsed as error:
        raise _refused(version, str(error)) from error
    return version.text


def require_publishers_key(publication: Publication) -> None:
    """Raise ``NotEndorsed`` unless the key that signed was the named person's, as a policy publisher's, at that time.

    A key that was revoked later signed for good.
    """
    key, root = publication.publisher_key, people_root()
    if root is None:
        raise NotEndorsed("people_root", "There is no people root yet: run manage.py bootstrap_root once.")
    revoked = revocation_times()
    if publication.at >= revoked.get(key, publication.at + 1):
        raise NotEndorsed("key", "The publisher's key had been revoked when it signed.")
    role = EndorsedRole.POLICY_PUBLISHER
    chain = statements_above(key, role)
    endorsed = verify_chain(chain, key, role, [bytes(root.public_key)], now_ms=publication.at, revoked=revoked)
    if endorsed.person != publication.person:
        raise NotEndorsed("person", "The key that signed is another person's than the one who is named.")


def _refused(version: PolicyVersion, sentence: str) -> PolicyError:
    return PolicyError(
        "", f"Version {version.number} of {version.name} is not published by anybody. {sentence} {_AGAIN}"
    )
