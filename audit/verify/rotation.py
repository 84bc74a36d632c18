"""What is said of an issuer that came or went: the set of roots that workers were told to believe from then on."""

from __future__ import annotations

from audit.statements.kinds import EntryKind
from audit.statements.statements import MalformedStatement
from audit.statements.trusted_roots import TrustedRoots, parse_trusted_roots
from audit.verify.reading import Entry
from audit.verify.steps import Refused, Step, require

ROTATIONS = (EntryKind.ISSUER_ANNOUNCED, EntryKind.ISSUER_ACTIVATED, EntryKind.ISSUER_RETIRED)


def check_rotation(entry: Entry, step: Step) -> str:
    """Return in words what became of which issuer. Raises ``Refused``, for ``step``."""
    details = entry.details.for_step(step)
    signed, key = _parsed(details.data("roots"), step), details.data("key", 32)
    believed = entry.kind != EntryKind.ISSUER_RETIRED
    require((key in signed.roots) is believed, step, "The set of trusted roots says something else than the entry.")
    said = entry.kind != EntryKind.ISSUER_ACTIVATED or signed.signer_key == key
    require(said, step, "The issuer that was activated did not sign the set of trusted roots.")
    return f"{details.text('issuer')}: set {signed.number} of the trusted roots, with {len(signed.roots)}"


def _parsed(data: bytes, step: Step) -> TrustedRoots:
    try:
        return parse_trusted_roots(data)
    except MalformedStatement as error:
        raise Refused(step, f"The set of trusted roots does not verify. {error}") from error
