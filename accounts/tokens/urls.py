from django.urls import path

from accounts.tokens import views

urlpatterns = [
    path("", views.tokens, name="tokens"),
    path("current/", views.current, name="token-current"),
    path("current/revocation/", views.sign_out, name="token-sign-out"),
    path("<int:token_id>/revocation/", views.revoke, name="token-revocation"),
]
