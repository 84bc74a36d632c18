"""Trying calls against a minted warrant, with the authorizer that a worker uses."""

from __future__ import annotations

import time
from dataclasses import dataclass

import tenuo_core
from tenuo.exceptions import ApprovalGateTriggered, ConstraintViolation, TenuoError

from warrants.agents.queries import holder_keys
from warrants.issuers.queries import trusted_roots
from warrants.minting.contracts import MintedWarrant

ALLOWED, STOPS, REFUSED = "allowed", "stops for a person", "refused"


@dataclass(frozen=True)
class Desk:
    """The agent with its warrant, before a worker's authorizer."""

    minted: MintedWarrant
    revocation_list: tenuo_core.SignedRevocationList | None = None

    @property
    def warrant(self) -> tenuo_core.Warrant:
        return tenuo_core.Warrant.from_bytes(self.minted.chain[0])

    def outcome(self, tool: str, **arguments: object) -> str:
        """Return what a worker would do with the call."""
        try:
            self.attempt(tool, **arguments)
        except ApprovalGateTriggered:
            return STOPS
        except ConstraintViolation:
            return REFUSED
        except TenuoError as error:
            return f"{REFUSED}: {error}"
        return ALLOWED

    def attempt(self, tool: str, **arguments: object) -> None:
        holder = tenuo_core.SigningKey.from_bytes(holder_keys()[self.minted.key_id])
        roots = [tenuo_core.PublicKey.from_bytes(root) for root in trusted_roots()]
        proof = bytes(self.warrant.sign(holder, tool, arguments, int(time.time())))
        authorizer = tenuo_core.Authorizer(trusted_roots=roots)
        if self.revocation_list is not None:
            authorizer.set_revocation_list(self.revocation_list)
        authorizer.authorize_one(self.warrant, tool, arguments, proof)
