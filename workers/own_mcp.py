"""The MCP server of this installation's own tools, from its settings."""

from __future__ import annotations

from django.conf import settings

from workers.errors import StartFailed
from workers.mcp.contracts import McpServer
from workers.mcp.errors import McpNotConfigured, McpSettingsWrong


def mcp_server() -> McpServer:
    """Return the server. Raises ``McpNotConfigured`` if there is none, ``StartFailed`` for one that cannot be right."""
    if not settings.MCP_URL and not settings.MCP_TOKEN_ENDPOINT:
        raise McpNotConfigured("Set MCP_URL and MCP_TOKEN_ENDPOINT to the MCP server and its authorization server.")
    try:
        return McpServer(settings.MCP_URL, settings.MCP_TOKEN_ENDPOINT)
    except McpSettingsWrong as wrong:
        raise StartFailed(f"{wrong} Check MCP_URL and MCP_TOKEN_ENDPOINT.") from None


def check_mcp_server() -> None:
    """Raise ``StartFailed`` for a server that is named and cannot be right."""
    if settings.MCP_URL or settings.MCP_TOKEN_ENDPOINT:
        mcp_server()
