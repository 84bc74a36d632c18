"""The page on which a person sees where they are signed in, and signs out there.

``accounts/sessions.html`` gets ``sessions``: a list of ``SessionLine`` (``id``, ``device``, ``begun_at``,
``last_seen_at``, ``is_this_one``), this one first. Forms, POST with a CSRF token: ``accounts:session-sign-out`` with
the session's id, ``accounts:other-sessions-sign-out``. Both come back here.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.errors import UnknownSession
from accounts.roles.access import require_sign_in
from accounts.sessions import queries, services
from accounts.web import signed_in


@never_cache
@require_safe
@require_sign_in
def own(http_request: HttpRequest) -> HttpResponse:
    sessions = queries.sessions_of(signed_in(http_request), session_key=http_request.session.session_key)
    return render(http_request, "accounts/sessions.html", {"sessions": sessions})


@never_cache
@require_POST
@require_sign_in
def end(http_request: HttpRequest, session_id: int) -> HttpResponse:
    try:
        services.end(person=signed_in(http_request), session_id=session_id)
    except UnknownSession as error:
        raise Http404 from error
    messages.success(http_request, "Signed out there. Open pages of that session go dark within two seconds.")
    return redirect("accounts:sessions")


@never_cache
@require_POST
@require_sign_in
def end_others(http_request: HttpRequest) -> HttpResponse:
    session_key = str(http_request.session.session_key)
    ended = services.end_others(person=signed_in(http_request), session_key=session_key)
    text = "You are signed in nowhere else." if not ended else "Signed out everywhere else."
    messages.success(http_request, text)
    return redirect("accounts:sessions")
