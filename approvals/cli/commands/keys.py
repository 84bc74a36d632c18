"""``keys``: my keys and their state; ``--revoke`` ends one for good."""

from __future__ import annotations

import argparse
from typing import Any

from approvals.cli import terminal
from approvals.cli.failures import CannotGoOn
from approvals.cli.home import KEY, Home
from approvals.cli.roots import fingerprint
from approvals.cli.session import keeper_of, signed_in
from approvals.cli.words import one_line

HELP = "list your keys, or revoke one"
_SHORTEST = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--revoke", default="", metavar="FINGERPRINT", help="revoke the key that begins like this")
    parser.add_argument("--reason", default="", help="why it is revoked")
    parser.add_argument("--json", action="store_true", help="print JSON, as the site answers")


async def run(options: argparse.Namespace, home: Home) -> int:
    session = signed_in(home)
    content = home.read(KEY)
    here = fingerprint(keeper_of(content, secret_file=None).public_key) if content else ""
    async with session.visit() as visit:
        keys = (await visit.read("/keys/"))["keys"]
        if options.revoke:
            key = _named(keys, options.revoke.lower())
            await visit.submit(f"/keys/{int(key['id'])}/revocation/", {"reason": options.reason})
            terminal.say(f"“{one_line(key['name'])}” is revoked and will never sign again.")
            return 0
    if options.json:
        terminal.say_json([{**key, "is_here": key["fingerprint"] == here} for key in keys])
        return 0
    if not keys:
        terminal.say("You have no key yet. Make one with: enrol")
    for key in keys:
        terminal.say(_line(key, here))
    return 0


def _named(keys: list[dict[str, Any]], beginning: str) -> dict[str, Any]:
    found = [key for key in keys if key["fingerprint"].startswith(beginning)]
    if len(beginning) < _SHORTEST or len(found) != 1:
        raise CannotGoOn(f"Name one key by at least the first {_SHORTEST} digits of its fingerprint: see keys.")
    return found[0]


def _line(key: dict[str, Any], here: str) -> str:
    state = f"revoked {one_line(key['revoked_at'])[:10]}" if key["revoked_at"] else "enrolled"
    endorsers = one_line(", ".join(key["endorsed_by"]))
    stands = f"endorsed by {endorsers}" if endorsers else "not endorsed yet"
    mark = "  (the key here)" if key["fingerprint"] == here else ""
    short, name, strength = one_line(key["fingerprint"])[:8], one_line(key["name"]), one_line(key["strength"])
    return f"{short}  {name}: {strength}, {state}, {stands}{mark}"
