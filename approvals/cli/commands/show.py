"""``show REQUEST``: everything the browser shows, recomputed here, and the history beside it when asked for."""

from __future__ import annotations

import argparse
import dataclasses

from approvals.cli import terminal
from approvals.cli.commands.opened import OpenedRequest, open_request
from approvals.cli.commands.options import add_temporal
from approvals.cli.home import Home
from approvals.cli.page import request_lines
from approvals.cli.session import believed_roots, own_key, signed_in

HELP = "show a request, and check it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("request", metavar="REQUEST", help="the request's id")
    parser.add_argument("--json", action="store_true", help="print JSON: the site's answer, checks and differences")
    add_temporal(parser)


async def run(options: argparse.Namespace, home: Home) -> int:
    """Exit code 0 if everything holds, 1 if this could not be signed here."""
    session = signed_in(home)
    public_key = own_key(home, session, secret_file=None).public_key
    async with session.visit() as visit:
        roots = await believed_roots(home, session, visit)
        opened = await open_request(visit, options, roots=roots, own_key=public_key, external_id=session.external_id)
    if options.json:
        terminal.say_json(
            {
                "request": opened.page,
                "checks": [dataclasses.asdict(check) for check in opened.found.checks],
                "problems": [dataclasses.asdict(problem) for problem in opened.found.problems],
                "compared": opened.was_compared,
                "differences": [dataclasses.asdict(difference) for difference in opened.differences],
            }
        )
    else:
        for line in request_lines(opened.page, opened.found, public_key):
            terminal.say(line)
        say_comparison(opened)
    return 1 if opened.found.problems or opened.differences else 0


def say_comparison(opened: OpenedRequest) -> None:
    """Say what the workflow's history adds to what the site says."""
    if not opened.was_compared:
        return
    terminal.say()
    if not opened.differences:
        terminal.say("The workflow's own history in Temporal says the same as the site, field by field.")
    for difference in opened.differences:
        terminal.say(terminal.coloured(f"DIFFERS  {difference.sentence}", terminal.RED))
