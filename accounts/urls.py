"""Addresses of the room's own pages."""

from django.urls import path

from accounts.keys import views as keys
from accounts.passkeys import views as passkeys
from accounts.sign_in import views as sign_in
from accounts.step_up import views as step_up

app_name = "accounts"
urlpatterns = [
    path("keys/", keys.keys, name="keys"),
    path("keys/challenge/", keys.challenge, name="challenge"),
    path("keys/<int:key_id>/name/", keys.rename, name="key-name"),
    path("keys/<int:key_id>/revocation/", keys.revoke, name="key-revocation"),
    path("passkeys/", passkeys.passkeys, name="passkeys"),
    path("passkeys/challenge/", passkeys.challenge, name="passkey-challenge"),
    path("passkeys/<int:passkey_id>/name/", passkeys.rename, name="passkey-name"),
    path("passkeys/<int:passkey_id>/removal/", passkeys.remove, name="passkey-removal"),
    path("step-up/", step_up.step_up, name="step-up"),
    path("step-up/challenge/", step_up.challenge, name="step-up-challenge"),
    path("step-up/provider/", step_up.provider, name="step-up-provider"),
    path("sign-in/<str:token>/", sign_in.sign_in_link, name="sign-in-link"),
]
