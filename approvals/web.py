"""The one place where a domain error becomes an HTTP response."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from accounts.web import error_as_json, wants_fragment, wants_json
from approvals.errors import ApprovalError, ContentUnreadable
from audit.custody import CustodyError
from audit.sealing import SealingError

P = ParamSpec("P")


def error_response(http_request: HttpRequest, error: ApprovalError) -> HttpResponse:
    """Return ``error`` as JSON, as a fragment for htmx, or as a page."""
    if wants_json(http_request):
        return error_as_json(error)
    if error.http_status == 404:
        raise Http404
    template = "approvals/_error.html" if wants_fragment(http_request) else "approvals/error.html"
    return render(http_request, template, {"error": error}, status=error.http_status)


def renders_errors(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Let ``view`` raise domain errors."""

    @wraps(view)
    def wrapper(http_request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(http_request, *args, **kwargs)
        except ApprovalError as error:
            return error_response(http_request, error)
        except (SealingError, CustodyError) as error:
            return error_response(http_request, ContentUnreadable(error))

    return wrapper
