"""The pages on which people write policies, look at what a version changes, and publish it.

``warrants/policies.html`` gets ``policies`` (list of ``PolicyCard``), ``may_write``, ``may_mint``, ``error``.
``warrants/policy.html`` gets ``version`` (a ``PolicyVersion``), ``text`` (what the editor holds), ``compared``
(``Compared``, or None once it was published), ``findings`` (list of ``Finding``; ``is_sound`` if none is an error),
``may_fix`` (the same as) ``may_write``, ``may_publish``, ``unwritable`` (why there is no editor), ``tools``, ``terms``
and ``problem`` (for ``_summary.html``), beside an editor ``rule_form``, ``gate_form``, ``terms_form``, ``publishing``
(what <publish-policy> reads as JSON, or None), ``on_call`` (the steps of its ladder, ``on_call.Step``, or None for
whoever may not see them) and ``error``: None, or what was refused; then the status is 4xx, and
after ``EditedMeanwhile`` ``theirs`` is the other author's text.

Forms, POST with a CSRF token: ``policies:policies`` (``name``, ``text`` optional) begins a version; for a version
``policies:version`` (``text``, ``revision``) saves, ``policies:proposal`` (``revision``), ``policies:return``,
``policies:publication`` (``envelope`` base64; JSON back) and ``policies:retirement`` (``reason``) move it.
``policies:check`` (``text``, ``name``, ``number``) answers with the fragment ``warrants/_findings.html``.
"""

from __future__ import annotations

import base64
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.endorsements.queries import people_root, statements_above_keys_of
from accounts.errors import AccountError
from accounts.keys.enrolment import decode_base64
from accounts.models import Person
from accounts.roles.access import require_role
from accounts.roles.contracts import EVERYWHERE, Role
from accounts.roles.queries import has_role
from accounts.web import error_as_json, signed_in
from audit.statements.key_endorsements import EndorsedRole
from warrants.access import policy_readers
from warrants.errors import EditedMeanwhile, PolicyError, WarrantError
from warrants.models import PolicyVersion
from warrants.policies import form_views, linting, listing, on_call, services
from warrants.policies.contracts import State
from warrants.policies.lint import Finding, Severity
from warrants.policies.rules import policy_name

_authors = require_role(Role.POLICY_AUTHOR)
_publishers = require_role(Role.POLICY_PUBLISHER)
_LARGEST = 2**31 - 1


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@policy_readers
def policies(http_request: HttpRequest) -> HttpResponse:
    """List the policies, or begin a version of one."""
    if http_request.method != "POST":
        return _list(http_request)
    name = http_request.POST.get("name", "").strip()
    try:
        text = http_request.POST.get("text") or listing.first_text(name)
        version = services.begin(name=name, author=signed_in(http_request), text=text)
    except WarrantError as error:
        return _list(http_request, error=error)
    return redirect("policies:version", version.name, version.number)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@policy_readers
def version(http_request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Show a version, or save a draft's text."""
    found = _find(name, number)
    if http_request.method != "POST":
        return _page(http_request, found)
    text = form_views.text_of(http_request)
    try:
        services.save(
            name=name, number=number, revision=_revision(http_request), author=signed_in(http_request), text=text
        )
    except WarrantError as error:
        return _page(http_request, _find(name, number), error=error, text=text)
    messages.success(http_request, "Saved.")
    return redirect("policies:version", name, number)


@never_cache
@require_POST
@_authors
def proposal(http_request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Hand a draft to those who publish."""
    found = _find(name, number)
    try:
        services.propose(name=name, number=number, revision=_revision(http_request), author=signed_in(http_request))
    except WarrantError as error:
        return _page(http_request, found, error=error)
    messages.success(http_request, f"Version {number} waits for somebody who publishes.")
    return redirect("policies:version", name, number)


@never_cache
@require_POST
@_publishers
def send_back(http_request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Return a version to its authors."""
    found = _find(name, number)
    try:
        services.send_back(name=name, number=number, publisher=signed_in(http_request))
    except WarrantError as error:
        return _page(http_request, found, error=error)
    messages.success(http_request, f"Version {number} is a draft again.")
    return redirect("policies:version", name, number)


@never_cache
@require_POST
@_publishers
def publication(http_request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Publish a version. JSON: 201 ``{"name", "number"}``, or the error."""
    _find(name, number)
    envelope = http_request.POST.get("envelope", "")
    try:
        services.require_publisher(signed_in(http_request))
        services.publish(name=name, number=number, publisher=signed_in(http_request), envelope=decode_base64(envelope))
    except (AccountError, WarrantError) as error:
        return error_as_json(error)
    return JsonResponse({"name": name, "number": number}, status=201)


@never_cache
@require_POST
@_publishers
def retirement(http_request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Take a published version out of use."""
    found = _find(name, number)
    try:
        services.retire(
            name=name, number=number, publisher=signed_in(http_request), reason=http_request.POST.get("reason", "")
        )
    except WarrantError as error:
        return _page(http_request, found, error=error)
    messages.success(http_request, f"Version {number} is retired. Warrants minted from it keep their terms.")
    return redirect("policies:version", name, number)


@require_POST
@_authors
def check(http_request: HttpRequest) -> HttpResponse:
    """Answer with what is wrong with a text, as it is being written."""
    try:
        name = policy_name(http_request.POST.get("name", ""))
    except PolicyError:
        name = ""  # no policy's, which the text may still be checked for
    found = PolicyVersion.objects.filter(name=name, number=_whole_number(http_request, "number")).first()
    authors = {*(found.authors if found else ()), signed_in(http_request).external_id}
    told = linting.findings(name, form_views.text_of(http_request), authors)
    return render(http_request, "warrants/_findings.html", {**_told(told), "may_fix": True})


def _find(name: str, number: int) -> PolicyVersion:
    found = PolicyVersion.objects.filter(name=name, number=number).first() if number <= _LARGEST else None
    if found is None:
        raise Http404
    return found


def _revision(http_request: HttpRequest) -> int:
    return _whole_number(http_request, "revision")


def _whole_number(http_request: HttpRequest, name: str) -> int:
    given = http_request.POST.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


def _told(findings: list[Finding]) -> dict[str, Any]:
    return {
        "findings": findings,
        "is_sound": not any(finding.severity is Severity.ERROR for finding in findings),
    }


def _list(http_request: HttpRequest, *, error: WarrantError | None = None) -> HttpResponse:
    context = {
        "policies": listing.cards(signed_in(http_request)),
        "may_write": has_role(signed_in(http_request), Role.POLICY_AUTHOR, namespace=EVERYWHERE),
        "may_mint": has_role(signed_in(http_request), Role.SECURITY_ADMINISTRATOR),
        "error": error,
    }
    return render(http_request, "warrants/policies.html", context, status=error.http_status if error else 200)


def _page(
    http_request: HttpRequest, found: PolicyVersion, *, error: WarrantError | None = None, text: str = ""
) -> HttpResponse:
    person = signed_in(http_request)
    is_open = found.state in (State.DRAFT, State.REVIEW)
    compared = services.compared(found) if is_open else None
    may_write = found.state == State.DRAFT and has_role(person, Role.POLICY_AUTHOR, namespace=EVERYWHERE)
    may_publish = has_role(person, Role.POLICY_PUBLISHER, namespace=EVERYWHERE)
    shown = text or found.text
    context = {
        "version": found,
        "text": shown,
        "compared": compared.as_json() if compared else None,
        **_told(linting.findings(found.name, shown, found.authors) if is_open else []),
        **form_views.in_plain_words(shown),
        **(form_views.editor(shown) if may_write else {}),
        "unwritable": "" if may_write else _why_unwritable(found),
        "may_write": may_write,
        "may_fix": may_write,
        "may_publish": may_publish,
        "publishing": _publishing(found, person) if may_publish and found.state == State.REVIEW else None,
        "theirs": error.text if isinstance(error, EditedMeanwhile) else "",
        "revision": error.revision if isinstance(error, EditedMeanwhile) else found.revision,
        "on_call": (on_call.ladders(person, [found.name]) or {}).get(found.name),
        "error": error,
    }
    return render(http_request, "warrants/policy.html", context, status=error.http_status if error else 200)


def _why_unwritable(found: PolicyVersion) -> str:
    """Return why the person who looks at a version cannot write in it, and what can be done."""
    return {
        State.DRAFT: "You may read it. Policy authors, of all namespaces, write in it here.",
        State.REVIEW: "Its text stays as it is until somebody publishes it, or sends it back to its authors.",
        State.PUBLISHED: "What is published never changes. To change the policy, begin a new version.",
        State.RETIRED: "It stays as it was. To take it up again, begin a new version with its text.",
    }[State(found.state)]


def _publishing(found: PolicyVersion, person: Person) -> dict[str, Any]:
    root = people_root()
    chain = statements_above_keys_of(person, EndorsedRole.POLICY_PUBLISHER)
    return {
        "external_id": person.external_id,
        "people_root": bytes(root.public_key).hex() if root else "",
        "chain": [base64.b64encode(data).decode() for data in chain],
        "authors": found.authors,
        "url": reverse("policies:publication", args=[found.name, found.number]),
        **services.compared(found).as_json(),
    }
