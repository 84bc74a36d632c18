"""Why a credential is not to be had. No sentence ever holds a secret, nor anything that a provider said.

They are activity failures already: raised in an activity, Temporal sees the code as the failure's type, and tries
again where that may help.
"""

from __future__ import annotations

from typing import ClassVar

from temporalio.exceptions import ApplicationError


class CredentialSettingsWrong(ValueError):
    """The settings name no provider that could work. For whoever starts the worker."""


class CredentialError(ApplicationError):
    code: ClassVar[str] = "CREDENTIAL_FAILED"
    retryable: ClassVar[bool] = False

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, type=self.code, non_retryable=not self.retryable)


class CredentialUnavailable(CredentialError):
    """The provider is slow, busy, broken or not to be reached."""

    code = "CREDENTIAL_UNAVAILABLE"
    retryable = True


class CredentialRefused(CredentialError):
    """The provider does not let this worker have it."""

    code = "CREDENTIAL_REFUSED"


class CredentialMissing(CredentialError):
    """There is no such credential, or it is not text that could be one."""

    code = "CREDENTIAL_MISSING"


class CredentialOutsideActivity(CredentialError):
    """Workflows, queries and start-up code have no credentials: what they know is kept."""

    code = "CREDENTIAL_OUTSIDE_ACTIVITY"


class CredentialEchoed(CredentialError):
    """What was called with the credential failed, and quoted it in its error, which is therefore not told."""

    code = "CREDENTIAL_ECHOED"

    def __init__(self, sentence: str, *, non_retryable: bool) -> None:
        ApplicationError.__init__(self, sentence, type=self.code, non_retryable=non_retryable)
