"""The edge of the room: what clients want back, where they may be sent, and errors as JSON."""

from __future__ import annotations

from typing import Protocol

from django.http import HttpRequest, JsonResponse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import Person


def signed_in(http_request: HttpRequest) -> Person:
    """Return the person behind a view that ``require_role`` guards."""
    assert isinstance(http_request.user, Person)  # noqa: S101
    return http_request.user


def wants_json(http_request: HttpRequest) -> bool:
    return http_request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def wants_fragment(http_request: HttpRequest) -> bool:
    return http_request.headers.get("HX-Request") == "true"


class DomainError(Protocol):
    """What every room's errors have."""

    @property
    def code(self) -> str: ...

    @property
    def field(self) -> str: ...

    @property
    def sentence(self) -> str: ...

    @property
    def http_status(self) -> int: ...


def error_as_json(error: DomainError) -> JsonResponse:
    """Return ``{"code", "field", "message"}`` with the error's status."""
    body = {"code": error.code, "field": error.field, "message": error.sentence}
    return JsonResponse(body, status=error.http_status)


def is_own_path(url: str) -> bool:
    """Return whether ``url`` is a path on this site. Addresses with a host are refused, even our own."""
    return url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)


def own_path_or_nothing(url: str | None) -> str:
    """Return ``url`` if people may be sent there, else an empty text."""
    return url if url and is_own_path(url) else ""
