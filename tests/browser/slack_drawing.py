"""A message's blocks as a picture, for the documents. It is drawn from what Slack was sent, and is not Slack."""

from __future__ import annotations

import html
import re
from typing import Any

from tests.slack import Message

_STYLE = """
  :root { color-scheme: light; }
  body { width: 34rem; margin: 0; padding: 1rem; background: #fff; color: #1c1e22; }
  body { font: 0.9375rem/1.5 system-ui, sans-serif; }
  article { padding: 0.75rem 1rem; border: 1px solid #c9c6be; border-radius: 0.5rem; }
  h2 { margin: 0 0 0.5rem; font-size: 1.125rem; }
  code { padding: 0 0.25rem; border: 1px solid #e0ddd5; border-radius: 0.25rem; background: #f8f7f4; }
  dl { display: grid; grid-template-columns: 1fr 1fr; gap: 0.25rem 1rem; margin: 0 0 0.5rem; }
  dt, dd { margin: 0; }
  p { margin: 0 0 0.5rem; }
  .button { display: inline-block; padding: 0.25rem 0.75rem; border: 1px solid #82868d; border-radius: 0.375rem; }
  .button { font-weight: 600; }
  .context { margin: 0; color: #565a61; font-size: 0.8125rem; }
  .thread { margin: 0.75rem 0 0; padding-inline-start: 1rem; border-inline-start: 3px solid #e0ddd5; }
  figcaption { margin-block-start: 0.75rem; color: #565a61; font-size: 0.8125rem; font-style: italic; }
"""


def drawn(message: Message) -> str:
    """Return a page that shows ``message`` and its thread."""
    blocks = "".join(map(_block, message.blocks))
    replies = "".join(f"<p>{_markup(reply)}</p>" for reply in message.replies)
    thread = f'<div class="thread">{replies}</div>' if replies else ""
    said = "Drawn from the blocks that Slack is sent. Slack shows them in its own way."
    return (
        f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style><figure style='margin:0'>"
        f"<article>{blocks}{thread}</article><figcaption>{said}</figcaption></figure>"
    )


def _block(block: dict[str, Any]) -> str:
    match block["type"]:
        case "header":
            return f"<h2>{html.escape(block['text']['text'])}</h2>"
        case "actions":
            labels = [html.escape(one["text"]["text"]) for one in block["elements"]]
            return "".join(f"<p><span class=button>{label}</span></p>" for label in labels)
        case "context":
            return "".join(f"<p class=context>{_markup(one['text'])}</p>" for one in block["elements"])
    if "fields" in block:
        return "<dl>" + "".join(f"<div>{_markup(one['text'])}</div>" for one in block["fields"]) + "</dl>"
    return f"<p>{_markup(block['text']['text'])}</p>"


def _markup(text: str) -> str:
    """Return Slack's markup as HTML: times, bold, code. Its own escapes are HTML's."""
    timed = re.sub(r"<!date\^\d+\^\{time\}\|([^>]+)>", r"\1", text)
    bold = re.sub(r"\*([^*\n`]+)\*", r"<strong>\1</strong>", timed)
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", bold).replace("\n", "<br>")
