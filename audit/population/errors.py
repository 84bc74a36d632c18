"""What can go wrong when evidence is taken away.

Each error has a stable ``code``, the ``field`` that is wrong (or empty) and a sentence that tells a person what to
do. Views render them, commands print the sentence.
"""

from __future__ import annotations

from typing import ClassVar


class ExportError(Exception):
    code: ClassVar[str] = "refused"
    http_status: ClassVar[int] = 422

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


class InvalidExport(ExportError):
    """The form or an option of the export is not one that there is; the field says which."""

    code = "invalid_export"


class TooManyExports(ExportError):
    """The person has as many exports running as anybody may."""

    code = "too_many_exports"
    http_status = 429

    def __init__(self, *, maximum: int) -> None:
        super().__init__(
            f"{maximum} exports of yours are running, and nobody may have more. Wait for one to end, or stop its "
            "download in the browser; the page of exports shows them."
        )


class ContentNotYours(ExportError):
    """A bundle holds entries whole, and the person may not see what agents said in all of its namespaces."""

    code = "content_not_yours"

    def __init__(self) -> None:
        super().__init__(
            "A bundle holds every entry whole, with what agents said and were given, which you may not see in all of "
            "these namespaces. Take CSV or JSON Lines, or search one namespace in which you may.",
            field="form",
        )


class BrokenOff(ExportError):
    """An export cannot be sent whole; what was sent has no last line. The sentence says why."""

    code = "export_broken_off"
    http_status = 409
