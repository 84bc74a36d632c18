"""What can be wrong with a search. Each error names the parameter it is about, and says what to do."""

from __future__ import annotations

from typing import ClassVar


class SearchError(Exception):
    code: ClassVar[str] = "search_refused"
    http_status: ClassVar[int] = 422

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


class MalformedSearch(SearchError):
    """A value that cannot be read, or that nothing could have."""

    code = "malformed_search"


class ContentIsNotYours(SearchError):
    """Somebody searches in arguments who may see them nowhere."""

    code = "content_is_not_yours"
    http_status = 403

    def __init__(self, field: str) -> None:
        super().__init__(
            "You may not see the arguments of calls, so you cannot search in them. Approvers, auditors, security "
            "administrators and payload readers can. Empty the field to search in everything else.",
            field=field,
        )


class CannotSave(SearchError):
    """A search without a good name, or one too many."""

    code = "search_not_saved"
