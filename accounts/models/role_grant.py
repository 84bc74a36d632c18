"""Who was given which role, when and by whom."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.roles.contracts import Role


class RoleGrant(models.Model):
    """One role of one person, in one namespace or (empty) in all of them."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="role_grants")
    role = models.CharField(max_length=32, choices=[(role.value, role.value) for role in Role])
    namespace = models.CharField(max_length=255, blank=True)
    # The provider's group that gives it; empty for a role given by hand, which leaving a group does not take away.
    group = models.CharField(max_length=255, blank=True)
    granted_at = models.DateTimeField(default=timezone.now)
    # Text, so that it stays true when the granter is gone: "local:ada", or "command line".
    granted_by = models.CharField(max_length=320)

    class Meta:
        constraints = [
            models.CheckConstraint(name="role_known", condition=Q(role__in=[role.value for role in Role])),
            models.UniqueConstraint(fields=["person", "role", "namespace", "group"], name="one_grant_per_role"),
        ]

    def __str__(self) -> str:
        return f"{self.role} in {self.namespace or 'all namespaces'} for {self.person_id} by {self.granted_by}"
