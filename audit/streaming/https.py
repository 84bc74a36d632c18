"""Lines in the body of a POST. An answer with a status from 200 to 299 says that they arrived for good."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from audit.streaming.contracts import TargetError

CONNECT_SECONDS = 10.0
# For connection, request and answer together, also from a server that drips.
SEND_SECONDS = 30.0
LONGEST_RETRY_AFTER_SECONDS = 3600.0
_MAXIMUM_TOKEN = 8192
# Timeout, too large (the next batch is smaller), too early, too many requests.
_HEALING = {408, 413, 425, 429}


class HttpsTarget:
    """The endpoint at ``url``. ``token_file`` is read for every connection; ``authorities`` are PEM, or the usual ones.

    Its name is the host alone: an address may hold a secret. Redirections are not followed.
    """

    def __init__(
        self, url: str, *, token_file: Path | None = None, authorities: str = "", seconds: float = SEND_SECONDS
    ) -> None:
        self.name = urlsplit(url).netloc
        self._url, self._token_file, self._seconds = url, token_file, seconds
        self._context = ssl.create_default_context(cadata=authorities) if authorities else httpx.create_ssl_context()

    async def send(self, data: bytes) -> None:
        headers = {"content-type": "application/x-ndjson", **self._authorization()}
        failed = ""
        try:
            async with (
                asyncio.timeout(self._seconds),
                httpx.AsyncClient(
                    verify=self._context,
                    timeout=httpx.Timeout(self._seconds, connect=min(CONNECT_SECONDS, self._seconds)),
                    trust_env=False,
                    follow_redirects=False,
                ) as client,
                # What the server says beside its status is not read: it may be anything, and of any length.
                client.stream("POST", self._url, content=data, headers=headers) as response,
            ):
                status, retry_after = response.status_code, response.headers.get("retry-after", "")
        except (httpx.HTTPError, ssl.SSLError, TimeoutError) as error:
            failed = why_unreachable(error)
        if failed:
            # Out here, without the cause, which holds the request and its token.
            raise TargetError(f"{self.name} cannot be reached: {failed}.")
        self._require_taken(status, retry_after)

    def _require_taken(self, status: int, retry_after: str) -> None:
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            sentence = f"{self.name} answered {status}: it wants them elsewhere. Set SIEM_TARGET to that address."
            raise TargetError(sentence, heals=False)
        if status in (401, 403):
            sentence = f"{self.name} answered {status}: it does not take the token in SIEM_TOKEN_FILE."
            raise TargetError(sentence, heals=False)
        heals = status >= 500 or status in _HEALING
        raise TargetError(
            f"{self.name} answered {status}.", after_seconds=retry_after_seconds(retry_after), heals=heals
        )

    def _authorization(self) -> dict[str, str]:
        """Return the header: the file's text if it names a scheme ("Splunk …"), else it is a bearer token."""
        if self._token_file is None:
            return {}
        try:
            with self._token_file.open(encoding="ascii") as file:
                text = file.read(_MAXIMUM_TOKEN + 1).strip()
        except OSError as error:
            raise TargetError(f"SIEM_TOKEN_FILE cannot be read: {error.strerror}.", heals=False) from None
        except UnicodeDecodeError:
            text = ""
        if not text or len(text) > _MAXIMUM_TOKEN or not text.isprintable():
            raise TargetError("SIEM_TOKEN_FILE must hold one line of ASCII, with a token.", heals=False)
        return {"authorization": text if " " in text else f"Bearer {text}"}


def why_unreachable(error: Exception) -> str:
    """Return why there is no answer, without the address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate does not verify ({cause.verify_message})"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def retry_after_seconds(retry_after: str) -> float | None:
    """Return what the header asks for, as seconds from now; None if it asks for nothing that can be understood."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        seconds = float(text)
    else:
        try:
            when = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
