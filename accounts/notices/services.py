"""Telling people what was done in their name."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone

from accounts.models import Notice, Person

logger = logging.getLogger(__name__)


def tell(*, person: Person, title: str, text: str) -> Notice:
    """Write a notice for ``person``, shown until dismissed, and mail it if that is configured.

    Call it in the transaction of what it tells of. The mail leaves after the commit, and failing to send it fails
    nothing else.
    """
    notice = Notice.objects.create(person=person, title=title, text=text)
    if settings.EMAIL_HOST and person.email:
        address = person.email
        transaction.on_commit(lambda: _mail(address, title, text), robust=True)
    return notice


@transaction.atomic
def dismiss(*, person: Person, notice_id: int) -> None:
    """Show a notice of ``person`` no more. Harmless for one that is gone or is not theirs."""
    Notice.objects.filter(person=person, pk=notice_id, dismissed_at=None).update(dismissed_at=timezone.now())


def _mail(address: str, title: str, text: str) -> None:
    try:
        send_mail(f"Countersign: {title}", f"{text}\n\n{settings.SITE_ROOT}/keys/\n", None, [address])
    except OSError:
        # SMTPException is one of these. The notice stands on every page all the same.
        logger.exception("A notice could not be mailed.")
