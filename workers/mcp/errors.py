"""Why a tool of an MCP server was not called, or its answer not used. No sentence ever holds a token.

They are activity failures already: Temporal sees the code as the failure's type, and tries again where that may help.
"""

from __future__ import annotations

from typing import ClassVar

from temporalio.exceptions import ApplicationError


class McpSettingsWrong(ValueError):
    """The settings name no server that could be called safely. For whoever starts the worker."""


class McpError(ApplicationError):
    code: ClassVar[str] = "MCP_FAILED"
    retryable: ClassVar[bool] = False

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, type=self.code, non_retryable=not self.retryable)


class McpNotConfigured(McpError):
    """This installation knows no MCP server."""

    code = "MCP_NOT_CONFIGURED"


class IdentityUnavailable(McpError):
    """The authorization server is busy, broken or not to be reached, or answers nonsense."""

    code = "MCP_IDENTITY_UNAVAILABLE"
    retryable = True


class SubjectRefused(McpError):
    """The person's own token has expired, was taken back, or is not one of that server's: they sign in there again."""

    code = "MCP_SUBJECT_REFUSED"


class ScopeRefused(McpError):
    """The person, or this agent for them, may not do what the tool needs."""

    code = "MCP_SCOPE_REFUSED"


class ExchangeRefused(McpError):
    """The authorization server does not exchange tokens for this agent, or not for this MCP server."""

    code = "MCP_EXCHANGE_REFUSED"


class McpUnavailable(McpError):
    """The MCP server is busy, broken, too slow or not to be reached; nothing was changed."""

    code = "MCP_UNAVAILABLE"
    retryable = True


class McpOutcomeUnknown(McpError):
    """The MCP server was asked for a change and did not answer: it may or may not have made it."""

    code = "MCP_OUTCOME_UNKNOWN"


class McpRefused(McpError):
    """The MCP server does not accept the token, or not for this tool."""

    code = "MCP_REFUSED"


class McpRedirected(McpError):
    """The MCP server sends the call elsewhere. A token is for one server: nothing follows."""

    code = "MCP_REDIRECTED"


class McpAnswerTooLarge(McpError):
    code = "MCP_ANSWER_TOO_LARGE"


class McpAnswerInvalid(McpError):
    """The answer is not what the protocol promises, or repeats the token."""

    code = "MCP_ANSWER_INVALID"


class McpToolChanged(McpError):
    """The server's tool does not take the arguments that were reviewed, gated and signed here, or is not there."""

    code = "MCP_TOOL_CHANGED"


class McpToolFailed(McpError):
    """The tool was called and says that it failed."""

    code = "MCP_TOOL_FAILED"
