"""What a request's warrant chain says about who may decide. Root first; the leaf's approvers count."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from tenuo.exceptions import TenuoError
from tenuo_core import Warrant

from approvals.errors import MalformedInput, TooLarge
from audit.statements.acting import Acting, acting_of
from audit.statements.delegation import approvers, parties, weakening
from audit.statements.quorum import Quorum, quorum_of
from audit.statements.statements import MalformedStatement
from audit.statements.terms import Terms, terms_of

MAXIMUM_WARRANTS = 8
MAXIMUM_WARRANT_CHARACTERS = 64 * 1024


@dataclass(frozen=True, slots=True)
class WarrantChain:
    """The chain's warrants, its root's terms and for whom it lets the agent work, and the keys that matter.

    Keys are 32 raw bytes.
    """

    warrants: list[Warrant]
    terms: Terms
    quorum: Quorum
    acting: Acting | None = None

    @property
    def leaf(self) -> Warrant:
        return self.warrants[-1]

    @property
    def root_id(self) -> str:
        return str(self.warrants[0].id)

    @property
    def required_approvers(self) -> frozenset[bytes]:
        return approvers(self.leaf)

    @property
    def barred_keys(self) -> frozenset[bytes]:
        """The keys of every issuer and every holder of the chain: none of them may approve."""
        return parties(self.warrants)


def parse(encoded: list[str]) -> WarrantChain:
    """Return the chain in ``encoded`` (base64, root first). Trust is checked by ``open``.

    Raises ``MalformedInput`` or ``TooLarge``, field "warrant_chain".
    """
    if not 1 <= len(encoded) <= MAXIMUM_WARRANTS:
        raise MalformedInput(f"A warrant chain has 1 to {MAXIMUM_WARRANTS} warrants.", field="warrant_chain")
    warrants = [_warrant(item) for item in encoded]
    weakened = weakening(warrants)
    if weakened:
        raise MalformedInput(weakened, field="warrant_chain")
    try:
        return WarrantChain(warrants, terms_of(warrants), quorum_of(warrants), acting_of(warrants))
    except MalformedStatement as error:
        raise MalformedInput(str(error), field="warrant_chain") from error


def _warrant(encoded: str) -> Warrant:
    if len(encoded) > MAXIMUM_WARRANT_CHARACTERS:
        raise TooLarge("A warrant of the chain is larger than any warrant may be.", field="warrant_chain")
    try:
        data = base64.b64decode(encoded, validate=True)
        warrant = Warrant.from_bytes(data)
    except (binascii.Error, ValueError, TenuoError) as error:
        raise MalformedInput("A warrant of the chain cannot be read.", field="warrant_chain") from error
    # Tenuo ignores bytes after the warrant; the browser does not.
    if warrant.to_bytes() != data:
        raise MalformedInput("A warrant of the chain is not in canonical form.", field="warrant_chain")
    return warrant
