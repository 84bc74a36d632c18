"""An MCP server, its tools as they were reviewed here, and where tokens for it come from. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from workers.mcp.errors import McpSettingsWrong

Scalar = str | int | float | bool
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes. ``answer_bytes`` is for everything that one call is answered; ``characters`` for its text."""

    connect_seconds: float = 3.0
    exchange_seconds: float = 8.0
    call_seconds: float = 20.0
    answer_bytes: int = 256 * 1024
    characters: int = 4_000


@dataclass(frozen=True, slots=True)
class McpServer:
    """``url`` is where the server's streamable HTTP is, and the audience of every token for it.

    ``token_endpoint`` belongs to the authorization server that the MCP server believes. Raises ``McpSettingsWrong``.
    """

    url: str
    token_endpoint: str
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name, address in (("the MCP server", self.url), ("its token endpoint", self.token_endpoint)):
            parts = urlsplit(address)
            is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
            if not is_safe or not parts.hostname or parts.username or parts.query or parts.fragment:
                raise McpSettingsWrong(f"The address of {name} must be https, without user, query and fragment.")


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool as it was reviewed: what it takes, by name and kind, and the scopes that a token for it has, no more.

    One that ``changes_things`` is never called again by itself once it may have been called.
    """

    name: str
    parameters: dict[str, type[Scalar]]
    scopes: tuple[str, ...]
    changes_things: bool = True


def subject_token_name(person: str) -> str:
    """Return the credential that holds the refresh token of ``person`` (an external id)."""
    return f"people/{hashlib.sha256(person.encode()).hexdigest()}/refresh-token"


def client_secret_name(agent: str) -> str:
    """Return the credential with which ``agent`` shows the authorization server who it is."""
    return f"agents/{agent}/client-secret"
