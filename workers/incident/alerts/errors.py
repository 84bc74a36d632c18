"""Why an alert was not taken. Rendered in one place, ``views``."""

from __future__ import annotations

from typing import ClassVar


class AlertError(Exception):
    """``field`` is the path of what is wrong, or empty; the sentence says what to do."""

    code: ClassVar[str] = "refused"
    http_status: ClassVar[int] = 400

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


class MalformedAlert(AlertError):
    code = "malformed"


class AlertTooLarge(AlertError):
    code = "too_large"
    http_status = 413


class NotJson(AlertError):
    code = "not_json"
    http_status = 415


class BadWebhookSignature(AlertError):
    code = "bad_signature"
    http_status = 401


class NoWebhookSecret(AlertError):
    """Nothing can be checked, so nothing is taken."""

    code = "no_webhook_secret"
    http_status = 503


class NobodyCanApprove(AlertError):
    """There is no active approver key to write into a warrant."""

    code = "nobody_can_approve"
    http_status = 409


class TemporalDown(AlertError):
    """Nothing was started; the same webhook sent again completes it."""

    code = "temporal_down"
    http_status = 503
