"""Start-up checks: settings under which people or keys would not be safe stop every command."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error, Tags
from django.core.checks import register as register_check
from django.core.exceptions import ImproperlyConfigured

from accounts.sign_in.provider_checks import check_providers

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_USUAL_PORTS = {"http": 80, "https": 443}
_MINIMUM_SECRET_LENGTH = 40
_MINIMUM_SECRET_VARIETY = 10
_COMMANDS_WITHOUT_SECRETS = ("check", "makemigrations")


def register() -> None:
    register_check(check_addresses, Tags.security)
    register_check(check_secrets, Tags.security)
    register_check(check_providers, Tags.security)


def check_addresses(**_: Any) -> list[Error]:
    """Where the site lives, and who may sign in there."""
    return list(_addresses())


def check_secrets(**_: Any) -> list[Error]:
    """The secrets that everything else rests on.

    ``manage.py check`` and ``makemigrations`` serve nothing and may run without any; ``check --deploy`` asks for them.
    """
    may_be_missing = sys.argv[1:2] in [[name] for name in _COMMANDS_WITHOUT_SECRETS] and "--deploy" not in sys.argv
    return [*_secret_key(may_be_missing), *_key_encryption_key(may_be_missing)]


def _addresses() -> Iterator[Error]:
    site = urlsplit(settings.SITE_ROOT)
    if _origin(settings.SITE_ROOT) != settings.SITE_ROOT:
        yield Error(
            f"SITE_ROOT is {settings.SITE_ROOT!r}, which is not an origin as browsers write it.",
            hint="Write scheme and host in small letters, a port only if it is unusual, no path: "
            "browsers sign this text when a key is enrolled.",
            id="accounts.E001",
        )
    if site.scheme != "https" and site.hostname not in _LOOPBACK:
        yield Error(
            "SITE_ROOT is not https: sessions could be stolen, and browsers make no keys on such pages.",
            hint="Put the site behind https, or use http://localhost for a trial on one machine.",
            id="accounts.E002",
        )
    if settings.LOCAL_ACCOUNTS and site.scheme == "https" and not settings.LOCAL_ACCOUNTS_IN_PUBLIC:
        yield Error(
            "LOCAL_ACCOUNTS is on for a site that others can reach: a password or a link is all it takes to get in.",
            hint="Unset LOCAL_ACCOUNTS. If there is no single sign-on and this is meant, set LOCAL_ACCOUNTS_IN_PUBLIC.",
            id="accounts.E003",
        )
    if settings.DEBUG and site.scheme == "https":
        yield Error(
            "DEBUG is on for a site that others can reach: error pages show what is in memory.",
            hint="Unset DEBUG.",
            id="accounts.E004",
        )


def _origin(address: str) -> str:
    """Return the origin of ``address`` in the spelling of browsers, or nothing if it has none."""
    site = urlsplit(address)
    try:
        port = site.port
    except ValueError:
        return ""
    host = f"[{site.hostname}]" if ":" in (site.hostname or "") else site.hostname
    return (
        f"{site.scheme}://{host}" if port in (None, _USUAL_PORTS.get(site.scheme)) else f"{site.scheme}://{host}:{port}"
    )


def _secret_key(may_be_missing: bool) -> Iterator[Error]:
    try:
        key = str(settings.SECRET_KEY)
    except ImproperlyConfigured:
        key = ""
    if not key and may_be_missing:
        return
    if len(key) < _MINIMUM_SECRET_LENGTH or len(set(key)) < _MINIMUM_SECRET_VARIETY:
        yield Error(
            f"SECRET_KEY is missing or weak: whoever guesses it can forge sessions ({len(key)} characters).",
            hint="Set it to what python -c 'import secrets; print(secrets.token_urlsafe(48))' prints.",
            id="accounts.E005",
        )


def _key_encryption_key(may_be_missing: bool) -> Iterator[Error]:
    if not settings.KEY_ENCRYPTION_KEY and (may_be_missing or settings.KEY_CUSTODY != "local"):
        return
    try:
        length = len(base64.b64decode(settings.KEY_ENCRYPTION_KEY, validate=True))
    except ValueError:
        length = 0
    if length != 32:
        yield Error(
            "KEY_ENCRYPTION_KEY is missing, or is not 32 bytes in base64: the service's keys cannot be stored.",
            hint="Set it to what openssl rand -base64 32 prints, and keep a copy where the database is not.",
            id="accounts.E006",
        )
