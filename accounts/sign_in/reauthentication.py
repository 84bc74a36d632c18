"""Signing in once more at the provider, for what a running session is not enough for.

allauth's own reauthentication does nothing for people who have only single sign-on. ``begin`` sends the person to
their provider (``prompt=login``, ``max_age=0``). Its answer is verified as at every sign-in, and counts only for the
same issuer and subject, with an ``auth_time`` not older than 30 s before that. Then it is a step-up for ``purpose``
(``accounts.step_up``): for that one thing, in this session, once.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.errors import NotConfirmed
from accounts.models import Person
from accounts.people.recognition import Identity
from accounts.sign_in.completion import SESSION_KEY
from accounts.sign_in.openid.tokens import SKEW_SECONDS
from accounts.sign_in.providers import openid_name, openid_provider_of
from accounts.step_up import providers
from accounts.web import own_path_or_nothing


class AtOpenIdProvider:
    """What ``accounts.step_up.providers`` asks of single sign-on."""

    def name_for(self, person: Person) -> str:
        return openid_name(person.issuer)

    def start(self, http_request: HttpRequest, *, purpose: str, next_path: str) -> HttpResponse:
        return begin(http_request, purpose=purpose, next_url=next_path)


def begin(http_request: HttpRequest, *, purpose: str, next_url: str) -> HttpResponse:
    """Send the person signed in here to their provider. Raises ``NotConfirmed`` if they have none, ``ProviderDown``."""
    person = http_request.user
    provider = openid_provider_of(http_request, issuer=person.issuer) if isinstance(person, Person) else None
    if provider is None or not isinstance(person, Person):
        raise NotConfirmed
    fresh_for = {"issuer": person.issuer, "subject": person.subject, "purpose": purpose}
    return provider.begin(http_request, next_url=own_path_or_nothing(next_url), fresh_for=fresh_for)


def accept(http_request: HttpRequest, *, identity: Identity, state: dict[str, Any]) -> None:
    """Record that ``identity`` was proven anew in the flow with ``state``. For the callback.

    Raises ``NotConfirmed`` and ``accounts.step_up.errors.ProviderRefused``.
    """
    person, due = http_request.user, state["data"]
    proven = (identity.issuer, identity.subject)
    if not isinstance(person, Person) or proven != (person.issuer, person.subject):
        raise NotConfirmed
    if proven != (due["issuer"], due["subject"]):
        raise NotConfirmed
    if identity.auth_time is None or identity.auth_time < state["started"] - SKEW_SECONDS:
        raise NotConfirmed
    providers.completed(http_request, person=person, purpose=due["purpose"], auth_time=identity.auth_time)


def last_sign_in(http_request: HttpRequest) -> dict[str, Any] | None:
    """Return what is known of how this session began (see ``completion.SESSION_KEY``); None without single sign-on."""
    known, person = http_request.session.get(SESSION_KEY), http_request.user
    if not known or not isinstance(person, Person):
        return None
    return known if (known["issuer"], known["subject"]) == (person.issuer, person.subject) else None
