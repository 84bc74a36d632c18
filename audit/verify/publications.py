"""What is said of a policy that was published: the text, and that somebody signed it who wrote none of it."""

from __future__ import annotations

import hashlib

from audit.statements.publications import parse_publication
from audit.statements.statements import MalformedStatement
from audit.verify.reading import Entry
from audit.verify.steps import Refused, Step, require


def check_publication(entry: Entry, step: Step) -> str:
    """Return in words who published which version. Raises ``Refused``, for ``step``."""
    details = entry.details.for_step(step)
    try:
        signed = parse_publication(details.data("publication"))
    except MalformedStatement as error:
        raise Refused(step, f"The publication does not verify. {error}") from error
    said = (signed.policy, signed.number, signed.digest, signed.replaces, signed.person, signed.publisher_key)
    names = (
        details.text("policy"),
        details.integer("number"),
        details.data("digest", 32),
        details.data("replaces", 32),
        details.text("person"),
        details.data("key", 32),
    )
    require(said == names, step, "The publication says something else than the entry.")
    require(signed.person not in signed.authors, step, "Who published the policy is among its authors.")
    text = entry.content("policy")
    same = text is None or hashlib.sha256(text).digest() == signed.digest
    require(same, step, "The policy beside the entry is not the one that was published.")
    return f"{signed.policy}@{signed.number}, written by {', '.join(signed.authors)}, published by {signed.person}"
