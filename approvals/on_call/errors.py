"""Why a rotation was not changed or removed."""

from __future__ import annotations

from collections.abc import Iterable

from approvals.errors import ApprovalError


class RotationInUse(ApprovalError):
    """Steps of ladders name it; ``policies`` are theirs, empty for the ladder of all that have none."""

    code = "rotation_in_use"
    http_status = 409

    def __init__(self, policies: Iterable[str]) -> None:
        named = " and ".join(f"of {policy}" if policy else "of every policy without its own" for policy in policies)
        super().__init__(f"The ladder {named} tells whoever is on call in it. Take it out of there first.")


class RotationChanged(ApprovalError):
    """Somebody else changed or removed it meanwhile."""

    code = "rotation_changed"
    http_status = 409

    def __init__(self) -> None:
        super().__init__("Somebody else changed or removed it meanwhile. Nothing of yours was done: look at it again.")
