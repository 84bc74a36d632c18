"""Fetching a credential inside an activity, for this activity alone.

    async with credentials.secret("anthropic-api-key") as key:
        await call_the_provider(key.reveal())

Nothing is kept: the next activity fetches anew, which is when a rotated secret takes effect.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn, Protocol

from temporalio.exceptions import ApplicationError

from workers.credentials.errors import CredentialEchoed, CredentialError, CredentialMissing, CredentialUnavailable
from workers.credentials.scope import Scope
from workers.credentials.secret import Secret

# It becomes the name of a variable, a file or a secret, where none of this means anything else.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}(?:/[a-z0-9][a-z0-9-]{0,79}){0,3}")
MAXIMUM_CHARACTERS = 64 * 1024
FETCH_SECONDS = 10.0


class Provider(Protocol):
    async def fetch(self, name: str, scope: Scope) -> str:
        """Return the secret ``name``. Raises ``CredentialError``, whose text is its own and never the provider's."""
        ...


class Credentials:
    """The credentials of one worker."""

    def __init__(self, provider: Provider, *, seconds: float = FETCH_SECONDS) -> None:
        self._provider, self._seconds = provider, seconds

    @asynccontextmanager
    async def secret(self, name: str) -> AsyncIterator[Secret]:
        """Give the secret ``name`` to the block, and forget it after.

        An error that leaves the block and quotes the secret is replaced by ``CredentialEchoed``. Raises
        ``CredentialUnavailable`` (another attempt may help), ``CredentialRefused``, ``CredentialMissing`` and
        ``CredentialOutsideActivity``.
        """
        secret = await self.fetch(name)
        try:
            yield secret
        except Exception as error:
            if not secret.is_in(error):
                raise
            _raise_alone(_echo(name, error))
        finally:
            secret.forget()

    async def fetch(self, name: str) -> Secret:
        """Return the secret ``name``; prefer ``secret``, which forgets it. Raises like ``secret``."""
        scope = Scope.of_this_activity()
        if not _NAME.fullmatch(name):
            raise CredentialMissing(
                "A credential's name is of small letters, digits and -, in up to four parts divided by /."
            )
        text = ""
        failure: CredentialError | None = None
        try:
            async with asyncio.timeout(self._seconds):
                text = await self._provider.fetch(name, scope)
        except CredentialError as error:
            failure = error
        except TimeoutError:
            failure = CredentialUnavailable(f"The credential {name} did not arrive within {self._seconds:.0f} s.")
        except Exception:
            failure = CredentialUnavailable(f"The credential {name} cannot be fetched: its provider failed.")
        if failure is not None:
            failure.__cause__ = failure.__context__ = None
            raise failure
        if not 0 < len(text) <= MAXIMUM_CHARACTERS:
            raise CredentialMissing(f"The credential {name} is empty, or longer than {MAXIMUM_CHARACTERS} characters.")
        return Secret(text)

    async def is_replaced(self, name: str, secret: Secret) -> bool:
        """Whether ``name`` is another secret by now: then that ``secret`` was refused says nothing. Raises like it."""
        now = await self.fetch(name)
        try:
            return now.reveal() != secret.reveal()
        finally:
            now.forget()


def _echo(name: str, error: Exception) -> CredentialEchoed:
    return CredentialEchoed(
        f"What was called with the credential {name} failed ({type(error).__name__}) and quoted it in its error, "
        "which is therefore not told.",
        non_retryable=isinstance(error, ApplicationError) and error.non_retryable,
    )


def _raise_alone(failure: CredentialEchoed) -> NoReturn:
    """Raise ``failure`` without what it replaces: whoever logs an error's context would log the secret."""
    try:
        raise failure
    except CredentialEchoed:
        failure.__context__ = None
        raise
