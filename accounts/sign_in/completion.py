"""The last step of every single sign-on: somebody is proven, and gets a session."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from datetime import timedelta

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.people.recognition import Identity, recognise
from accounts.roles.services import Place

# In the session: who was proven (issuer, subject), by which provider, when here ("at") and, if it was
# said, when at the provider ("auth_time"); seconds since 1970. Read it with ``reauthentication.last_sign_in``.
SESSION_KEY = "single_sign_on"


def sign_in(
    http_request: HttpRequest, *, identity: Identity, roles_of: Mapping[str, Collection[Place]], next_url: str
) -> HttpResponse:
    """Sign in whom ``identity`` names and lead them on to ``next_url``.

    Whoever was signed in before is signed out. A deactivated person is led to the page that says so.
    Raises ``UnusableIdentity``.
    """
    person = recognise(identity=identity, roles_of=roles_of)
    if http_request.user.is_authenticated:
        get_adapter(http_request).logout(http_request)
    http_request.session[SESSION_KEY] = {
        "provider": identity.provider,
        "issuer": identity.issuer,
        "subject": identity.subject,
        "auth_time": identity.auth_time,
        "at": time.time(),
    }
    record_authentication(http_request, person, "socialaccount", provider=identity.provider, uid=person.username)
    response = perform_login(http_request, person, redirect_url=next_url or settings.LOGIN_REDIRECT_URL)
    if http_request.user.is_authenticated:
        http_request.session.set_expiry(timezone.now() + timedelta(hours=settings.SINGLE_SIGN_ON_HOURS))
    return response
