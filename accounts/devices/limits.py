"""How often codes may be guessed and sign-ins begun. Counted in the cache, like the attempts at passwords."""

from __future__ import annotations

from allauth.core.internal import ratelimit
from django.http import HttpRequest

from accounts.errors import TooManyCodes, TooManyDevices

# Wrong codes of one person. There are 20**8 codes: at this pace nobody meets one that waits.
_RATES = {"wrong_user_code": "10/10m/user", "begin_device": "10/m/ip"}


def require_guesses_left(http_request: HttpRequest) -> None:
    """Raise ``TooManyCodes`` if this person typed too many wrong codes of late."""
    if not _consume(http_request, "wrong_user_code", dry_run=True):
        raise TooManyCodes


def count_wrong_code(http_request: HttpRequest) -> None:
    _consume(http_request, "wrong_user_code")


def count_device(http_request: HttpRequest) -> None:
    """Raise ``TooManyDevices`` if too many sign-ins were begun from this address."""
    if not _consume(http_request, "begin_device"):
        raise TooManyDevices


def _consume(http_request: HttpRequest, action: str, *, dry_run: bool = False) -> bool:
    return bool(
        ratelimit.consume(http_request, app="accounts", action=action, config=_RATES, dry_run=dry_run, limit_get=True)
    )
