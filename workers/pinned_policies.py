"""What this worker has seen published, in a file of its own: a restart forgets nothing.

    {"policies": [{"name", "number", "text", "publication": base64, "endorsements": [base64], "is_retired"}, ...]}

It is verified again when it is read.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path
from threading import get_ident
from typing import Any

from warrants.policies.contracts import Offered
from workers.errors import StartFailed

FILE = "policies.pinned"


class PinnedPolicies:
    """The file ``policies.pinned`` in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self._written: str | None = None

    def read(self) -> list[Offered]:
        """Return what is pinned. Raises ``StartFailed`` for a file that cannot be read."""
        if not self.path.exists():
            return []
        try:
            return [_read(one) for one in json.loads(self.path.read_text())["policies"]]
        except (OSError, ValueError, KeyError, TypeError):
            raise StartFailed(
                f"{self.path} cannot be read: what this worker has seen published. Restore it, or remove it if you "
                "believe what the database says now."
            ) from None

    def write(self, policies: Sequence[Offered]) -> None:
        """Pin ``policies`` in the place of what was pinned before. Raises ``OSError``."""
        text = json.dumps({"policies": [_written(one) for one in policies]})
        if text == self._written:
            return
        partial = self.path.with_suffix(f".{os.getpid()}-{get_ident()}")
        partial.write_text(text)
        partial.chmod(0o600)
        partial.replace(self.path)
        self._written = text


def _read(fields: Any) -> Offered:
    return Offered(
        name=str(fields["name"]),
        number=int(fields["number"]),
        text=str(fields["text"]),
        publication=base64.b64decode(fields["publication"], validate=True),
        endorsements=tuple(base64.b64decode(text, validate=True) for text in fields["endorsements"]),
        is_retired=bool(fields["is_retired"]),
    )


def _written(one: Offered) -> dict[str, Any]:
    return {
        "name": one.name,
        "number": one.number,
        "text": one.text,
        "publication": base64.b64encode(one.publication).decode(),
        "endorsements": [base64.b64encode(data).decode() for data in one.endorsements],
        "is_retired": one.is_retired,
    }
