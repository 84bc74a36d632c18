"""For whom a credential is fetched: one activity of one run. It is what the provider's own log can say of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from temporalio import activity

from workers.credentials.errors import CredentialOutsideActivity

# AWS takes 2 to 64 of these as the name of a session.
SESSION_CHARACTERS = 64
_NOT_IN_A_SESSION_NAME = re.compile(r"[^A-Za-z0-9_=,.@+-]+")
_RUN_CHARACTERS, _ACTIVITY_CHARACTERS = 36, 10


@dataclass(frozen=True, slots=True)
class Scope:
    """Workflow ids are chosen by whoever starts a workflow: they may hold anything."""

    namespace: str
    workflow_id: str
    run_id: str
    activity_id: str

    @classmethod
    def of_this_activity(cls) -> Self:
        """Return the scope of the activity that runs. Raises ``CredentialOutsideActivity``."""
        if not activity.in_activity():
            raise CredentialOutsideActivity("Credentials are fetched inside an activity, and nowhere else.")
        info = activity.info()
        return cls(
            namespace=info.workflow_namespace or info.namespace,
            workflow_id=info.workflow_id or "",
            run_id=info.workflow_run_id or "",
            activity_id=info.activity_id,
        )

    @property
    def session_name(self) -> str:
        """Return ``workflow.run.activity`` in at most 64 safe characters: the run is whole, since it is what is unique.

        The workflow's id is cut to what room there is.
        """
        run = _safe(self.run_id)[:_RUN_CHARACTERS] or "no-run"
        end = f"{run}.{_safe(self.activity_id)[:_ACTIVITY_CHARACTERS] or '0'}"
        return f"{_safe(self.workflow_id)[: SESSION_CHARACTERS - len(end) - 1]}.{end}"


def _safe(text: str) -> str:
    return _NOT_IN_A_SESSION_NAME.sub("-", text)
