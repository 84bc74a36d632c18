"""Addresses of the room's own pages."""

from django.urls import include, path

from accounts.keys import views as keys
from accounts.sign_in import views as sign_in

app_name = "accounts"
urlpatterns = [
    path("keys/", keys.keys, name="keys"),
    path("keys/challenge/", keys.challenge, name="challenge"),
    path("keys/<int:key_id>/name/", keys.rename, name="key-name"),
    path("keys/<int:key_id>/revocation/", keys.revoke, name="key-revocation"),
    path("devices/", include("accounts.devices.urls")),
    path("tokens/", include("accounts.tokens.urls")),
    path("sign-in/<str:token>/", sign_in.sign_in_link, name="sign-in-link"),
]
