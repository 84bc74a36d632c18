"""``retract REQUEST``: take your own approval back, until enough people have approved."""

from __future__ import annotations

import argparse
from typing import Any

from approvals.agent_text import visible
from approvals.cli import terminal
from approvals.cli.commands.decide import sound
from approvals.cli.commands.opened import open_request
from approvals.cli.commands.options import add_secret_file, add_temporal
from approvals.cli.failures import CannotGoOn
from approvals.cli.home import Home
from approvals.cli.session import believed_roots, own_key, signed_in
from approvals.cli.signer import Signer
from approvals.cli.visit import to_base64

HELP = "take your own approval back"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("request", metavar="REQUEST", help="the request's id")
    add_secret_file(parser)
    add_temporal(parser)


async def run(options: argparse.Namespace, home: Home) -> int:
    session = signed_in(home)
    keeper = own_key(home, session, secret_file=options.secret_file)
    async with session.visit() as visit:
        roots = await believed_roots(home, session, visit)
        opened = await open_request(
            visit, options, roots=roots, own_key=keeper.public_key, external_id=session.external_id
        )
        nonce = _own_nonce(opened.page)
        reviewed = sound(opened)
        signed = Signer(keeper).retract(reviewed, nonce=nonce)
        answer = await visit.submit(reviewed.retraction_url, {"retraction": to_base64(signed)})
        terminal.say(f"Taken back. The request is {visible(str(answer.get('state', 'unknown')))}; you may decide anew.")
    return 0


def _own_nonce(page: dict[str, Any]) -> bytes:
    for decision in page["decisions"]:
        if decision["may_retract"] is True:
            return bytes.fromhex(decision["nonce"])
    raise CannotGoOn("You have no approval here that can be taken back.")
