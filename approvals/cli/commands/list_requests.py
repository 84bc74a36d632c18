"""``list``: the requests that wait and name my key."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from approvals.cli import terminal
from approvals.cli.home import Home
from approvals.cli.roots import fingerprint
from approvals.cli.session import own_key, signed_in
from approvals.cli.words import one_line

HELP = "list the requests that wait for this key"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, as the site answers")


async def run(options: argparse.Namespace, home: Home) -> int:
    session = signed_in(home)
    mine = fingerprint(own_key(home, session, secret_file=None).public_key)
    cards: list[dict[str, Any]] = []
    async with session.visit() as visit:
        page, pages = 1, 1
        while page <= pages:
            answer = await visit.read("/approvals/", show="mine", page=page)
            cards += [card for card in answer["cards"] if mine in card.get("names", [])]
            page, pages = page + 1, int(answer["pages"])
    if options.json:
        terminal.say_json(cards)
        return 0
    if not cards:
        terminal.say("Nothing waits for this key.")
    for card in cards:
        target = f" on {one_line(card['target'], 60)}" if card["target"] else ""
        terminal.say(terminal.coloured(f"{one_line(card['tool'], 60)}{target}", terminal.BOLD))
        terminal.say(
            f"  {one_line(card['id'])}  {one_line(card['severity'] or 'no severity', 20)}, {_time_left(card)}, "
            f"{card['approvals_given']} of {card['approvals_needed']} approvals"
        )
        if card["earlier_denials"]:
            warning = f"  before this, {card['earlier_denials']} calls of this run were denied"
            terminal.say(terminal.coloured(warning, terminal.RED))
    return 0


def _time_left(card: dict[str, Any]) -> str:
    try:
        left = datetime.fromisoformat(str(card["expires_at"])) - datetime.now(UTC)
    except (TypeError, ValueError):
        return "time unknown"
    return f"{max(int(left.total_seconds()), 0) // 60} min left"
