"""``trust``: say which root this command line believes, after it changed and a person compared it."""

from __future__ import annotations

import argparse

from approvals.cli import terminal
from approvals.cli.home import Home
from approvals.cli.roots import aloud, choose_roots, shown_roots
from approvals.cli.session import pin, signed_in

HELP = "show the site's trusted root, or pin another one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root", action="append", default=[], metavar="HEX", help="the root that you compared, or its fingerprint"
    )


async def run(options: argparse.Namespace, home: Home) -> int:
    session = signed_in(home)
    async with session.visit() as visit:
        if not options.root:
            for root in await shown_roots(visit):
                terminal.say(f"The site shows the trusted root {aloud(root)}")
            terminal.say("Nothing was pinned. To believe it: trust --root FINGERPRINT")
            return 0
        chosen = await choose_roots(visit, options.root)
    pin(home, session, chosen)
    for root in chosen:
        terminal.say(f"Pinned the trusted root {aloud(root)}")
    return 0
