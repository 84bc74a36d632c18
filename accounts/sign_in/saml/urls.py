"""SAML's addresses: none, unless its settings are there."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, path

urlpatterns: list[URLPattern] = []

if settings.SOCIALACCOUNT_PROVIDERS["saml"]["APPS"]:
    from accounts.sign_in.saml import views

    urlpatterns = [
        path("saml/<slug:organization_slug>/login/", views.login, name="saml_login"),
        path("saml/<slug:organization_slug>/acs/", views.acs, name="saml_acs"),
        path("saml/<slug:organization_slug>/acs/finish/", views.finish, name="saml_finish_acs"),
        path("saml/<slug:organization_slug>/metadata/", views.metadata, name="saml_metadata"),
    ]
