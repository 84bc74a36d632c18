"""Why something that says it comes from Slack was not taken. Rendered in one place, ``views``."""

from __future__ import annotations

from approvals.errors import ApprovalError


class SlackNotSetUp(ApprovalError):
    """Nothing can be checked, so nothing is taken."""

    code = "slack_not_set_up"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("Set SLACK_BOT_TOKEN, SLACK_SIGNING_SECRET and SLACK_TEAM_ID.")


class SlackTooLarge(ApprovalError):
    code = "slack_too_large"
    http_status = 413


class SlackForged(ApprovalError):
    """Not signed with our secret, or longer ago than five minutes."""

    code = "slack_forged"
    http_status = 401

    def __init__(self) -> None:
        super().__init__(
            "This was not signed by Slack for us within the last five minutes. Compare the app's signing secret with "
            "SLACK_SIGNING_SECRET, and this machine's clock with the time."
        )


class SlackMalformed(ApprovalError):
    code = "slack_malformed"
    http_status = 400


class SlackOtherWorkspace(ApprovalError):
    """Signed, but of a workspace that is not ours."""

    code = "slack_other_workspace"
    http_status = 403

    def __init__(self) -> None:
        super().__init__(
            "Countersign serves another Slack workspace. Compare yours with SLACK_TEAM_ID.", field="team_id"
        )
