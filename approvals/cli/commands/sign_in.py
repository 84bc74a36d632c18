"""``sign-in ADDRESS``: through a browser, or with a token that was made on the site."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import platform
import time
from pathlib import Path
from typing import Any

from approvals.agent_text import visible
from approvals.cli import terminal
from approvals.cli.failures import CannotGoOn, SiteRefused
from approvals.cli.home import SESSION, Home
from approvals.cli.session import safe_site
from approvals.cli.visit import Visit

HELP = "sign in at a site"
_LONGEST_WAIT_SECONDS = 600.0
_SLOW_DOWN_SECONDS = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", help="the site, such as https://countersign.example.com")
    parser.add_argument("--token", action="store_true", help="ask for a token instead of opening a browser")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="take the token from the first line of FILE")
    parser.add_argument("--name", default="", help="what the site calls this program")


async def run(options: argparse.Namespace, home: Home) -> int:
    site = safe_site(options.address)
    if options.token or options.token_file:
        token = _plain(terminal.ask_secret("Token: ", options.token_file))
    else:
        token = await _through_browser(site, options.name or _program_name())
    async with Visit(site, token=token) as visit:
        person = await visit.read("/tokens/current/")
    name, until = str(person["display_name"]), str(person["expires_at"])
    home.write(
        SESSION,
        {
            "site": site,
            "token": token,
            "external_id": str(person["external_id"]),
            "display_name": name,
            "expires_at": until,
        },
    )
    terminal.say(f"Signed in at {site} as {visible(name)}, until {visible(until[:16].replace('T', ' '))} UTC.")
    return 0


def _plain(token: str) -> str:
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise CannotGoOn("That is no token: it was not copied whole, or something else was.")
    return token


async def _through_browser(site: str, name: str) -> str:
    """Sign in as RFC 8628 says; return the token."""
    async with Visit(site) as visit:
        begun = await visit.submit("/devices/", {"client_name": name})
        # Shown as they are checked: a page of another site could collect codes.
        if not str(begun.get("verification_uri", "")).startswith(f"{site}/"):
            raise CannotGoOn("The site sends you to another site to sign in. Check the address that you gave.")
        terminal.say(f"Open {visible(str(begun['verification_uri_complete']))}")
        terminal.say(f"and compare the code: {terminal.coloured(visible(str(begun['user_code'])), terminal.BOLD)}")
        return await _wait(visit, begun)


async def _wait(visit: Visit, begun: dict[str, Any]) -> str:
    interval = float(begun["interval"])
    over_at = time.monotonic() + min(float(begun["expires_in"]), _LONGEST_WAIT_SECONDS)
    while time.monotonic() < over_at:
        await asyncio.sleep(interval)
        try:
            given = await visit.submit("/devices/token/", {"device_code": str(begun["device_code"])})
        except SiteRefused as refused:
            if refused.code == "slow_down":
                interval += _SLOW_DOWN_SECONDS
            elif refused.code != "authorization_pending":
                raise
        else:
            return str(given["access_token"])
    raise CannotGoOn("Nobody confirmed it in the browser in time. Nothing was given; begin again.")


def _program_name() -> str:
    return f"Command line of {getpass.getuser()} on {platform.node()}"[:100]
