"""The second way to see a request: Temporal's own history of the workflow, and where the site differs from it.

This room knows no Temporal, and no room to its left: a rule that import-linter checks, so that an approver can
be installed without an SDK that it never uses. What reads a history is ``workers.history_view``, loaded by name
only when a person asks for it; it talks to the Temporal server and to nothing of Countersign's.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from approvals.agent_text import visible
from approvals.cli.claim import Claim
from approvals.cli.failures import CannotGoOn
from approvals.signing.display import Display

READER = "workers.history_view"
# What both say, and in which words a difference is told.
_COMPARED = ("request_id", "namespace", "workflow_id", "run_id", "tool", "request_hash", "arguments_cbor",
             "warrant_chain", "policy_version", "expires_at", "gate_message", "reasoning", "history",
             "display_digest")  # fmt: skip
_LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the Temporal server. ``namespace`` empty: the one that the site names.

    ``ring_file`` holds the namespace's keys, if its payloads are encrypted; ``ring_key`` opens the file.
    """

    address: str
    namespace: str = ""
    api_key: str = ""
    tls: bool = False
    ring_file: Path | None = None
    ring_key: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field on which the site and the workflow's history disagree."""

    field: str
    site: str
    history: str

    @property
    def sentence(self) -> str:
        return f"{self.field}: the site says {self.site}, the workflow's history says {self.history}."


async def read_history(access: Access, claim: Claim) -> dict[str, Any]:
    """Return the request as the workflow's history has it, with the fields of the site's signing data.

    Raises ``CannotGoOn`` if the history cannot be read, or holds no such request.
    """
    try:
        reader = importlib.import_module(READER)
    except ImportError as error:
        raise CannotGoOn("Reading a history needs temporalio: install it beside this program.") from error
    try:
        found = await reader.read(
            address=access.address,
            namespace=access.namespace or claim.binding.namespace,
            api_key=access.api_key,
            tls=access.tls,
            ring_file=access.ring_file,
            ring_key=access.ring_key,
            workflow_id=claim.binding.workflow_id,
            run_id=claim.binding.run_id,
            request_id=claim.binding.request_id,
        )
    except reader.HistoryUnreadable as error:
        raise CannotGoOn(visible(str(error))) from error
    return dict(found)


def differences(signing: Any, display: Display | None, history: Mapping[str, Any]) -> list[Difference]:
    """Return every field on which the site's ``signing`` data, with the ``display`` in it, and ``history`` disagree."""
    said = {**(signing if isinstance(signing, Mapping) else {}), **_told(display)}
    return [
        Difference(name, _short(said.get(name)), _short(history.get(name)))
        for name in _COMPARED
        if _differ(name, said.get(name), history.get(name))
    ]


def _differ(name: str, said: Any, recorded: Any) -> bool:
    if name == "expires_at" and type(said) is int and type(recorded) is int:
        # The application may give people less time than the workflow asked for, and never more.
        return said > recorded
    return bool(said != recorded)


def _told(display: Display | None) -> dict[str, Any]:
    """Return what would be shown beside the call, in the form of the history."""
    if display is None:
        return {}
    return {
        "gate_message": display.gate_message,
        "reasoning": display.reasoning,
        "history": [dataclasses.asdict(line) for line in display.history],
    }


def _short(value: Any) -> str:
    text = " ".join(visible(str(value)).split())
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
