"""The page "Who may do what": auditors read it, security administrators also change it. To others it is 404.

``accounts/people.html`` gets:
    ``people``   a list of ``PersonLine``, each with ``grants`` (``GrantLine``) and ``sessions`` (``SessionLine``)
    ``by``       the ``Overseer``: what the person who looks may see and change
    ``roles``    (value, title) of every role, for the form
    ``namespaces``   those in which a role may be given, or empty if any may be named
    ``error``    None, or what was refused: ``code``, ``field``, ``sentence``; then the status is 4xx
    ``about``    the id of the person whom the error is about
Forms, all POST with a CSRF token and the person's id: ``accounts:person-roles`` and
``accounts:person-role-revocation`` (``role``, ``namespace``), ``accounts:person-disabling``,
``accounts:person-enabling``, and ``accounts:person-session-sign-out`` with the session's id.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.errors import AccountError, UnknownRole
from accounts.models import Person
from accounts.people import administration, queries
from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.web import signed_in


@never_cache
@require_safe
@require_role(Role.VIEWER)
def people(http_request: HttpRequest) -> HttpResponse:
    return _page(http_request, _overseer(http_request))


@never_cache
@require_POST
@require_role(Role.VIEWER)
def grant(http_request: HttpRequest, person_id: int) -> HttpResponse:
    def act(administrator: Person, person: Person) -> str:
        role, namespace = _role(http_request), http_request.POST.get("namespace", "")
        administration.grant_role(administrator=administrator, person=person, role=role, namespace=namespace)
        return f"{person} is {queries.title_of(role).lower()} now."

    return _change(http_request, person_id, act)


@never_cache
@require_POST
@require_role(Role.VIEWER)
def revoke(http_request: HttpRequest, person_id: int) -> HttpResponse:
    def act(administrator: Person, person: Person) -> str:
        role, namespace = _role(http_request), http_request.POST.get("namespace", "")
        administration.revoke_role(administrator=administrator, person=person, role=role, namespace=namespace)
        return f"The role {queries.title_of(role).lower()} was taken from {person}."

    return _change(http_request, person_id, act)


@never_cache
@require_POST
@require_role(Role.VIEWER)
def disable(http_request: HttpRequest, person_id: int) -> HttpResponse:
    def act(administrator: Person, person: Person) -> str:
        administration.disable_person(administrator=administrator, person=person)
        return f"{person} is shut out. Their sessions are over."

    return _change(http_request, person_id, act)


@never_cache
@require_POST
@require_role(Role.VIEWER)
def enable(http_request: HttpRequest, person_id: int) -> HttpResponse:
    def act(administrator: Person, person: Person) -> str:
        administration.enable_person(administrator=administrator, person=person)
        return f"{person} can sign in again."

    return _change(http_request, person_id, act)


@never_cache
@require_POST
@require_role(Role.VIEWER)
def end_session(http_request: HttpRequest, person_id: int, session_id: int) -> HttpResponse:
    def act(administrator: Person, person: Person) -> str:
        administration.end_session(administrator=administrator, person=person, session_id=session_id)
        return f"That session of {person} is over."

    return _change(http_request, person_id, act)


def _change(http_request: HttpRequest, person_id: int, act: Callable[[Person, Person], str]) -> HttpResponse:
    by = _overseer(http_request)
    try:
        message = act(by.person, queries.find_person(person_id, by=by))
    except AccountError as error:
        if error.http_status == 404:
            raise Http404 from error
        return _page(http_request, by, error=error, about=person_id)
    messages.success(http_request, message)
    return redirect(f"{reverse('accounts:people')}#person-{person_id}")


def _overseer(http_request: HttpRequest) -> queries.Overseer:
    by = queries.overseer(signed_in(http_request))
    if not by.sees:
        raise Http404
    return by


def _role(http_request: HttpRequest) -> Role:
    try:
        return Role(http_request.POST.get("role", ""))
    except ValueError:
        raise UnknownRole from None


def _page(
    http_request: HttpRequest, by: queries.Overseer, *, error: AccountError | None = None, about: int = 0
) -> HttpResponse:
    context = {
        "people": queries.people(by=by),
        "by": by,
        "roles": [(role.value, queries.title_of(role)) for role in Role],
        "namespaces": [] if by.runs_all else sorted(by.administers.namespaces),
        "error": error,
        "about": about,
    }
    return render(http_request, "accounts/people.html", context, status=error.http_status if error else 200)
