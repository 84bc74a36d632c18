"""What an MCP server says, read as a stranger's words. Pure.

Its schemas are compared with what was reviewed here, and never run: they are programs of the server's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import mcp_types as types

from workers.mcp.contracts import McpTool
from workers.mcp.errors import McpAnswerInvalid, McpToolChanged, McpToolFailed

_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean"}
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_FAILURE_CHARACTERS = 400


def require_same_tool(listed: types.Tool, tool: McpTool) -> None:
    """Raise ``McpToolChanged`` unless the server's tool takes exactly the arguments that people review and sign."""
    schema = listed.input_schema
    properties = schema.get("properties") or {}
    if not isinstance(properties, dict) or set(properties) != set(tool.parameters):
        raise McpToolChanged(f"The MCP server's tool {tool.name} does not take the arguments that were reviewed.")
    for name, kind in tool.parameters.items():
        described = properties[name]
        if not isinstance(described, Mapping) or described.get("type") != _KINDS[kind]:
            raise McpToolChanged(f"The MCP server's tool {tool.name} takes another kind of {name} than was reviewed.")


def text_of(result: types.CallToolResult, tool: McpTool, characters: int) -> str:
    """Return the result's text, bounded and storable. Raises ``McpToolFailed`` and ``McpAnswerInvalid``."""
    texts = [block.text for block in result.content if isinstance(block, types.TextContent)]
    if result.is_error:
        said = bounded(" ".join(texts), _FAILURE_CHARACTERS)
        raise McpToolFailed(f"{tool.name} failed. The MCP server says: {one_line(said)}")
    if not texts and result.structured_content is not None:
        texts = [json.dumps(result.structured_content, ensure_ascii=False)]
    if not texts:
        raise McpAnswerInvalid(f"The answer of {tool.name} has no text.")
    return bounded("\n".join(texts), characters)


def bounded(text: str, characters: int) -> str:
    """Return ``text`` cut to ``characters``, without what a database or UTF-8 does not have."""
    cut = text if len(text) <= characters else text[: characters - 1] + "…"
    return _LONE_SURROGATES.sub("\ufffd", cut).replace("\x00", "\u2400")


def one_line(text: str) -> str:
    """Return ``text`` fit for a log: nothing in it begins a line or moves a cursor."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
