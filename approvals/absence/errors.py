"""Why somebody's absence was not noted."""

from __future__ import annotations

from approvals.errors import ApprovalError


class AbsenceRefused(ApprovalError):
    """The times or the stand-in cannot be; the field says which."""

    code = "absence_refused"
