"""Why a browser was not taken as one to tell. Rendered in ``views``."""

from __future__ import annotations

from approvals.errors import ApprovalError


class PushNotSetUp(ApprovalError):
    code = "push_not_set_up"
    http_status = 409

    def __init__(self) -> None:
        super().__init__("Push is not set up here. Ask whoever runs Countersign to set PUSH_CONTACT and run setup.")


class PushRefused(ApprovalError):
    """What the browser says of itself is none of what browsers say; the field says which part."""

    code = "push_refused"


class PushTaken(ApprovalError):
    """The endpoint is known with other keys: whoever sent this is not that browser."""

    code = "push_taken"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "This browser is known with other keys. Take back its permission to notify, reload, and allow it anew.",
            field="endpoint",
        )


class TooManyBrowsers(ApprovalError):
    code = "too_many_browsers"
    http_status = 409

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} of your browsers are told already. Remove one that you no longer use.")
