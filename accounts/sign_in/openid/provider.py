"""allauth's OpenID Connect provider, with closed what it leaves open.

allauth begins a sign-in (state, PKCE) and exchanges the code. It checks no ``nonce``, skips the signature of a
token that came over TLS, lets the page's address add scopes and parameters, and trusts what discovery says.
"""

from __future__ import annotations

import secrets
import time
from functools import cached_property
from typing import Any
from urllib.parse import quote_plus, urlsplit

from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Client, OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.errors import ProviderDown, SignInRefused
from accounts.people.recognition import Identity
from accounts.sign_in.addresses import is_loopback, origin
from accounts.sign_in.openid import claims, tokens
from accounts.sign_in.openid.http import GuardedSession, fetch_json

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Client(OAuth2Client):
    """Sends id and secret in the header as RFC 6749, section 2.3.1, wants them: encoded."""

    def get_access_token(self, code: str, pkce_code_verifier: str | None = None, extra_data: Any = None) -> Any:
        if self.basic_auth:
            self.consumer_key: str = quote_plus(self.consumer_key)
            self.consumer_secret: str = quote_plus(self.consumer_secret)
        return super().get_access_token(code, pkce_code_verifier, extra_data)


class Adapter(OpenIDConnectOAuth2Adapter):
    client_class = Client

    def __init__(self, http_request: HttpRequest, provider: Provider) -> None:
        super().__init__(http_request, provider.app.provider_id)
        self.provider = provider

    def get_provider(self) -> Provider:
        return self.provider

    @cached_property
    def openid_config(self) -> dict[str, Any]:
        """What the provider says of itself. It must be the issuer we asked, with addresses that are safe to use."""
        issuer = self.provider.issuer
        with GuardedSession() as session:
            found = fetch_json(session, self.provider.server_url)
        if found.get("issuer") != issuer:
            raise ProviderDown(f"{self.provider.server_url} speaks for another issuer than {issuer}")
        for name in [*_ENDPOINTS, *({"userinfo_endpoint"} & found.keys())]:
            if not _may_be_asked(found.get(name), issuer):
                raise ProviderDown(f"{self.provider.server_url}: {name} is missing or not https")
        page = origin(found["authorization_endpoint"])
        if page not in {origin(address) for address in (issuer, *self.provider.app.settings["origins"])}:
            raise ProviderDown(f"sign-in pages are at {page}: put that into OIDC_…_ORIGINS")
        return found

    @property
    def basic_auth(self) -> bool:
        methods = self.openid_config.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return "client_secret_post" not in methods

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return settings.SITE_ROOT + self.provider.get_callback_url()

    def identify(self, code: str, state: dict[str, Any]) -> Identity:
        """Return who has signed in, by the ``code`` that the provider sent to the sign-in with ``state``.

        Raises ``ProviderDown`` and ``SignInRefused``.
        """
        answer = self._exchange(code, state["pkce_code_verifier"])
        with GuardedSession() as session:
            keys = fetch_json(session, self.openid_config["jwks_uri"]).get("keys")
        expected = tokens.Expected(
            issuer=self.provider.issuer,
            client_id=self.provider.app.client_id,
            nonce=state["nonce"],
            started=state["started"],
        )
        proven = tokens.verify(answer.get("id_token"), keys=keys, expected=expected)
        return self.provider.identity({**self._more(proven, answer), **proven})

    def _exchange(self, code: str, verifier: str) -> dict[str, Any]:
        client = self.get_client(self.request, self.provider.app)
        try:
            answer = client.get_access_token(code, pkce_code_verifier=verifier)
        except (OAuth2Error, ValueError, TypeError, RecursionError):
            # The answer may hold what nobody should read in a log.
            raise SignInRefused("the provider did not exchange the code") from None
        if not isinstance(answer, dict):
            raise SignInRefused("the provider's answer to the code is not an object")
        return answer

    def _more(self, proven: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        """Return what userinfo adds, asked for only if the token lacks the name or the groups."""
        address, token = self.openid_config.get("userinfo_endpoint"), answer.get("access_token")
        if self.provider.is_complete(proven) or not address or not isinstance(token, str):
            return {}
        with GuardedSession() as session:
            found = fetch_json(session, address, token=token)
        if found.get("sub") != proven["sub"]:
            raise SignInRefused("userinfo is about another person than the ID token")
        return found


class Provider(OpenIDConnectProvider):
    """One configured provider. ``app`` is what ``config.single_sign_on`` made of its settings."""

    @property
    def issuer(self) -> str:
        return self.app.settings["server_url"]

    @property
    def server_url(self) -> str:
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"

    def get_oauth2_adapter(self, request: HttpRequest) -> Adapter:
        return Adapter(request, self)

    def get_callback_url(self) -> str:
        return reverse("openid_connect_callback", kwargs={"provider_id": self.app.provider_id})

    def begin(
        self, http_request: HttpRequest, *, next_url: str, fresh_for: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send the browser to the provider, and remember what its answer must fit. Raises ``ProviderDown``.

        ``fresh_for`` (see ``accounts.sign_in.reauthentication``) asks for a new sign-in there, whatever session
        the person still has.
        """
        nonce = secrets.token_urlsafe(32)
        again = {"prompt": "login", "max_age": "0"} if fresh_for is not None else {}
        return self.redirect(
            http_request,
            AuthProcess.LOGIN,
            next_url=next_url,
            data=fresh_for,
            auth_params={"nonce": nonce, **again},
            nonce=nonce,
            started=time.time(),
        )

    def is_complete(self, proven: dict[str, Any]) -> bool:
        """Return whether nothing that matters here is left to ask for."""
        has_groups = claims.find(proven, self.app.settings["groups_claim"]) is not None
        has_email = "email" in proven or "email" not in self.app.settings["scope"]
        return bool(claims.display_name(proven)) and has_email and (has_groups or not self.app.settings["role_groups"])

    def identity(self, proven: dict[str, Any]) -> Identity:
        known = self.app.settings["role_groups"]
        return Identity(
            provider=self.app.provider_id,
            issuer=self.issuer,
            subject=proven["sub"],
            name=claims.display_name(proven),
            groups=claims.known_groups(claims.find(proven, self.app.settings["groups_claim"]), known),
            auth_time=tokens.fresh_auth_time(proven),
            email=claims.verified_email(proven),
        )


def _may_be_asked(address: object, issuer: str) -> bool:
    if not isinstance(address, str):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and is_loopback(address) and is_loopback(issuer)
