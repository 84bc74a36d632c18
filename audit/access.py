"""Who may read and export the evidence, and of which namespaces.

This room knows people only by what the authentication backends say: the accounts room's answers
``reach(person, permission)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol

from django.contrib.auth import get_backends
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase

READ = "audit.view_ledgerentry"
EXPORT = "audit.export_ledgerentry"
VIEW_CONTENT = "audit.view_content"
DECODE_PAYLOAD = "audit.decode_payload"
ERASE = "audit.erase_payload"

View = Callable[..., HttpResponseBase]


class Reach(Protocol):
    """The namespaces that somebody reaches."""

    @property
    def everywhere(self) -> bool: ...

    @property
    def namespaces(self) -> frozenset[str]: ...

    def __bool__(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Everywhere:
    """What commands on the server reach."""

    everywhere: bool = True
    namespaces: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.everywhere


def reach(user: Any, permission: str) -> Reach | None:
    """Return where ``user`` has ``permission``, or None for nowhere."""
    for backend in get_backends():
        ask = getattr(backend, "reach", None)
        found: Reach | None = ask(user, permission) if ask else None
        if found:
            return found
    return None


def signed_in_just_now(request: HttpRequest) -> bool:
    """Return whether whoever asks showed within minutes that it is them, with their passkey if they have one."""
    return any(ask(request) for backend in get_backends() if (ask := getattr(backend, "signed_in_just_now", None)))


def reader_required(view: View) -> View:
    """Let readers in, with ``within`` saying what they may read; send anonymous visitors to sign in.

    Others learn that there is nothing here (404).
    """
    return _required(READ, view)


def exporter_required(view: View) -> View:
    """Let in those who may take evidence away, with ``within`` saying of what; the others as above."""
    return _required(EXPORT, view)


def eraser_required(view: View) -> View:
    """Let in those who may erase payloads, with ``within`` saying of what; the others as above."""
    return _required(ERASE, view)


def _required(permission: str, view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        within = reach(request.user, permission)
        if within is None:
            raise Http404
        return view(request, *args, within=within, **kwargs)

    return guarded
