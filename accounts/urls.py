"""Addresses of the room's own pages."""

from django.urls import path

from accounts.endorsements import views as endorsements
from accounts.keys import views as keys
from accounts.notices import views as notices
from accounts.sign_in import views as sign_in

app_name = "accounts"
urlpatterns = [
    path("keys/", keys.keys, name="keys"),
    path("keys/challenge/", keys.challenge, name="challenge"),
    path("keys/<int:key_id>/name/", keys.rename, name="key-name"),
    path("keys/<int:key_id>/revocation/", keys.revoke, name="key-revocation"),
    path("keys/endorsements/", endorsements.endorsements, name="endorsements"),
    path("keys/endorsements/<int:key_id>/revocation/", endorsements.revoke, name="endorsed-key-revocation"),
    path("notices/<int:notice_id>/dismissal/", notices.dismiss, name="notice-dismissal"),
    path("sign-in/<str:token>/", sign_in.sign_in_link, name="sign-in-link"),
]
