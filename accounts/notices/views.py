"""``POST /notices/<id>/dismissal/``: a person has seen a notice."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.models import Person
from accounts.notices import services
from accounts.web import own_path_or_nothing


@never_cache
@require_POST
@login_required
def dismiss(http_request: HttpRequest, notice_id: int) -> HttpResponse:
    """Dismiss the notice and go back to the page it stood on."""
    assert isinstance(http_request.user, Person)  # noqa: S101 - login_required lets nobody else in
    services.dismiss(person=http_request.user, notice_id=notice_id)
    return redirect(own_path_or_nothing(http_request.POST.get("next")) or reverse("accounts:keys"))
