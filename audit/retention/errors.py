"""Why nothing was removed, erased or held. Messages are sentences for people."""

from __future__ import annotations


class RetentionError(Exception):
    """``code`` and ``field`` are for programs; nothing was changed."""

    code = "retention_refused"
    field = ""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NoNamespace(RetentionError):
    """The incident belongs to no namespace, so that there is no chain in which to say what was done to it."""

    code = "evidence_without_namespace"

    def __init__(self) -> None:
        super().__init__(
            "This incident belongs to no namespace, so it has no rule and cannot be erased. Nothing was done."
        )


class OnHold(RetentionError):
    code = "evidence_on_hold"

    def __init__(self, since: str, by: str) -> None:
        super().__init__(
            f"This incident is on hold since {since}, by {by}: nothing of it may go. Release the hold first. "
            "Nothing was done."
        )


class NotOnHold(RetentionError):
    code = "evidence_not_on_hold"

    def __init__(self) -> None:
        super().__init__("This incident is not on hold. Nothing was done.")


class StillNeeded(RetentionError):
    """Somebody works on the incident."""

    code = "evidence_still_needed"


class NotWhole(RetentionError):
    """What is stored is not what was signed: nothing of it may go before people looked into that."""

    code = "evidence_not_whole"

    def __init__(self, fault: str) -> None:
        super().__init__(f"{fault} Nothing is removed of what is not whole. See: manage.py verify_ledger")


class NothingToErase(RetentionError):
    code = "nothing_to_erase"
    field = "name"

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} has no content that could be erased. Nothing was done.")


class ReasonMissing(RetentionError):
    code = "reason_missing"
    field = "reason"

    def __init__(self, maximum: int) -> None:
        super().__init__(f"Say why, in 1 to {maximum} printable characters: it is recorded for good. Nothing was done.")
