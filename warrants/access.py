"""Who sees the pages of policies, issuers and warrants."""

from __future__ import annotations

from accounts.roles.access import require_role
from accounts.roles.contracts import Role

policy_readers = require_role(Role.POLICY_AUTHOR, Role.POLICY_PUBLISHER, Role.AUDITOR, Role.SECURITY_ADMINISTRATOR)
