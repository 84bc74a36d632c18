"""What can go wrong when policies are read and warrants are minted or revoked. Pure.

Each error has a stable ``code``, the ``field`` that is wrong (or empty) and a sentence that tells a
person what to do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import ClassVar

from accounts.keys.contracts import KeyStrength
from audit.keepers.contracts import CustodyError
from warrants.policies.contracts import Act, State


class WarrantError(Exception):
    code: ClassVar[str] = "refused"
    http_status: ClassVar[int] = 422

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


# --- Policies -------------------------------------------------------------------------------


class PolicyError(WarrantError):
    """A policy that is malformed or unsafe. ``path`` leads to the place in its YAML, such as ``tools.restart.gate``."""

    code = "bad_policy"

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(sentence, field=path)

    @property
    def path(self) -> str:
        return self.field

    def __str__(self) -> str:
        return f"{self.path}: {self.sentence}" if self.path else self.sentence


class GateMissesNearValues(PolicyError):
    """A gate that stops some values of an argument which may be others too: what is nearly one of them runs."""

    def __init__(self, path: str) -> None:
        super().__init__(
            path,
            "This gate lets near misses through: the argument may be other values, and those run with no approval. "
            "Limit the argument itself in the same way, with one_of or range, or write the gate with unless.",
        )


class UnknownPolicy(WarrantError):
    code = "unknown_policy"
    http_status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no policy named {name[:100]!r}. The page /policies/ lists them.", field="policy")


class UnknownVersion(WarrantError):
    code = "unknown_policy_version"
    http_status = 404

    def __init__(self, *, name: str, number: int) -> None:
        super().__init__(f"There is no version {number} of {name[:100]!r} here.", field="version")


class WrongState(WarrantError):
    """A version that is elsewhere in its life than what was asked of it needs."""

    code = "policy_version_state"
    http_status = 409

    def __init__(self, *, number: int, state: State, act: Act) -> None:
        words = {
            State.DRAFT: "is still a draft",
            State.REVIEW: "waits to be published, so that its text stays as it is",
            State.PUBLISHED: "is published",
            State.RETIRED: "is retired",
        }
        super().__init__(
            f"Version {number} {words[state]}: to {act} it is not possible. Reload the page to see how it stands.",
            field="version",
        )


class EditedMeanwhile(WarrantError):
    """Somebody else saved the draft since it was opened. ``text`` and ``revision`` are theirs."""

    code = "edited_meanwhile"
    http_status = 409

    def __init__(self, *, by: str, revision: int, text: str) -> None:
        super().__init__(
            f"{by} saved this draft since you opened it. Nothing of yours was saved, and nothing is lost: "
            "look at both texts, take over what you want, and save again.",
            field="text",
        )
        self.by, self.revision, self.text = by, revision, text


class DraftExpired(WarrantError):
    code = "draft_expired"
    http_status = 409

    def __init__(self, *, days: int) -> None:
        super().__init__(
            f"Nobody changed this version for {days} days. Look at it again, and save it, before it goes further.",
            field="version",
        )


class NotAPolicyAuthor(WarrantError):
    code = "not_a_policy_author"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("Only policy authors of all namespaces write policies. Ask an administrator for the role.")


class NotAPolicyPublisher(WarrantError):
    code = "not_a_policy_publisher"
    http_status = 404

    def __init__(self) -> None:
        super().__init__(
            "Only policy publishers of all namespaces publish policies. Ask an administrator for the role."
        )


class PublicationRefused(WarrantError):
    """What a publisher signed does not fit; the field says what."""

    code = "publication_refused"


class MalformedCall(WarrantError):
    """A call to simulate that cannot be read; the field says which part of it."""

    code = "malformed_call"

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence, field=field)


# --- Minting --------------------------------------------------------------------------------


class IssuerUnavailable(WarrantError, CustodyError):
    """What keeps the issuer's key did not sign; the sentence is for whoever runs this."""

    code = "issuer_unavailable"
    http_status = 503

    def __init__(self, reason: str) -> None:
        super().__init__(f"The issuer's key cannot sign now, so nothing was minted or changed. {reason}")


class InvalidIncident(WarrantError):
    """An incident that no warrant can be minted for; the field says why."""

    code = "invalid_incident"


class NoApprovers(WarrantError):
    code = "no_approvers"

    def __init__(self) -> None:
        super().__init__(
            "There is nobody to approve the calls that this warrant stops. Let an approver make a key first.",
            field="approvers",
        )


class TooManyApprovers(WarrantError):
    code = "too_many_approvers"

    def __init__(self, *, maximum: int) -> None:
        super().__init__(f"A warrant names at most {maximum} approver keys. Name fewer.", field="approvers")


class InactiveApprover(WarrantError):
    """A key that was revoked, or whose person may no longer approve."""

    code = "inactive_approver"

    def __init__(self, *, short: str) -> None:
        super().__init__(
            f"The key {short} may not approve: it was revoked, or its person is no longer an active approver. "
            "Mint with active keys.",
            field="approvers",
        )


class UnendorsedApprover(WarrantError):
    """A key that too few security administrators stand behind."""

    code = "unendorsed_approver"

    def __init__(self, *, short: str, endorsers: int) -> None:
        by = "a security administrator" if endorsers == 1 else f"{endorsers} security administrators"
        super().__init__(
            f"The key {short} does nothing until {by} endorsed it. Mint with endorsed keys.", field="approvers"
        )


class TooFewPeople(WarrantError):
    """The policy asks for more people than the approver keys of the strength it wants belong to.

    ``barred`` people have such keys, but raised the alert, or the agent acts for them: they are not counted.
    ``named``: the policy names the people who may approve, and nobody else counts.
    """

    code = "too_few_people"

    def __init__(
        self,
        *,
        needed: int,
        people: int,
        barred: int = 0,
        strength: KeyStrength = KeyStrength.ORDINARY,
        named: bool = False,
    ) -> None:
        wanted = "strong " if strength is KeyStrength.STRONG else ""
        where = "here of the people whom it names" if named else "here"
        others = f", without the {barred} who raised the alert or for whom the agent acts" if barred else ""
        super().__init__(
            f"The policy asks for {wanted}keys of {needed} {_people(needed)}, but the {wanted}keys "
            f"{where} belong to {people}{others}. "
            f"Let more approvers make a {wanted}key.",
            field="approvers",
        )


def _people(count: int) -> str:
    return "person" if count == 1 else "people"


class SharedKey(WarrantError):
    """Issuer, agent and approver must be three different keys, and nobody approves with a key of the server."""

    code = "shared_key"

    def __init__(self, *, field: str) -> None:
        super().__init__(
            "Issuer, agent and every approver must have keys of their own, and an approver's key is never one that "
            "the server holds. Enrol another key.",
            field=field,
        )


class UnknownWarrant(WarrantError):
    code = "unknown_warrant"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("There is no such warrant here.", field="warrant_id")


class NotAMinter(WarrantError):
    code = "not_a_minter"
    http_status = 403

    def __init__(self, *, namespace: str) -> None:
        super().__init__(
            f"Only security administrators of {namespace[:200]!r} mint warrants for it. Ask an administrator for the "
            "role.",
            field="namespace",
        )


# --- Warrants that a person hands on ----------------------------------------------------------


class NotASigner(WarrantError):
    """A key with which nobody may hand a warrant on: it could not approve under the policy either."""

    code = "not_a_signer"
    http_status = 403

    def __init__(self, *, namespace: str, strength: KeyStrength = KeyStrength.ORDINARY, endorsers: int = 1) -> None:
        wanted = "strong " if strength is KeyStrength.STRONG else ""
        by = "a security administrator" if endorsers == 1 else f"{endorsers} security administrators"
        super().__init__(
            f"Approvers of {namespace[:200]!r} sign warrants for it, each with an active {wanted}key of their own that "
            f"{by} endorsed as an approver's. Sign with such a key, or let the installation sign.",
            field="signer",
        )


class NotTheSigner(WarrantError):
    """Somebody else's to sign: as if it were not there."""

    code = "not_the_signer"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("There is no warrant here that waits for your signature.", field="warrant_id")


class AlreadySigned(WarrantError):
    code = "warrant_already_signed"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "This warrant was signed already, and is signed once. Nothing changed: reload the page to see it.",
            field="warrant",
        )


class NothingToSign(WarrantError):
    """The warrant that was to be handed on ended, or was taken back, before its person signed."""

    code = "nothing_to_sign"
    http_status = 410

    def __init__(self) -> None:
        super().__init__(
            "The time of this warrant is over, or it was revoked, so nothing can be signed. Order a new one.",
            field="warrant",
        )


class AnotherWarrantSigned(WarrantError):
    """What came back is not the draft that waits, signed by the key that was named."""

    code = "another_warrant_signed"

    def __init__(self) -> None:
        super().__init__(
            "What was signed is not the warrant that waits for your signature, or not with the key that was named. "
            "Reload the page, look at it again, and sign in the browser that has this key.",
            field="warrant",
        )


class InvalidDraft(WarrantError):
    code = "invalid_draft"

    def __init__(self, sentence: str, *, field: str) -> None:
        super().__init__(sentence, field=field)


class UnknownAgent(WarrantError):
    code = "unknown_agent"
    http_status = 404

    def __init__(self, *, name: str) -> None:
        super().__init__(f"There is no agent named {name[:64]!r} here, so there is no key to mint for.", field="agent")


class AgentNotInPolicy(WarrantError):
    """The policy names the agents that may hold its warrants."""

    code = "agent_not_in_policy"

    def __init__(self, *, policy: str, agents: Collection[str]) -> None:
        super().__init__(
            f"Under the policy {policy} only these agents may hold a warrant: {', '.join(agents)}. Mint for one of "
            "them, or publish a version that names this one.",
            field="agent",
        )


class MalformedOrder(WarrantError):
    """A request for a warrant that cannot be read; the field is the path in its JSON."""

    code = "malformed_order"
    http_status = 400


class InvalidIdempotencyKey(WarrantError):
    code = "invalid_idempotency_key"
    http_status = 400

    def __init__(self, *, maximum: int) -> None:
        super().__init__(
            f"Send Idempotency-Key with 1 to {maximum} printable ASCII characters, the same at every try.",
            field="Idempotency-Key",
        )


class IdempotencyConflict(WarrantError):
    """The key was used for something else: whoever sent it would take the first warrant for the second."""

    code = "idempotency_conflict"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key got a warrant for something else. Use a new one for a new warrant.",
            field="Idempotency-Key",
        )


# --- Revocation -----------------------------------------------------------------------------


class InvalidReason(WarrantError):
    code = "invalid_reason"

    def __init__(self, *, maximum: int) -> None:
        super().__init__(f"Say in 1 to {maximum} printable characters why the warrant is revoked.", field="reason")


class NothingToRevoke(WarrantError):
    code = "nothing_to_revoke"
    http_status = 404

    def __init__(self, *, aim: str) -> None:
        super().__init__(
            f"There is no live warrant of {aim[:300]!r}, so nothing was revoked. The page /warrants/ lists those "
            "that live.",
            field="name",
        )


class UnknownScope(WarrantError):
    code = "unknown_scope"

    def __init__(self) -> None:
        super().__init__(
            "Say what to revoke: a warrant, or all of an agent, a policy's version, an issuer or a namespace.",
            field="scope",
        )


class NotRevokedByYou(WarrantError):
    code = "not_revoked_by_you"
    http_status = 404

    def __init__(self) -> None:
        super().__init__(
            "Security administrators of a namespace revoke its warrants; those of all namespaces also all of an agent, "
            "of a policy or of an issuer. Nothing was revoked: ask one of them.",
        )


class NamespaceStopped(WarrantError):
    code = "namespace_stopped"
    http_status = 409

    def __init__(self, *, namespace: str, by: str) -> None:
        super().__init__(
            f"{by} stopped the namespace {namespace!r}: no warrant is minted for it until a security administrator "
            "lifts that on the page /warrants/revocations/.",
            field="namespace",
        )


class AgentStopped(WarrantError):
    code = "agent_stopped"
    http_status = 409

    def __init__(self, *, agent: str, by: str) -> None:
        super().__init__(
            f"{by} stopped the agent {agent!r}: no warrant is minted for it until a security administrator lifts that "
            "on the page /warrants/revocations/.",
            field="agent",
        )


class NotStopped(WarrantError):
    code = "not_stopped"
    http_status = 409

    def __init__(self, *, scope: str) -> None:
        super().__init__(f"That {scope} is not stopped: warrants are minted for it.", field="name")


# --- Rotating the root ----------------------------------------------------------------------


class UnknownStep(WarrantError):
    code = "unknown_step"

    def __init__(self) -> None:
        super().__init__("Say which step to take: announce, switch or retire.", field="step")


class InvalidIssuerName(WarrantError):
    code = "invalid_issuer_name"

    def __init__(self) -> None:
        super().__init__("Name the new issuer with 1 to 32 lower-case letters, digits and hyphens.", field="name")


class IssuerExists(WarrantError):
    code = "issuer_exists"
    http_status = 409


class UnknownIssuer(WarrantError):
    code = "unknown_issuer"
    http_status = 404

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"There is no issuer named {name[:64]!r} here. The page /warrants/issuers/ lists them.", field="name"
        )


class WrongIssuerState(WarrantError):
    """An issuer that is elsewhere in its life than the step needs."""

    code = "issuer_state"
    http_status = 409


class WorkersNotReady(WarrantError):
    """Workers that did not confirm the newest set of trusted roots would refuse what the new issuer signs."""

    code = "workers_not_ready"
    http_status = 409

    def __init__(self, *, workers: Sequence[str]) -> None:
        super().__init__(
            f"Not confirmed by {len(workers)}: {'; '.join(workers)[:600]}. They would refuse what the new issuer "
            "signs. Look at their logs, or stop them, and wait until they are gone from the list; to go on anyway, "
            "say why.",
            field="workers",
        )


class LiveWarrantsLeft(WarrantError):
    """Warrants that would stop verifying before they expire."""

    code = "live_warrants_left"
    http_status = 409

    def __init__(self, *, name: str, count: int, until: datetime) -> None:
        super().__init__(
            f"{count} live warrant{'' if count == 1 else 's'} of {name} would stop verifying; the last one expires at "
            f"{until:%Y-%m-%d %H:%M} UTC. Wait until then, or revoke them; to go on anyway, say why.",
            field="name",
        )
