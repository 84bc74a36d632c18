"""The pages of allauth that exist here, under the names it looks for.

Those for signing up, for addresses, for password resets and for connecting accounts are left out: people are
created by an operator or come from single sign-on.
"""

from allauth.account import views as allauth
from django.urls import path
from django.views.decorators.http import require_http_methods, require_safe

from accounts.sign_in import second_factor
from accounts.sign_in.openid import views as openid
from accounts.sign_in.saml.urls import urlpatterns as saml_urlpatterns
from accounts.sign_in.views import LoginView

# Allauth's views would also answer PUT, as if it were POST.
_FORM = ["GET", "HEAD", "POST"]

urlpatterns = [
    path("login/", require_http_methods(_FORM)(LoginView.as_view()), name="account_login"),
    path("logout/", require_http_methods(_FORM)(allauth.logout), name="account_logout"),
    path("inactive/", require_safe(allauth.account_inactive), name="account_inactive"),
    path("oidc/<slug:provider_id>/login/", openid.login, name="openid_connect_login"),
    path("oidc/<slug:provider_id>/login/callback/", openid.callback, name="openid_connect_callback"),
    *saml_urlpatterns,
    path("second-factor/", second_factor.second_factor, name="mfa_authenticate"),
    path("second-factor/challenge/", second_factor.challenge, name="second_factor_challenge"),
]
