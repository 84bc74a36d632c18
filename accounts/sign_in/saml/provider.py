"""SAML through allauth and python3-saml, with closed what they leave open.

python3-saml asks for one valid signature, somewhere; it takes an assertion for no audience, and one that answers no
request. Here the assertion itself is signed, for us, in answer to a sign-in of this browser, once.
"""

from __future__ import annotations

import math
import time
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.saml.provider import SAMLProvider
from django.conf import settings
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from lxml.etree import LxmlError
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Constants
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from accounts.errors import SignInRefused
from accounts.people.recognition import Identity
from accounts.sign_in.openid.claims import known_groups, readable

_BAD_RESPONSE = (OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError, LxmlError, ValueError, TypeError, AttributeError)


class Provider(SAMLProvider):
    """The one SAML provider. ``app`` is what ``config.single_sign_on`` made of its settings."""

    @classmethod
    def named(cls, http_request: HttpRequest, name: str) -> Provider:
        """Return the provider called ``name``. Raises ``Http404``."""
        found = [app for app in settings.SOCIALACCOUNT_PROVIDERS["saml"]["APPS"] if app["client_id"] == name]
        if not found:
            raise Http404
        return cls(http_request, app=SocialApp(provider=cls.id, **found[0]))

    @cached_property
    def saml_settings(self) -> OneLogin_Saml2_Settings:
        idp = self.app.settings["idp"]
        return OneLogin_Saml2_Settings(
            {
                "strict": True,
                "security": {
                    "wantAssertionsSigned": True,
                    "wantNameId": True,
                    "wantAttributeStatement": False,
                    "rejectDeprecatedAlgorithm": True,
                    "requestedAuthnContext": False,
                    "allowRepeatAttributeName": True,
                },
                "sp": {
                    "entityId": self.address("saml_metadata"),
                    "assertionConsumerService": {
                        "url": self.address("saml_acs"),
                        "binding": Constants.BINDING_HTTP_POST,
                    },
                    "NameIDFormat": Constants.NAMEID_PERSISTENT,
                },
                "idp": {
                    "entityId": idp["entity_id"],
                    "x509cert": idp["x509cert"],
                    "singleSignOnService": {"url": idp["sso_url"], "binding": Constants.BINDING_HTTP_REDIRECT},
                },
            }
        )

    def address(self, view: str) -> str:
        """Return the address that people and the provider know, whatever host this request came by."""
        return settings.SITE_ROOT + reverse(view, args=[self.app.client_id])

    def begin(self, http_request: HttpRequest, *, next_url: str) -> HttpResponse:
        auth = OneLogin_Saml2_Auth(self._asked_at_acs(), self.saml_settings)
        address = auth.login(return_to="")
        self.stash_redirect_state(
            http_request, AuthProcess.LOGIN, next_url, state_id=auth.get_last_request_id(), started=time.time()
        )
        return HttpResponseRedirect(address)

    def read(self, answer: str) -> OneLogin_Saml2_Response:
        """Return the provider's answer, not verified yet. Raises ``SignInRefused``."""
        try:
            return OneLogin_Saml2_Response(self.saml_settings, answer)
        except _BAD_RESPONSE as error:
            raise SignInRefused(f"not a SAML response: {type(error).__name__}") from None

    def verify(self, response: OneLogin_Saml2_Response, *, request_id: str) -> Identity:
        """Return whom ``response`` names.

        1. The assertion is signed by the provider's key, valid now, and for our address (python3-saml).
        2. It names us as its audience, and answers the request with ``request_id`` where the signature covers it.
        3. The name is persistent: one that changes, or an e-mail address, could become another's.
        4. It was not used before.

        Raises ``SignInRefused`` with the reason.
        """
        try:
            if not response.is_valid(self._asked_at_acs(), request_id=request_id):  # 1
                raise SignInRefused(f"the SAML response does not hold: {response.get_error()}"[:300])
            self._check_binding(response, request_id)  # 2
            if response.get_nameid_format() != Constants.NAMEID_PERSISTENT:  # 3
                raise SignInRefused("the NameID is not persistent")
            identity = self._identity(response.get_nameid(), response.get_attributes())
            self._use_up(response)  # 4
        except _BAD_RESPONSE as error:
            raise SignInRefused(f"the SAML response does not hold: {error}"[:300]) from None
        return identity

    def _check_binding(self, response: OneLogin_Saml2_Response, request_id: str) -> None:
        if self.saml_settings.get_sp_data()["entityId"] not in response.get_audiences():
            raise SignInRefused("the assertion names another audience, or none")
        answered = response._query_assertion("/saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData")
        if [data.get("InResponseTo") for data in answered] != [request_id]:
            raise SignInRefused("the assertion answers no request of this browser")

    def _use_up(self, response: OneLogin_Saml2_Response) -> None:
        until = response.get_assertion_not_on_or_after()
        if until is None:
            raise SignInRefused("the assertion never expires")
        remaining = max(math.ceil(until - time.time()), 1) + Constants.ALLOWED_CLOCK_DRIFT
        if not cache.add(f"saml-assertion-{response.get_assertion_id()}"[:200], True, timeout=remaining):
            raise SignInRefused("the assertion was used before")

    def _identity(self, subject: str, attributes: dict[str, list[Any]]) -> Identity:
        names = attributes.get(self.app.settings["name_attribute"]) or [""]
        groups = attributes.get(self.app.settings["groups_attribute"]) or []
        return Identity(
            provider=self.app.provider_id,
            issuer=self.app.settings["idp"]["entity_id"],
            subject=subject,
            name=readable(names[0] or ""),
            groups=known_groups(groups, self.app.settings["role_groups"]),
        )

    def _asked_at_acs(self) -> dict[str, Any]:
        """Return what python3-saml wants to know of a request, as it was made to the address that people know."""
        site = urlsplit(self.address("saml_acs"))
        return {
            "https": "on" if site.scheme == "https" else "off",
            "http_host": site.netloc,
            "script_name": site.path,
            "path_info": "",
            "get_data": {},
            "post_data": {},
        }
