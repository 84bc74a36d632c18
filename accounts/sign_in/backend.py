"""Who a session belongs to."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest


class PersonBackend(AuthenticationBackend):
    """Checks passwords only where there are local accounts, whichever page asks.

    Sessions of a deactivated person end at once: ``get_user``, inherited from Django, returns only active people.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> AbstractBaseUser | None:
        return super().authenticate(request, **credentials) if settings.LOCAL_ACCOUNTS else None

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Leave it to the roles: Django's own permission tables are not used here."""
        return False
