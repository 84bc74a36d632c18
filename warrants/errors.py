"""What can go wrong when policies are read and warrants are minted or revoked. Pure.

Each error has a stable ``code``, the ``field`` that is wrong (or empty) and a sentence that tells a
person what to do.
"""

from __future__ import annotations

from typing import ClassVar

from accounts.keys.contracts import KeyStrength


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


class UnknownPolicy(WarrantError):
    code = "unknown_policy"
    http_status = 404

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no policy named {name[:100]!r}. Policies stand in warrants/policies/.", field="policy"
        )


# --- Minting --------------------------------------------------------------------------------


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
    """

    code = "too_few_people"

    def __init__(
        self, *, needed: int, people: int, barred: int = 0, strength: KeyStrength = KeyStrength.ORDINARY
    ) -> None:
        wanted = "strong " if strength is KeyStrength.STRONG else ""
        others = f", without the {barred} who raised the alert or for whom the agent acts" if barred else ""
        super().__init__(
            f"The policy asks for {wanted}keys of {needed} {_people(needed)}, but the {wanted}keys "
            f"here belong to {people}{others}. "
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


# --- Revocation -----------------------------------------------------------------------------


class InvalidReason(WarrantError):
    code = "invalid_reason"

    def __init__(self, *, maximum: int) -> None:
        super().__init__(f"Say in 1 to {maximum} printable characters why the warrant is revoked.", field="reason")
