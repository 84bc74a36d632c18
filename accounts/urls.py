"""Addresses of the room's own pages."""

from django.urls import include, path

from accounts.endorsements import views as endorsements
from accounts.keys import views as keys
from accounts.notices import views as notices
from accounts.passkeys import views as passkeys
from accounts.people import views as people
from accounts.sessions import views as sessions
from accounts.sign_in import views as sign_in
from accounts.step_up import views as step_up

app_name = "accounts"
urlpatterns = [
    path("keys/", keys.keys, name="keys"),
    path("keys/challenge/", keys.challenge, name="challenge"),
    path("keys/<int:key_id>/name/", keys.rename, name="key-name"),
    path("keys/<int:key_id>/revocation/", keys.revoke, name="key-revocation"),
    path("keys/endorsements/", endorsements.endorsements, name="endorsements"),
    path("keys/endorsements/<int:key_id>/revocation/", endorsements.revoke, name="endorsed-key-revocation"),
    path("notices/<int:notice_id>/dismissal/", notices.dismiss, name="notice-dismissal"),
    path("people/", people.people, name="people"),
    path("people/<int:person_id>/roles/", people.grant, name="person-roles"),
    path("people/<int:person_id>/roles/revocation/", people.revoke, name="person-role-revocation"),
    path("people/<int:person_id>/disabling/", people.disable, name="person-disabling"),
    path("people/<int:person_id>/enabling/", people.enable, name="person-enabling"),
    path(
        "people/<int:person_id>/sessions/<int:session_id>/sign-out/",
        people.end_session,
        name="person-session-sign-out",
    ),
    path("sessions/", sessions.own, name="sessions"),
    path("sessions/others/sign-out/", sessions.end_others, name="other-sessions-sign-out"),
    path("sessions/<int:session_id>/sign-out/", sessions.end, name="session-sign-out"),
    path("passkeys/", passkeys.passkeys, name="passkeys"),
    path("passkeys/challenge/", passkeys.challenge, name="passkey-challenge"),
    path("passkeys/<int:passkey_id>/name/", passkeys.rename, name="passkey-name"),
    path("passkeys/<int:passkey_id>/removal/", passkeys.remove, name="passkey-removal"),
    path("step-up/", step_up.step_up, name="step-up"),
    path("step-up/challenge/", step_up.challenge, name="step-up-challenge"),
    path("step-up/provider/", step_up.provider, name="step-up-provider"),
    path("devices/", include("accounts.devices.urls")),
    path("tokens/", include("accounts.tokens.urls")),
    path("sign-in/<str:token>/", sign_in.sign_in_link, name="sign-in-link"),
]
