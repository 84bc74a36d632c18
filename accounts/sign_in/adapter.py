"""How allauth behaves here."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from accounts.web import is_own_path


class AccountAdapter(DefaultAccountAdapter):
    """People are created by an operator or come from single sign-on: nobody signs up."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "local_accounts_off": "Passwords are switched off here. Use the sign-in your organisation provides.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str) -> bool:
        return is_own_path(url)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse passwords without local accounts, before any is checked or counted."""
        if not settings.LOCAL_ACCOUNTS:
            raise self.validation_error("local_accounts_off")
        super().pre_authenticate(request, **credentials)
