"""The gate in front of views."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from accounts.roles.contracts import Role
from accounts.roles.queries import Reach, remembered_reach
from accounts.web import wants_fragment, wants_json

P = ParamSpec("P")
_REACH = "countersign_reach"
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

_SIGN_IN_FIRST = "You are not signed in, so nothing was done. Sign in, in another tab if you like, and try again."


def require_sign_in(view: View[P]) -> View[P]:
    """Let everybody who is signed in reach the view, with a role or without; anonymous as ``require_role`` does."""

    @wraps(view)
    def wrapper(http_request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not http_request.user.is_authenticated:
            return _sign_in_first(http_request)
        return view(http_request, *args, **kwargs)

    return wrapper


def require_role(*roles: Role) -> Callable[[View[P]], View[P]]:
    """Let only people with one of ``roles`` reach the view.

    Anonymous: a page is answered by a redirect to sign-in that comes back here, a script (htmx, or
    ``Accept: application/json``) by 401 and a sentence. Signed in without any of them anywhere: 404, as if there
    were nothing. What they may see of it is for the view to ask: ``reach_of`` says where they hold it.
    """

    def decorator(view: View[P]) -> View[P]:
        @wraps(view)
        def wrapper(http_request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not http_request.user.is_authenticated:
                return _sign_in_first(http_request)
            found = remembered_reach(http_request.user, *roles)
            if not found:
                raise Http404
            setattr(http_request, _REACH, found)
            return view(http_request, *args, **kwargs)

        return wrapper

    return decorator


def reach_of(http_request: HttpRequest) -> Reach:
    """Return where the person of a view that ``require_role`` guards holds its role."""
    found: Reach = getattr(http_request, _REACH)
    return found


def _sign_in_first(http_request: HttpRequest) -> HttpResponse:
    if wants_json(http_request):
        return JsonResponse({"code": "signed_out", "field": "", "message": _SIGN_IN_FIRST}, status=401)
    if wants_fragment(http_request):
        return HttpResponse(_SIGN_IN_FIRST, content_type="text/plain; charset=utf-8", status=401)
    return redirect_to_login(http_request.get_full_path())
