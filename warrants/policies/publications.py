"""Whether a version was published by a second person, as everybody who mints from it checks again."""

from __future__ import annotations

from accounts.endorsements.queries import people_root, statements_above
from accounts.keys.queries import revocation_times
from audit.statements import publications
from audit.statements.key_endorsements import EndorsedRole, NotEndorsed
from audit.statements.publications import Publication, parse_publication, require_published
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
        require_published(publication, policy=version.name, number=version.number, text=version.text)  # 1, 3
        require_publishers_key(publication)  # 2
    except MalformedStatement as error:
        raise _refused(version, str(error)) from error
    return version.text


def require_publishers_key(publication: Publication) -> None:
    """Raise ``NotEndorsed`` unless the key that signed was the named person's at that time, from the root in use."""
    root = people_root()
    if root is None:
        raise NotEndorsed("people_root", "There is no people root yet: run manage.py bootstrap_root once.")
    chain = statements_above(publication.publisher_key, EndorsedRole.POLICY_PUBLISHER)
    publications.require_publishers_key(publication, chain, [bytes(root.public_key)], revocation_times())


def _refused(version: PolicyVersion, sentence: str) -> PolicyError:
    return PolicyError(
        "", f"Version {version.number} of {version.name} is not published by anybody. {sentence} {_AGAIN}"
    )
