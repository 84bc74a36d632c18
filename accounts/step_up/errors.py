"""What can go wrong with passkeys and when people are asked again whether it is really them."""

from __future__ import annotations

from accounts.errors import AccountError


class UnusableChallenge(AccountError):
    """Unknown, used, late, or of another person, session or purpose: one answer, so that guessing teaches nothing."""

    code = "unusable_challenge"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "This prompt was answered already, came too late, or was not for this. Nothing was done: try again.",
            field="credential",
        )


class PasskeyRefused(AccountError):
    """The answer is none of a passkey of this person, on this site, with finger, face or PIN."""

    code = "passkey_refused"

    def __init__(self) -> None:
        super().__init__(
            "This was not accepted. Use one of your own passkeys, on this site, and let it check your finger, "
            "face or PIN. Nothing was done.",
            field="credential",
        )


class NoPasskey(AccountError):
    code = "no_passkey"
    http_status = 409

    def __init__(self) -> None:
        super().__init__("You have no passkey here. Add one on your passkeys page first.", field="credential")


class UnknownPasskey(AccountError):
    """No such passkey, or not this person's: the two look the same from outside."""

    code = "unknown_passkey"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("You have no such passkey. Reload the page to see those you have.", field="passkey_id")


class PasskeyTaken(AccountError):
    code = "passkey_taken"
    http_status = 409

    def __init__(self) -> None:
        super().__init__("This passkey is known here already. Use another device or key.", field="credential")


class TooManyPasskeys(AccountError):
    code = "too_many_passkeys"

    def __init__(self, *, maximum: int) -> None:
        super().__init__(f"You have {maximum} passkeys, and more are not kept. Remove one first.", field="credential")


class NotFresh(AccountError):
    """Passkeys are changed only by somebody who has just shown that it is them."""

    code = "not_fresh"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "You signed in too long ago for this. Confirm that it is you, then try again. Nothing was changed."
        )


class NoStepUp(AccountError):
    """There is no unused, fresh step-up of this person, in this session, for this purpose."""

    code = "no_step_up"
    http_status = 409

    def __init__(self) -> None:
        super().__init__("Confirm first that it is you. Nothing was done.")


class NoProvider(AccountError):
    code = "no_provider"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "Nobody else can confirm here that it is you. Use your passkey, or add one on your passkeys page."
        )


class ProviderRefused(AccountError):
    """What came back from the provider is no fresh sign-in for something that was begun here."""

    code = "provider_refused"

    def __init__(self) -> None:
        super().__init__(
            "Your provider did not say that you signed in again just now, so it does not count. Try once more.",
            field="auth_time",
        )


class TooManyAttempts(AccountError):
    code = "too_many_attempts"
    http_status = 429

    def __init__(self) -> None:
        super().__init__("That was too often in a short time. Wait five minutes, then try again. Nothing was done.")
