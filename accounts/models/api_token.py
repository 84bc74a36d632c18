"""Bearer tokens of programs that act for a person."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils import timezone

from accounts.tokens.contracts import Scope

MAXIMUM_NAME = 100


class ApiToken(models.Model):
    """What a program shows instead of a session. Only the hash is kept: the database holds no way in."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    token_hash = models.BinaryField(max_length=32, unique=True)
    name = models.CharField(max_length=MAXIMUM_NAME)
    scope = models.CharField(
        max_length=16, choices=[(scope.value, scope.value) for scope in Scope], default=Scope.COMMAND_LINE.value
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    # Kept to the minute, so that a program that asks often does not write often.
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(name="api_token_hash_is_32_bytes", condition=Exact(Length("token_hash"), 32)),
            models.CheckConstraint(name="api_token_has_a_name", condition=~Q(name="")),
            models.CheckConstraint(
                name="api_token_scope_known", condition=Q(scope__in=[scope.value for scope in Scope])
            ),
            models.CheckConstraint(name="api_token_expires_later", condition=Q(expires_at__gt=F("created_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.person_id} until {self.expires_at:%Y-%m-%d %H:%M}"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()
