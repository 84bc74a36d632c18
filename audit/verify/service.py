"""The service's own chains: people, their keys, rings, exports. Their entries have no warrant; keys have step 14."""

from __future__ import annotations

from dataclasses import dataclass, field

from audit.statements.chains import KEYS_CHAIN, POLICIES_CHAIN
from audit.statements.key_endorsements import (
    MAXIMUM_LINKS,
    EndorsedRole,
    KeyEndorsement,
    NotEndorsed,
    parse_endorsement,
    verify_chain,
)
from audit.statements.kinds import EntryKind
from audit.verify.fields import Fields
from audit.verify.publications import check_publication
from audit.verify.reading import Entry
from audit.verify.rotation import ROTATIONS, check_rotation
from audit.verify.steps import Refused, Step, require

KEYS = frozenset(
    {
        EntryKind.KEY_ENROLLED,
        EntryKind.KEY_REVOKED,
        EntryKind.KEY_ENDORSED,
        EntryKind.PEOPLE_ROOT_ESTABLISHED,
        EntryKind.PASSKEY_ADDED,
        EntryKind.PASSKEY_REMOVED,
    }
)
PEOPLE = frozenset(
    {EntryKind.ROLE_GRANTED, EntryKind.ROLE_REVOKED, EntryKind.PERSON_DISABLED, EntryKind.PERSON_ENABLED}
)
SERVICE = frozenset(
    {
        EntryKind.POLICY_PUBLISHED,
        EntryKind.POLICY_RETIRED,
        EntryKind.NAMESPACE_STOPPED,
        EntryKind.NAMESPACE_RESUMED,
        EntryKind.AGENT_STOPPED,
        EntryKind.AGENT_RESUMED,
        *ROTATIONS,
        EntryKind.PAYLOAD_DECODED,
        EntryKind.PAYLOAD_ENCODED,
        EntryKind.RING_KEY_MADE,
        EntryKind.RING_KEY_RETIRED,
        EntryKind.RING_EXPORTED,
        EntryKind.HISTORY_EXPORTED,
        EntryKind.EVIDENCE_EXPORTED,
        EntryKind.PAYLOAD_ERASED,
        EntryKind.RETENTION_APPLIED,
    }
)
_OWN = KEYS | PEOPLE | SERVICE


@dataclass(slots=True)
class ServiceChain:
    """What is known so far of the chain ``name``. Without ``people_roots`` nobody checks who stands behind keys."""

    name: str
    people_roots: frozenset[bytes]
    has_endorsements: bool = False
    _revoked: dict[bytes, int] = field(default_factory=dict)
    _administrators: dict[bytes, KeyEndorsement] = field(default_factory=dict)

    def check(self, entry: Entry) -> str:
        """Steps 4 and 14 of an entry that passed those before. Return in words what was found. Raises ``Refused``."""
        own = entry.kind in _OWN
        require(own, Step.PLACE, "What happens in an incident is recorded in its own chain.")
        if self.name == POLICIES_CHAIN and entry.kind == EntryKind.POLICY_PUBLISHED:
            return check_publication(entry, Step.PEOPLE)
        if self.name == POLICIES_CHAIN and entry.kind in ROTATIONS:
            return check_rotation(entry, Step.PEOPLE)
        if self.name != KEYS_CHAIN:
            return ""
        details = entry.details.for_step(Step.PEOPLE)
        if entry.kind == EntryKind.PEOPLE_ROOT_ESTABLISHED:
            return self._check_root(details, entry)
        if entry.kind == EntryKind.KEY_ENDORSED:
            return self._check_endorsed(details, entry)
        if entry.kind == EntryKind.KEY_REVOKED:
            self._revoked.setdefault(details.data("key", 32), entry.at_ms)
        return ""

    def _check_root(self, details: Fields, entry: Entry) -> str:
        root, key, person = details.data("people_root", 32), details.data("key", 32), details.text("person")
        said = ""
        for data in details.list_of_data("endorsements"):
            statement = _parsed(data)
            same = (statement.endorser_key, statement.key, statement.person) == (root, key, person)
            require(same, Step.PEOPLE, "An endorsement is by another root, or about another key, than the entry says.")
            said = self._check_led(statement, entry)
        return said

    def _check_endorsed(self, details: Fields, entry: Entry) -> str:
        statement = _parsed(details.data("endorsement"))
        said = (statement.key, statement.person, statement.role.value, statement.strength, statement.endorser_key)
        names = (
            details.data("key", 32),
            details.text("person"),
            details.text("role"),
            details.text("strength"),
            details.data("endorser_key", 32),
        )
        require(said == names, Step.PEOPLE, "The endorsement says something else than the entry.")
        return self._check_led(statement, entry)

    def _check_led(self, statement: KeyEndorsement, entry: Entry) -> str:
        self.has_endorsements = True
        require(statement.key not in self._revoked, Step.PEOPLE, "The key had been revoked when it was endorsed.")
        if not self.people_roots:
            return ""
        chain, above = [statement.to_bytes()], statement
        while len(chain) < MAXIMUM_LINKS and above.endorser_key in self._administrators:
            above = self._administrators[above.endorser_key]
            chain.append(above.to_bytes())
        try:
            endorsed = verify_chain(
                chain, statement.key, statement.role, self.people_roots, now_ms=entry.at_ms, revoked=self._revoked
            )
        except NotEndorsed as error:
            raise Refused(Step.PEOPLE, f"The key of {statement.person!r} is not endorsed. {error}") from error
        if statement.role is EndorsedRole.SECURITY_ADMINISTRATOR:
            self._administrators.setdefault(statement.key, statement)
        return f"endorsed, from a people root, as that of {endorsed.person}"


def _parsed(data: bytes) -> KeyEndorsement:
    try:
        return parse_endorsement(data)
    except NotEndorsed as error:
        raise Refused(Step.PEOPLE, f"The endorsement does not verify. {error}") from error
