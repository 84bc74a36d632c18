"""Which providers there are: those of the settings, and no others."""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, _build_apps_from_settings
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.http import HttpRequest, HttpResponseForbidden

from accounts.sign_in.openid.http import GuardedSession


class SocialAdapter(DefaultSocialAccountAdapter):
    """What is left of allauth's own way to sign people in is shut here: our views call what they need of it."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """Leave out what is in the database: whoever can write a row must not be able to add a provider."""
        found = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in found.values() for app in apps]

    def get_requests_session(self) -> GuardedSession:
        return GuardedSession()

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Let nobody in by allauth's own account table: people are found by issuer and subject."""
        raise ImmediateHttpResponse(HttpResponseForbidden())
