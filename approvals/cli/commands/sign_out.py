"""``sign-out``: the token is revoked and forgotten; the key stays."""

from __future__ import annotations

import argparse

from approvals.cli import terminal
from approvals.cli.failures import SiteRefused
from approvals.cli.home import SESSION, Home
from approvals.cli.session import signed_in

HELP = "sign out here; the key stays"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There is nothing to say beyond the command."""


async def run(options: argparse.Namespace, home: Home) -> int:
    session = signed_in(home)
    try:
        async with session.visit() as visit:
            await visit.submit("/tokens/current/revocation/", {})
    except SiteRefused as refused:
        # A token that is over already needs no revoking.
        if refused.code != "dead_token":
            raise
    home.forget(SESSION)
    terminal.say(f"Signed out of {session.site}. The key and the pinned root stay in {home.path}.")
    return 0
