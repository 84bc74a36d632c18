"""What can go wrong when people sign in and make keys.

Each error has a stable ``code``, the ``field`` that is wrong (or empty) and a sentence that tells a
person what to do. Views render them in ``accounts.web``, commands print the sentence.
"""

from __future__ import annotations

from typing import ClassVar


class AccountError(Exception):
    code: ClassVar[str] = "refused"
    http_status: ClassVar[int] = 422

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


class MalformedInput(AccountError):
    """A value that cannot be read at all."""

    code = "malformed"
    http_status = 400


# --- People and roles -----------------------------------------------------------------------


class InvalidPerson(AccountError):
    """A person cannot be created like this; the field says why."""

    code = "invalid_person"


class UnknownPerson(AccountError):
    """No such person, or none whom this administrator may see."""

    code = "unknown_person"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("There is no such person. Reload the page to see who is here.", field="person")


class UnknownRole(AccountError):
    code = "unknown_role"

    def __init__(self) -> None:
        super().__init__("There is no such role. Choose one of the list.", field="role")


class InvalidNamespace(AccountError):
    code = "invalid_namespace"

    def __init__(self, *, maximum: int) -> None:
        super().__init__(
            f"A namespace is a Temporal namespace's name of at most {maximum} visible characters; "
            "leave it empty for all of them.",
            field="namespace",
        )


class RoleNotHeld(AccountError):
    """A role that the person does not hold, or holds through a group, cannot be taken by hand."""

    code = "role_not_held"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "They do not hold this role by hand there, so nothing was taken. A role that comes through a group is "
            "taken by leaving the group, or by disabling the person.",
            field="role",
        )


class NotAnAdministrator(AccountError):
    """Only a security administrator of the namespace does this; for a whole person, one of every namespace."""

    code = "not_an_administrator"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("Only a security administrator can do this, and only where they hold that role.", field="role")


class NotForOneself(AccountError):
    """Nobody gives themselves a role, and nobody disables themselves."""

    code = "not_for_oneself"
    http_status = 409

    def __init__(self) -> None:
        super().__init__("You cannot do this to yourself. Ask another security administrator.", field="person")


class LastAdministrator(AccountError):
    """The last active security administrator of every namespace cannot be taken away."""

    code = "last_administrator"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "This is the last active security administrator of all namespaces. Give the role to somebody else first.",
            field="person",
        )


class UnknownSession(AccountError):
    """No such session, or not one of this person's."""

    code = "unknown_session"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("This session has ended already. Reload the page to see those that are open.", field="session")


class NotAnApprover(AccountError):
    """The person lacks the role that keys are for."""

    code = "not_an_approver"
    http_status = 404

    def __init__(self) -> None:
        super().__init__(
            "Only approvers, policy publishers and security administrators have keys. "
            "Ask an administrator for such a role.",
            field="person",
        )


# --- Keys -----------------------------------------------------------------------------------


class UnknownChallenge(AccountError):
    """The challenge was never given to this person: forged, or somebody else's."""

    code = "unknown_challenge"

    def __init__(self) -> None:
        super().__init__(
            "This key was not made for an enrolment that you began here. Nothing was enrolled: begin again.",
            field="challenge",
        )


class SpentChallenge(AccountError):
    code = "spent_challenge"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "This enrolment has been used already. Reload the page to see your keys, or begin again.",
            field="challenge",
        )


class LateChallenge(AccountError):
    code = "late_challenge"

    def __init__(self) -> None:
        super().__init__("This enrolment was begun too long ago. Nothing was enrolled: begin again.", field="challenge")


class WrongOrigin(AccountError):
    """The signature was made on another site: a page that stands between the person and this one."""

    code = "wrong_origin"

    def __init__(self, *, signed_at: str, expected: str) -> None:
        super().__init__(
            f"The key signed for {signed_at!r}, but this is {expected}. Open {expected} itself and begin again.",
            field="origin",
        )


class WrongIdentity(AccountError):
    code = "wrong_identity"

    def __init__(self, *, field: str) -> None:
        super().__init__(
            "The key signed another person's name than the one you are signed in with. "
            "Sign out, sign in as yourself and begin again.",
            field=field,
        )


class NotProven(AccountError):
    """Whoever sent the key has not shown that they hold its private half."""

    code = "not_proven"


class WeakKey(AccountError):
    """A key under which signatures prove nothing."""

    code = "weak_key"

    def __init__(self) -> None:
        super().__init__(
            "This public key cannot be used: signatures under it can be forged. Let the browser make a new key.",
            field="public_key",
        )


class KeyTaken(AccountError):
    """The key is known already, active or revoked, of this person or another."""

    code = "key_taken"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "This key is enrolled already, or was once and is revoked. Let the browser make a new key.",
            field="public_key",
        )


class InvalidName(AccountError):
    code = "invalid_name"

    def __init__(self, *, maximum: int) -> None:
        super().__init__(
            f"Give this browser a name of 1 to {maximum} visible characters, such as “Phone”.", field="name"
        )


class InvalidReason(AccountError):
    code = "invalid_reason"

    def __init__(self, *, maximum: int) -> None:
        super().__init__(f"Shorten the reason to {maximum} visible characters.", field="reason")


class UnknownKey(AccountError):
    """No such key, or not this person's: the two look the same from outside."""

    code = "unknown_key"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("You have no such key. Reload the page to see the keys you have.", field="key_id")


# --- Signing in -----------------------------------------------------------------------------


class LocalAccountsOff(AccountError):
    code = "local_accounts_off"

    def __init__(self) -> None:
        super().__init__("Local accounts are switched off here. Set LOCAL_ACCOUNTS=true to use them.")


class InvalidLifetime(AccountError):
    code = "invalid_lifetime"

    def __init__(self, *, maximum: int) -> None:
        super().__init__(f"A sign-in link is valid for 1 to {maximum} seconds.", field="valid_for_seconds")


class UnusableLink(AccountError):
    """Unknown, expired, used or for a deactivated person: one answer, so that guessing teaches nothing."""

    code = "unusable_link"
    http_status = 404

    def __init__(self) -> None:
        super().__init__(
            "This sign-in link does not work: it was used already, has expired, or was not copied whole. "
            "Ask for a new one.",
            field="token",
        )


# --- Single sign-on -------------------------------------------------------------------------


class ProviderDown(AccountError):
    """The identity provider cannot be reached, or its answer makes no sense. ``reason`` is for the log."""

    code = "provider_down"
    http_status = 503

    def __init__(self, reason: str) -> None:
        super().__init__("Your sign-in provider does not answer as it should. Nobody was signed in: try again soon.")
        self.reason = reason


class SignInRefused(AccountError):
    """What the provider sent proves nothing. ``reason`` is for the log: it would help whoever forges."""

    code = "sign_in_refused"
    http_status = 403

    def __init__(self, reason: str) -> None:
        super().__init__(
            "What your sign-in provider sent could not be verified, so nobody was signed in. "
            "Begin again; if it repeats, tell the person who runs Countersign."
        )
        self.reason = reason


class SignInInterrupted(AccountError):
    """An answer to no sign-in of this browser: too late, used already, or begun elsewhere."""

    code = "sign_in_interrupted"
    http_status = 400

    def __init__(self) -> None:
        super().__init__(
            "This sign-in was begun too long ago, in another browser, or is finished already. Begin again.",
            field="state",
        )


class SignInCancelled(AccountError):
    code = "sign_in_cancelled"
    http_status = 403

    def __init__(self) -> None:
        super().__init__("The sign-in was cancelled at your provider, or it does not let you in here.")


class UnusableIdentity(AccountError):
    """The provider's name for this person does not fit where signatures and records carry it."""

    code = "unusable_identity"

    def __init__(self, field: str) -> None:
        super().__init__(
            "Your provider's name for you is too long or has characters that cannot be recorded. Nobody was signed in. "
            "Ask the person who runs Countersign to let the provider send a shorter subject.",
            field=field,
        )


class NotConfirmed(AccountError):
    """A second sign-in at the provider that does not count: another person, or an old session there."""

    code = "not_confirmed"
    http_status = 403

    def __init__(self) -> None:
        super().__init__(
            "Your provider did not confirm that you, the person signed in here, have just signed in again. "
            "Nothing was confirmed: try again and sign in there as yourself."
        )


# --- Endorsements ---------------------------------------------------------------------------


class EndorsementRefused(AccountError):
    """A statement that would not count; the field says why."""

    code = "endorsement_refused"


class KeyNotEndorsed(AccountError):
    """No people root stands behind the key."""

    code = "key_not_endorsed"
    http_status = 409

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, field="key")


class PeopleRootStands(AccountError):
    """The ceremony was held already."""

    code = "people_root_stands"
    http_status = 409

    def __init__(self, *, person: str) -> None:
        super().__init__(
            f"There is a people root already; its ceremony endorsed a key of {person}. Let a security administrator "
            "endorse further keys. Only if all of their keys are lost, replace it with --replace: then every key "
            "has to be endorsed again, and workers refuse until their operators change PEOPLE_ROOTS.",
            field="people_root",
        )


class AmbiguousKey(AccountError):
    """The person has several keys, and none was chosen."""

    code = "ambiguous_key"

    def __init__(self, *, shorts: list[str]) -> None:
        super().__init__(
            f"There are several keys: {', '.join(shorts)}. Say with --key which one to endorse.", field="key"
        )


# --- Tokens and devices ---------------------------------------------------------------------


class NoRole(AccountError):
    """Whoever has no role sees nothing, and neither would their program."""

    code = "no_role"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("You have no role here yet. Ask an administrator for one.", field="person")


class InvalidTokenName(AccountError):
    code = "invalid_token_name"

    def __init__(self, *, maximum: int) -> None:
        super().__init__(f"Give it a name of 1 to {maximum} visible characters, such as “Ada’s laptop”.", field="name")


class InvalidTokenLifetime(AccountError):
    code = "invalid_token_lifetime"

    def __init__(self, *, days: int) -> None:
        super().__init__(f"A token is valid for at least an hour and at most {days} days.", field="hours")


class MintingTokenRefused(AccountError):
    code = "minting_token_refused"
    http_status = 403

    def __init__(self) -> None:
        super().__init__(
            "Only security administrators make tokens that mint warrants. Ask one of them to make it.", field="scope"
        )


class UnknownToken(AccountError):
    """No such token, or not this person's: the two look the same from outside."""

    code = "unknown_token"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("You have no such token. Reload the page to see the tokens you have.", field="token_id")


class DeadToken(AccountError):
    """Unknown, expired, revoked, or of a person who is disabled: one answer, so that guessing teaches nothing."""

    code = "dead_token"
    http_status = 401

    def __init__(self) -> None:
        super().__init__("This token does not work, or no longer. Sign in again.", field="token")


class TokenNotTaken(AccountError):
    """A token is for the command line: this needs a person in a browser."""

    code = "token_not_taken"
    http_status = 403

    def __init__(self) -> None:
        super().__init__("A token cannot do this. Sign in with a browser to do it.", field="token")


class UnknownUserCode(AccountError):
    """Never given, expired, decided, or of somebody else: one answer, so that guessing teaches nothing."""

    code = "unknown_user_code"
    http_status = 404

    def __init__(self) -> None:
        super().__init__(
            "There is no program waiting with this code. Codes work once, for ten minutes: "
            "compare it with what the program shows, or let the program begin again.",
            field="user_code",
        )


class TooManyCodes(AccountError):
    code = "too_many_codes"
    http_status = 429

    def __init__(self) -> None:
        super().__init__("That were too many wrong codes. Wait ten minutes, then try again.", field="user_code")


class TooManyDevices(AccountError):
    code = "too_many_devices"
    http_status = 429

    def __init__(self) -> None:
        super().__init__("Too many sign-ins were begun from your address. Wait a minute, then try again.")


class AuthorizationPending(AccountError):
    """Codes of the next four are RFC 8628's (section 3.5), as programs expect them."""

    code = "authorization_pending"
    http_status = 400

    def __init__(self) -> None:
        super().__init__("Nobody has confirmed this sign-in yet. Ask again.", field="device_code")


class SlowDown(AccountError):
    code = "slow_down"
    http_status = 400

    def __init__(self) -> None:
        super().__init__("This program asks too often. It must wait five seconds more each time.", field="device_code")


class ExpiredDevice(AccountError):
    """Too late, used before, or never begun."""

    code = "expired_token"
    http_status = 400

    def __init__(self) -> None:
        super().__init__("This sign-in is over: it took too long, or was used. Begin again.", field="device_code")


class DeviceDenied(AccountError):
    code = "access_denied"
    http_status = 400

    def __init__(self) -> None:
        super().__init__("The sign-in was refused in the browser. Nothing was given.", field="device_code")
