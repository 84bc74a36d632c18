"""Checking a request before signing: everything is recomputed from the bytes that would be signed.

The browser's twin is ``static/js/lib/review.js``; both pass ``tests/vectors/reviews.py``, and name the same
fields. Nothing the server says is believed: the chain must lead to a root that was pinned at enrolment, and
hash, gate and approvers are read from the warrant. One problem, and there is nothing that can be signed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from approvals.agent_text import visible
from approvals.cli.chain import Problem, WarrantChain, read_chain
from approvals.cli.claim import Claim, read_claim
from approvals.cli.failures import CannotGoOn
from approvals.signing.binding import Binding
from approvals.signing.display import Display, digest_of
from approvals.signing.display import read as read_display
from audit.statements import cbor
from audit.statements.statements import MalformedStatement

# As in the browser: no policy lets a signature live longer.
LONGEST_LIFETIME_SECONDS = 24 * 60 * 60


class Refused(CannotGoOn):
    """This request must not be signed; ``field`` names what differs first, the message says how."""

    def __init__(self, field: str, sentence: str, *, fields: frozenset[str] = frozenset()) -> None:
        super().__init__(sentence)
        self.field = field
        self.fields = fields or frozenset({field})


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was computed here: ``name`` as in the browser, whether it holds, and what that means."""

    name: str
    ok: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Review:
    """A request that holds together. ``expires_at`` is the earlier of the request's and the warrant's end."""

    binding: Binding
    tool: str
    arguments: dict[str, Any]
    request_hash: bytes
    external_id: str
    expires_at: int
    signature_lifetime_seconds: int

    @property
    def decision_url(self) -> str:
        """Where the decision goes: made here, not taken from the page, which could name any address."""
        return f"/approvals/{self.binding.request_id}/decision/"

    @property
    def retraction_url(self) -> str:
        """Where a retraction goes."""
        return f"/approvals/{self.binding.request_id}/retraction/"


@dataclass(slots=True)
class Examination:
    """Everything that was found. ``claim``, ``chain``, ``arguments`` and ``display`` are None if unreadable."""

    claim: Claim | None = None
    chain: WarrantChain | None = None
    arguments: dict[str, Any] | None = None
    display: Display | None = None
    checks: list[Check] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, name: str, field: str, ok: bool, good: str, bad: str) -> None:
        self.checks.append(Check(name, ok, good if ok else bad))
        if not ok:
            self.problems.append(Problem(field, bad))

    def require_sound(self) -> Review:
        """Return what may be signed. Raises ``Refused`` for the first problem."""
        if self.problems or self.claim is None or self.chain is None or self.arguments is None or self.display is None:
            first = self.problems[0] if self.problems else Problem("signing", "The request could not be read.")
            fields = frozenset(problem.field for problem in self.problems)
            raise Refused(first.field, f"{first.field}: {first.sentence}", fields=fields)
        return Review(
            binding=self.claim.binding,
            tool=self.claim.tool,
            arguments=self.arguments,
            request_hash=bytes.fromhex(self.claim.request_hash),
            external_id=self.claim.external_id,
            expires_at=min(self.claim.expires_at, self.chain.expires_at),
            signature_lifetime_seconds=self.chain.terms.lifetime(self.claim.lifetime),
        )


def review(signing: Mapping[str, Any], *, pinned_roots: list[bytes], own_key: bytes, now: int | None = None) -> Review:
    """Return what would be signed, or raise ``Refused``. See ``examine``."""
    return examine(signing, pinned_roots=pinned_roots, own_key=own_key, now=now).require_sound()


def examine(signing: Any, *, pinned_roots: list[bytes], own_key: bytes | None, now: int | None = None) -> Examination:
    """Return all that can be computed of a request. Never raises for anything that a server can send.

    ``signing`` is the JSON of that name, keys are 32 raw bytes (``own_key`` None: there is none yet), ``now``
    is in UTC seconds since 1970.
    """
    found, now = Examination(), int(time.time()) if now is None else now
    claim = read_claim(signing)
    if isinstance(claim, Problem):
        found.add("request", claim.field, False, "", f"The server's data cannot be read. {claim.sentence}")
        return found
    found.claim = claim
    _check_chain(found, claim, pinned_roots, now)  # 1
    _check_arguments(found, claim)  # 2
    _check_display(found, claim)  # 8
    if found.chain is not None:
        _check_call(found, claim, found.chain, own_key)  # 3 to 6
        _check_policy(found, claim, found.chain)  # 9
    _check_times(found, claim, now)  # 7
    return found


def _check_chain(found: Examination, claim: Claim, pinned_roots: list[bytes], now: int) -> None:
    """1. The chain verifies up to a root that was pinned here."""
    found.chain, problems = read_chain(claim.warrant_chain, pinned_roots=pinned_roots, now=now)
    found.problems += problems
    good = "The warrant is signed, unexpired, and comes from the root that is pinned here."
    bad = f"The warrant does not verify here. {problems[0].sentence}" if problems else ""
    found.checks.append(Check("chain", not problems, bad or good))


def _check_arguments(found: Examination, claim: Claim) -> None:
    """2. The arguments are canonical: their bytes can be read in one way only."""
    good, fault = "The arguments shown are the bytes that are signed.", ""
    try:
        value = cbor.decode(claim.arguments_cbor)
        if isinstance(value, dict):
            found.arguments = value
        else:
            fault = "They are not a map."
    except cbor.MalformedBytes as error:
        fault = str(error)
    found.add("arguments", "arguments_cbor", not fault, good, f"The arguments cannot be read. {fault}")


def _check_display(found: Examination, claim: Claim) -> None:
    """8. What is shown beside the call is what is signed."""
    good = "The agent's words, the gate's message and the calls before are shown as they are signed."
    field = fault = ""
    try:
        found.display = read_display(claim.display)
        if digest_of(claim.display) != claim.binding.display_digest:
            field = "display_digest"
            fault = "The agent's words, the gate's message or the calls before are not those that the gate sent."
    except MalformedStatement as error:
        field, fault = error.field, f"What the agent says and did cannot be read. {error}"
    found.add("display", field, not fault, good, fault)


def _check_policy(found: Examination, claim: Claim, chain: WarrantChain) -> None:
    """9. The policy that is signed is the one in the root warrant, and the gate waits for as many people."""
    policy, named = chain.terms.policy_label, claim.binding.policy_version
    found.add(
        "policy",
        "policy_version",
        named == policy,
        f"The policy is {visible(policy)}, as the warrant says." if policy else "The warrant names no policy.",
        f"The warrant was made under {visible(policy) or 'no policy'}, the server names {visible(named) or 'none'}.",
    )
    if found.display is not None:
        found.add(
            "people",
            "threshold",
            found.display.threshold == chain.leaf.approval_threshold(),
            "The gate waits for as many people as the warrant asks for.",
            "The gate says that another number of people is needed than the warrant asks for.",
        )


def _check_call(found: Examination, claim: Claim, chain: WarrantChain, own_key: bytes | None) -> None:
    tool = visible(claim.tool)
    # 3. The warrant allows this tool with these arguments.
    allowed = claim.tool in chain.capabilities
    found.add("tool", "tool", allowed, f"The warrant allows {tool}.", f"The warrant does not allow {tool} at all.")
    if found.arguments is not None:
        if allowed:
            _check_constraints(found, claim, chain, found.arguments)
        _check_gate(found, claim, chain, found.arguments)
    # 5. The request hash is the hash of exactly this warrant, tool, arguments and holder.
    computed = request_hash(chain, claim.tool, claim.arguments_cbor).hex()
    found.add(
        "hash",
        "request_hash",
        computed == claim.request_hash,
        "The request hash, computed here, is the one the server named.",
        "The request hash computed here is not the one the server named: tool, arguments or warrant were changed.",
    )
    # 6. The warrant names this key as an approver, the key is nobody else's in it, and its terms do not bar the person.
    is_party, is_barred = own_key in chain.parties, chain.terms.bars(claim.external_id)
    found.add(
        "approver",
        "required_approvers",
        own_key in chain.approvers and not is_party and not is_barred,
        "The warrant names this key as an approver.",
        "This key is an agent's or an issuer's: it cannot approve."
        if is_party
        else "You raised this alert, or the agent acts for you: somebody else must decide."
        if is_barred
        else "The warrant does not name this key as an approver.",
    )


def _check_constraints(found: Examination, claim: Claim, chain: WarrantChain, arguments: dict[str, Any]) -> None:
    try:
        fault = chain.leaf.check_constraints_detailed(claim.tool, arguments)
    except Exception as error:  # Tenuo raises many types; each of them means that it cannot be allowed.
        fault = ("", str(error))
    name, reason = fault or ("", "")
    found.add(
        "constraints",
        f"arguments.{name}",
        fault is None,
        "The arguments are within the warrant.",
        f"The warrant does not allow the argument {visible(name)} as it is ({reason}): the worker would refuse "
        "the call.",
    )


def _check_gate(found: Examination, claim: Claim, chain: WarrantChain, arguments: dict[str, Any]) -> None:
    """4. The warrant's gate stops this call: a signature is really needed."""
    try:
        status = chain.leaf.approval_requirement(claim.tool, arguments).status
    except Exception as error:  # As above: a gate that cannot be evaluated stops nobody.
        status = str(error)
    # "denied" is for step 3 to say: the call is refused before its gate is looked at.
    found.add(
        "gate",
        "gate",
        status in ("required", "denied"),
        "The warrant's gate stops this call until people sign.",
        f"The warrant has no gate that stops this call ({status}): it needs no signature, so somebody wants one "
        "for nothing.",
    )


def _check_times(found: Examination, claim: Claim, now: int) -> None:
    """7. There is still time, and the signature will not outlive what anybody could need."""
    found.add(
        "time",
        "expires_at",
        now < claim.expires_at,
        "The request is still open by this computer's clock.",
        "The request has expired by this computer's clock.",
    )
    found.add(
        "lifetime",
        "signature_lifetime_seconds",
        1 <= claim.lifetime <= LONGEST_LIFETIME_SECONDS,
        "The signature will be short lived.",
        "The server asks for a signature that lives longer than a day, or not at all.",
    )


def request_hash(chain: WarrantChain, tool: str, arguments_cbor: bytes) -> bytes:
    """Return SHA-256 of the canonical CBOR of [warrant id, tool, arguments, holder]."""
    holder = bytes(chain.leaf.authorized_holder.to_bytes())
    return hashlib.sha256(cbor.encode([chain.leaf.id, tool, arguments_cbor, holder])).digest()
