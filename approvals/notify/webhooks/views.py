"""What operators do with webhooks, from the page of what could not be told."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.roles.access import reach_of, require_role
from approvals.notify.contracts import Result
from approvals.notify.queries import OVERSEERS
from approvals.notify.webhooks import services


@require_POST
@require_role(*OVERSEERS)
def test(http_request: HttpRequest, receiver: str) -> HttpResponse:
    """Send a test to a receiver, and say what it answered."""
    answer = services.send_test(name=receiver, within=reach_of(http_request))
    if answer is None:
        raise Http404
    say = messages.success if answer.result is Result.SENT else messages.error
    say(http_request, f"Test of {receiver}: {answer.text}")
    return redirect("notifications:log")


@require_POST
@require_role(*OVERSEERS)
def again(http_request: HttpRequest, notification_id: int) -> HttpResponse:
    """Send what failed for good again."""
    if not services.send_again(notification_id=notification_id, within=reach_of(http_request)):
        raise Http404
    messages.success(http_request, "It is sent again now. Reload this page to see what came of it.")
    return redirect("notifications:log")
