"""The policies that this worker believes: what people published, and else what its release came with.

Nothing here is the database's word. A version counts if its publication verifies from the people roots that this
worker pinned. What it has seen once it remembers, in memory and in ``policies.pinned`` in ``DATA_DIR``, so that a
database that brings an older version back changes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from audit.statements.key_endorsements import CLOCK_TOLERANCE_MS
from audit.statements.publications import Publication, parse_publication, require_published, require_publishers_key
from audit.statements.statements import MalformedStatement
from audit.statements.terms import Terms
from warrants.errors import PolicyError
from warrants.policies.contracts import Offered
from warrants.policies.release import shipped, shipped_names
from warrants.policies.rules import LONGEST_LIFETIME, parse_policy
from workers.floors import PolicyFloors
from workers.gates.floors import Demand, strictest
from workers.gates.people_roots import PeopleRoots
from workers.pinned_policies import PinnedPolicies

logger = logging.getLogger(__name__)

# No warrant that was minted from a version lives for longer after another one took its place.
_GRACE_MS = LONGEST_LIFETIME * 1000


@dataclass(frozen=True)
class Version:
    """A published version, verified: what it asks, what its publisher signed, and as what it came."""

    floors: PolicyFloors
    publication: Publication
    stored: Offered

    @property
    def number(self) -> int:
        return self.publication.number

    @property
    def digest(self) -> bytes:
        return self.publication.digest


class KnownPolicies:
    """The floors of a worker, by what each warrant says of its policy; see ``Floors``.

    For a warrant that names a policy that is known here, this counts:

    1. the version that it names, published or the release's own, if that is the newest, or if somebody signed less
       than a day ago that another takes its place;
    2. else the newest that was published; beside the release's own, whichever asks more, once that was retired;
    3. else, for a name that nothing was published for, the release's own.

    A warrant that names none of them gets what the strictest of all asks. So does a call that the policy it names
    would not have allowed: nobody chooses a policy that asks little of a call that is another's.
    Raises ``StartFailed`` for a pinned file that cannot be read.
    """

    def __init__(
        self, roots: PeopleRoots, pinned: PinnedPolicies | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.roots = roots
        self._pinned, self._clock = pinned, clock
        self._own = {name: PolicyFloors(shipped(name)) for name in shipped_names()}
        # By name, newest first. Replaced as a whole: calls ask from other threads.
        self._published: Mapping[str, tuple[Version, ...]] = {}
        self._complaints: set[str] = set()
        self._remembered = pinned.read() if pinned is not None else []

    @property
    def has_complaints(self) -> bool:
        """Whether something that was offered last is not believed."""
        return bool(self._complaints)

    def demand(self, terms: Terms, tool: str, arguments: Mapping[str, Any]) -> Demand:
        strict = strictest(floors.demand(tool, arguments) for floors in self._all())
        named = self._named(terms)
        demand = strictest(floors.demand(tool, arguments) for floors in named)
        if named and (demand.covers(strict) or all(floors.allows(tool, arguments) for floors in named)):
            return demand
        return strictest([demand, strict])

    def take(self, offered: Iterable[Offered], revoked: Mapping[bytes, int]) -> None:
        """Believe what of ``offered`` verifies; say aloud what does not. What is known already stays.

        ``revoked`` says when people's keys were revoked, in milliseconds since 1970. Without a pinned people root
        nothing is believed.
        """
        if not self.roots.keys:
            return
        complaints: set[str] = set()
        # The publisher's key was good when this was pinned: whoever holds the issuer's key dates revocations.
        self._merge(self._verified(self._remembered, {}, complaints))
        self._remembered = []
        found = self._verified(offered, revoked, complaints)
        complaints |= self._gone_back(found)
        self._merge(found)
        complaints |= self._pin()
        for sentence in sorted(complaints - self._complaints):
            logger.error("%s", sentence)
        self._complaints = complaints

    def _all(self) -> Iterable[PolicyFloors]:
        for name in {*self._own, *self._published}:
            yield from self._current(name)

    def _named(self, terms: Terms) -> tuple[PolicyFloors, ...]:
        for digest, number, floors in self._versions(terms.policy):
            is_named = (number, digest) == (terms.policy_version, terms.policy_digest)
            if is_named and self._was_replaced_lately(terms.policy, digest):
                return (floors,)
        return self._current(terms.policy)

    def _versions(self, name: str) -> Iterable[tuple[bytes, int, PolicyFloors]]:
        for version in self._published.get(name, ()):
            yield version.digest, version.number, version.floors
        if own := self._own.get(name):
            yield own.policy.digest, own.policy.version, own

    def _current(self, name: str) -> tuple[PolicyFloors, ...]:
        own = tuple(filter(None, [self._own.get(name)]))
        published = self._published.get(name, ())
        if not published:
            return own
        # That a version was retired nobody signs, so it makes nothing looser.
        return (published[0].floors, *own) if published[0].stored.is_retired else (published[0].floors,)

    def _was_replaced_lately(self, name: str, digest: bytes) -> bool:
        since = self._now_ms() - _GRACE_MS
        return any(
            version.publication.replaces == digest and version.publication.at > since
            for version in self._published.get(name, ())
        )

    def _verified(
        self, offered: Iterable[Offered], revoked: Mapping[bytes, int], complaints: set[str]
    ) -> dict[str, list[Version]]:
        found: dict[str, list[Version]] = {}
        for one in offered:
            try:
                version = self._known(one) or self._verify(one, revoked)
            except (MalformedStatement, PolicyError, UnicodeError) as error:
                complaints.add(f"Version {one.number} of {one.name} does not count here. {error}")
            else:
                found.setdefault(one.name, []).append(version)
        return found

    def _known(self, one: Offered) -> Version | None:
        """Return what was verified before; that a version was retired is kept."""
        for version in self._published.get(one.name, ()):
            if version.stored.publication == one.publication:
                is_retired = version.stored.is_retired or one.is_retired
                return replace(version, stored=replace(version.stored, is_retired=is_retired))
        return None

    def _verify(self, one: Offered, revoked: Mapping[bytes, int]) -> Version:
        publication = parse_publication(one.publication)
        require_published(publication, policy=one.name, number=one.number, text=one.text)
        require_publishers_key(publication, one.endorsements, self.roots.keys, revoked)
        if publication.at > self._now_ms() + CLOCK_TOLERANCE_MS:
            raise MalformedStatement("at", "It was published in the future; check the clocks.")
        policy = parse_policy(one.text)
        if (policy.name, policy.version) != (one.name, one.number):
            raise MalformedStatement("policy", "The text calls itself another policy or number.")
        return Version(PolicyFloors(policy), publication, one)

    def _gone_back(self, found: Mapping[str, Sequence[Version]]) -> set[str]:
        """Return what is wrong where the database has something older, or other, than this worker has seen."""
        complaints = set()
        for name, known in self._published.items():
            numbers = {version.number: version.digest for version in found.get(name, ())}
            if max(numbers, default=0) < known[0].number:
                complaints.add(
                    f"The database has no version {known[0].number} of {name}, which this worker has seen published. "
                    "It goes on counting here."
                )
            elif numbers.get(known[0].number, known[0].digest) != known[0].digest:
                complaints.add(
                    f"The database has another version {known[0].number} of {name} than this worker has seen "
                    "published. The first one goes on counting here."
                )
        return complaints

    def _pin(self) -> set[str]:
        """Write down what is known; return what is wrong if that cannot be done."""
        known = [version.stored for versions in self._published.values() for version in versions]
        if self._pinned is None or not known:
            return set()
        try:
            self._pinned.write(known)
        except OSError as error:
            return {f"What was published cannot be written into {self._pinned.path}: a restart forgets it. {error}"}
        return set()

    def _merge(self, found: Mapping[str, Sequence[Version]]) -> None:
        self._published = {
            name: self._kept(self._published.get(name, ()), found.get(name, ())) for name in {*found, *self._published}
        }

    def _kept(self, known: Sequence[Version], found: Sequence[Version]) -> tuple[Version, ...]:
        """Return the newest, and what may still count beside it, newest first. Of a number the first one seen stays."""
        by_number = {version.number: version for version in known}
        for version in found:
            if by_number.setdefault(version.number, version).digest == version.digest:
                by_number[version.number] = version  # perhaps it was retired since
        versions = sorted(by_number.values(), key=lambda version: version.number, reverse=True)
        since = self._now_ms() - _GRACE_MS
        replaced = {version.publication.replaces for version in versions if version.publication.at > since}
        return tuple(version for version in versions if version is versions[0] or version.digest in replaced)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
