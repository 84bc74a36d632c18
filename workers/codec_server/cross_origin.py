"""Temporal's UI is another origin: what browsers need to hear to let its pages ask, and who else hears nothing.

The headers belong on every answer, also on those that other middleware gives (a dead token's 401), so this stands
first of all. A page of any other origin gets no such header: its browser neither sends JSON nor shows it an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers

PREFIX = "/codec/"
_HEADERS = "content-type, x-namespace, authorization, authorization-extras"
_METHODS = "POST, OPTIONS"
_PREFLIGHT_SECONDS = "600"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class CrossOriginMiddleware:
    """Answers preflights below ``PREFIX`` and marks every answer there; touches nothing else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, http_request: HttpRequest) -> HttpResponseBase:
        if not http_request.path.startswith(PREFIX):
            return self._get_response(http_request)
        http_request.get_host()  # another host's name is refused before anything is answered: DisallowedHost
        is_ui = is_from_ui(http_request)
        response = (
            HttpResponse(status=204) if is_ui and _is_preflight(http_request) else self._get_response(http_request)
        )
        response["Cache-Control"] = "no-store"
        patch_vary_headers(response, ["Origin"])
        if is_ui:
            response["Access-Control-Allow-Origin"] = ui_origin()
            response["Access-Control-Allow-Credentials"] = "true"
            response["Access-Control-Allow-Methods"] = _METHODS
            response["Access-Control-Allow-Headers"] = _HEADERS
            response["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        return response


def is_from_ui(http_request: HttpRequest) -> bool:
    """Return whether a browser says that a page of Temporal's UI sent this. No other program can make it say so."""
    return http_request.headers.get("Origin") == ui_origin()


def ui_origin() -> str:
    """Return the origin of ``TEMPORAL_UI`` as browsers write it: lower case, no default port."""
    parts = urlsplit(settings.TEMPORAL_UI)
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def _is_preflight(http_request: HttpRequest) -> bool:
    return http_request.method == "OPTIONS" and "Access-Control-Request-Method" in http_request.headers
