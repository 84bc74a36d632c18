"""Signing in once more at the provider, for what a running session is not enough for.

allauth's own reauthentication does nothing for people who have only single sign-on. Use it like this:

1. ``begin(http_request, flow={"request": "…"}, next_url="/approvals/7/")`` returns the redirect to the provider
   (``prompt=login``, ``max_age=0``). ``flow`` is yours: JSON, small, naming the one thing that this is for.
2. The provider's answer is verified as at every sign-in. It counts only for the same issuer and subject, and only
   with an ``auth_time`` not older than 30 s before step 1. Then the browser comes to ``next_url``; otherwise a page
   says that nothing was confirmed (``NotFresh``).
3. ``take(http_request, flow={"request": "…"})`` returns the ``Fresh`` sign-in of exactly that flow, once, and None
   ever after. The caller decides how old it may be.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.errors import NotFresh
from accounts.models import Person
from accounts.people.recognition import Identity
from accounts.sign_in.completion import SESSION_KEY
from accounts.sign_in.openid.tokens import SKEW_SECONDS
from accounts.sign_in.providers import openid_provider_of
from accounts.web import own_path_or_nothing

_FRESH_KEY = "single_sign_on_fresh"
_KEPT = 10


@dataclass(frozen=True, slots=True)
class Fresh:
    """A new sign-in at the provider. ``auth_time`` (by the provider's clock) and ``at`` (ours): seconds since 1970."""

    issuer: str
    subject: str
    auth_time: int
    at: float


def is_possible(http_request: HttpRequest) -> bool:
    """Return whether the person signed in here has an OpenID Connect provider to ask."""
    person = http_request.user
    return isinstance(person, Person) and openid_provider_of(http_request, issuer=person.issuer) is not None


def begin(http_request: HttpRequest, *, flow: dict[str, Any], next_url: str) -> HttpResponse:
    """Send the person signed in here to their provider. Raises ``NotFresh`` if they have none, ``ProviderDown``."""
    person = http_request.user
    provider = openid_provider_of(http_request, issuer=person.issuer) if isinstance(person, Person) else None
    if provider is None or not isinstance(person, Person):
        raise NotFresh
    fresh_for = {"issuer": person.issuer, "subject": person.subject, "flow": flow}
    return provider.begin(http_request, next_url=own_path_or_nothing(next_url), fresh_for=fresh_for)


def accept(http_request: HttpRequest, *, identity: Identity, state: dict[str, Any]) -> None:
    """Keep that ``identity`` was proven anew in the flow with ``state``. Raises ``NotFresh``. For the callback."""
    person, due = http_request.user, state["data"]
    proven = (identity.issuer, identity.subject)
    is_same = isinstance(person, Person) and proven == (person.issuer, person.subject)
    if not is_same or proven != (due["issuer"], due["subject"]):
        raise NotFresh
    if identity.auth_time is None or identity.auth_time < state["started"] - SKEW_SECONDS:
        raise NotFresh
    kept = [fresh for fresh in _kept(http_request) if fresh["flow"] != due["flow"]]
    kept.append({"flow": due["flow"], "auth_time": identity.auth_time, "at": time.time()})
    http_request.session[_FRESH_KEY] = {"person": list(proven), "flows": kept[-_KEPT:]}


def take(http_request: HttpRequest, *, flow: dict[str, Any]) -> Fresh | None:
    """Return the fresh sign-in that was made for ``flow`` by the person signed in here, and forget it."""
    kept = _kept(http_request)
    found = [fresh for fresh in kept if fresh["flow"] == flow]
    if not found or not isinstance(http_request.user, Person):
        return None
    person = http_request.user
    rest = [fresh for fresh in kept if fresh["flow"] != flow]
    http_request.session[_FRESH_KEY] = {"person": [person.issuer, person.subject], "flows": rest}
    return Fresh(person.issuer, person.subject, found[0]["auth_time"], found[0]["at"])


def last_sign_in(http_request: HttpRequest) -> dict[str, Any] | None:
    """Return what is known of how this session began (see ``completion.SESSION_KEY``); None without single sign-on."""
    known, person = http_request.session.get(SESSION_KEY), http_request.user
    if not known or not isinstance(person, Person):
        return None
    return known if (known["issuer"], known["subject"]) == (person.issuer, person.subject) else None


def _kept(http_request: HttpRequest) -> list[dict[str, Any]]:
    """Return the fresh sign-ins of the person signed in here: a session may have belonged to another before."""
    kept, person = http_request.session.get(_FRESH_KEY), http_request.user
    if not kept or not isinstance(person, Person) or kept["person"] != [person.issuer, person.subject]:
        return []
    return kept["flows"]
