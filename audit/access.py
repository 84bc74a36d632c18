"""Who may read the evidence. The accounts room grants the permission to viewers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase

PERMISSION = "audit.view_ledgerentry"

View = Callable[..., HttpResponseBase]


def may_read(user: Any) -> bool:
    """Return whether ``user`` is signed in and may read the ledger."""
    return bool(user.is_authenticated and user.has_perm(PERMISSION))


def reader_required(view: View) -> View:
    """Let readers in; send anonymous visitors to sign in; tell others that there is nothing here (404)."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not may_read(request.user):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded
