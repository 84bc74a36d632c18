"""Step 6: warrants. Tenuo's own verification, from the trusted roots, at the time the warrant was issued."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import tenuo_core

from audit.statements import cbor
from audit.statements.acting import Acting, acting_of
from audit.statements.delegation import approvers, weakening
from audit.statements.statements import MalformedStatement
from audit.statements.terms import Terms, terms_of
from audit.verify.steps import Refused, Step, require
from audit.verify.trust import Roots

_ISSUED_AT = 6  # the payload's key, see Tenuo's warrant format


@dataclass(frozen=True, slots=True)
class WarrantChain:
    """Warrants of one incident, root first, that verified from a trusted root."""

    warrants: tuple[tenuo_core.Warrant, ...]

    @property
    def leaf(self) -> tenuo_core.Warrant:
        return self.warrants[-1]

    @property
    def approver_keys(self) -> frozenset[bytes]:
        """Return the keys whose signatures open this warrant's gates."""
        return approvers(self.leaf)

    @property
    def terms(self) -> Terms:
        """Return the root's terms for deciding. Raises ``Refused``."""
        try:
            return terms_of(self.warrants)
        except MalformedStatement as error:
            raise Refused(Step.TERMS, str(error)) from error

    @property
    def acting(self) -> Acting | None:
        """Return for whom the root lets its agent work, or None. Raises ``Refused``."""
        try:
            return acting_of(self.warrants)
        except MalformedStatement as error:
            raise Refused(Step.WARRANTS, str(error)) from error

    @property
    def stack(self) -> str:
        """Return the form in which a receipt carries the chain."""
        return str(tenuo_core.encode_warrant_stack(list(self.warrants)))


@dataclass(slots=True)
class Register:
    """Verifies warrant chains of the incident ``name``, each once, and finds them again by the leaf's id."""

    roots: Roots
    name: str
    _verified: dict[tuple[bytes, ...], WarrantChain] = field(default_factory=dict)

    def verified(self, chain: list[bytes]) -> WarrantChain:
        """Step 6. Return the chain in ``chain``, root first. Raises ``Refused``."""
        key = tuple(chain)
        if key not in self._verified:
            self._verified[key] = self._verify(parse(chain))
        return self._verified[key]

    def with_leaf(self, warrant_id: str) -> list[WarrantChain]:
        """Return the verified chains that end in ``warrant_id``."""
        return [chain for chain in self._verified.values() if chain.leaf.id == warrant_id]

    def _verify(self, warrants: list[tenuo_core.Warrant]) -> WarrantChain:
        self.require_root(warrants)
        try:
            self.roots.authorizer.verify_chain(warrants, as_of=_issued_at(warrants[-1]))
        except Exception as error:
            raise Refused(Step.WARRANTS, f"The warrant chain does not verify from a trusted root: {error}.") from error
        weakened = weakening(warrants)
        require(not weakened, Step.WARRANTS, weakened)
        return WarrantChain(tuple(warrants))

    def require_root(self, warrants: list[tenuo_core.Warrant]) -> None:
        """Raise ``Refused`` unless the chain begins with the warrant that this incident is named by."""
        same = warrants[0].id == self.name
        require(same, Step.WARRANTS, f"The root warrant is {warrants[0].id}, but the chain is named {self.name}.")


def parse(chain: list[bytes]) -> list[tenuo_core.Warrant]:
    """Return the warrants in ``chain``. Checks their form only."""
    return list(_parse(tuple(chain)))


# Every call of an agent comes under the same warrants.
@lru_cache(maxsize=64)
def _parse(chain: tuple[bytes, ...]) -> tuple[tenuo_core.Warrant, ...]:
    require(bool(chain), Step.WARRANTS, "There is no warrant.")
    try:
        warrants = tuple(tenuo_core.Warrant.from_bytes(data) for data in chain)
    except Exception as error:
        raise Refused(Step.WARRANTS, f"A warrant cannot be read: {error}.") from error
    canonical = all(bytes(warrant.to_bytes()) == data for warrant, data in zip(warrants, chain, strict=True))
    require(canonical, Step.WARRANTS, "A warrant is not in its canonical form.")
    return warrants


def _issued_at(warrant: tenuo_core.Warrant) -> int:
    payload = cbor.decode_loosely(bytes(warrant.payload_bytes))
    return int(payload[_ISSUED_AT])
