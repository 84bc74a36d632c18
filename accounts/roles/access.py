"""The gate in front of views."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from accounts.web import wants_fragment, wants_json

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

_SIGN_IN_FIRST = "You are not signed in, so nothing was done. Sign in, in another tab if you like, and try again."


def require_role(*roles: Role) -> Callable[[View[P]], View[P]]:
    """Let only people with one of ``roles`` reach the view.

    Anonymous: a page is answered by a redirect to sign-in that comes back here, a script (htmx, or
    ``Accept: application/json``) by 401 and a sentence. Signed in without the role: 404, as if there were nothing.
    """

    def decorator(view: View[P]) -> View[P]:
        @wraps(view)
        def wrapper(http_request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not http_request.user.is_authenticated:
                return _sign_in_first(http_request)
            if not any(has_role(http_request.user, role) for role in roles):
                raise Http404
            return view(http_request, *args, **kwargs)

        return wrapper

    return decorator


def _sign_in_first(http_request: HttpRequest) -> HttpResponse:
    if wants_json(http_request):
        return JsonResponse({"code": "signed_out", "field": "", "message": _SIGN_IN_FIRST}, status=401)
    if wants_fragment(http_request):
        return HttpResponse(_SIGN_IN_FIRST, content_type="text/plain; charset=utf-8", status=401)
    return redirect_to_login(http_request.get_full_path())
