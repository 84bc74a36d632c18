"""``enrol``: make a key, prove it to the site, and pin the trusted root that the site shows now."""

from __future__ import annotations

import argparse
import platform
import secrets
from typing import Any

from approvals.cli import terminal
from approvals.cli.approver import enrol
from approvals.cli.commands.options import add_secret_file
from approvals.cli.failures import CannotGoOn
from approvals.cli.home import KEY, ROOTS, Home
from approvals.cli.keepers import passphrase, pkcs11_token
from approvals.cli.roots import aloud, choose_roots, fingerprint
from approvals.cli.session import PASSPHRASE, PKCS11, Session, keeper_of, pin, pinned_roots, signed_in
from approvals.cli.signer import Signer
from approvals.cli.visit import Visit

HELP = "make this command line's key"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default=f"Command line on {platform.node()}"[:100], help="the key's name on the site")
    parser.add_argument(
        "--custody", choices=[PASSPHRASE, PKCS11], default=PASSPHRASE,
        help="a file sealed with a passphrase (the default), or a PKCS#11 token",
    )  # fmt: skip
    parser.add_argument("--module", default="", metavar="PATH", help="the token's PKCS#11 driver")
    parser.add_argument("--token-label", default="", metavar="LABEL", help="which token")
    parser.add_argument("--key-label", default="", metavar="LABEL", help="the key's label in the token")
    parser.add_argument(
        "--root", action="append", default=[], metavar="HEX",
        help="the root to trust, or its fingerprint; otherwise the one shown now",
    )  # fmt: skip
    add_secret_file(parser)


async def run(options: argparse.Namespace, home: Home) -> int:
    session = signed_in(home)
    async with session.visit() as visit:
        content = await _unfinished(home, session, visit)
        if content is None:
            content = _make(options, session)
            # Kept before it is sent: if the answer is lost, the same command sends the same key.
            home.write(KEY, content)
        _require_same_roots(home, session, await choose_roots(visit, options.root))
        signer = Signer(keeper_of(content, secret_file=options.secret_file))
        key = await enrol(visit, signer, root=options.root, name=content["name"])
    pin(home, session, key.roots)
    terminal.say(f"Enrolled “{content['name']}”, key {key.fingerprint[:8]}.")
    for root in key.roots:
        terminal.say(f"Pinned the trusted root {aloud(root)}")
    terminal.say("Have the root's fingerprint read to you by the person who runs Countersign, and compare it.")
    return 0


async def _unfinished(home: Home, session: Session, visit: Visit) -> dict[str, Any] | None:
    """Return a key that is here and that the site does not know yet; None if one is to be made.

    Raises ``CannotGoOn`` if the key here is in use.
    """
    content = home.read(KEY)
    if content is None:
        return None
    if (content.get("site"), content.get("external_id")) != (session.site, session.external_id):
        raise CannotGoOn("The key here is another person's or another site's. Use another --home for this one.")
    public_key = keeper_of(content, secret_file=None).public_key
    known = {key["fingerprint"]: key for key in (await visit.read("/keys/"))["keys"]}.get(fingerprint(public_key))
    if known is None:
        return content
    if known["revoked_at"] is None:
        raise CannotGoOn(
            f"There is a key here already ({known['fingerprint'][:8]}), and it is enrolled. To replace it, revoke it "
            "with keys --revoke, or use another --home."
        )
    return None


def _require_same_roots(home: Home, session: Session, chosen: list[bytes]) -> None:
    """Refuse to pin another root by way of a new key."""
    if home.read(ROOTS) is not None and set(pinned_roots(home, session)) != set(chosen):
        raise CannotGoOn(
            "The site shows another trusted root than the one pinned here. Compare its fingerprint with the person "
            "who runs Countersign, then: trust --root HEX"
        )


def _make(options: argparse.Namespace, session: Session) -> dict[str, Any]:
    about = {"site": session.site, "external_id": session.external_id, "name": options.name}
    if options.custody == PASSPHRASE:
        file = passphrase.make(_new_passphrase(options))
        return {"custody": PASSPHRASE, **about, "public_key": file["public_key"], "file": file}
    if not options.module or not options.token_label:
        raise CannotGoOn("A key in a token needs --module PATH and --token-label LABEL.")
    label = options.key_label or f"countersign-{secrets.token_hex(4)}"
    place = pkcs11_token.Place(options.module, options.token_label, label)
    public_key = pkcs11_token.make(place, terminal.ask_secret(f"PIN of {place.token}: ", options.secret_file))
    where = {"module": place.module, "token": place.token, "key": place.key}
    return {"custody": PKCS11, **about, "public_key": public_key.hex(), "place": where}


def _new_passphrase(options: argparse.Namespace) -> str:
    chosen = terminal.ask_secret("Choose a passphrase for the new key: ", options.secret_file)
    if options.secret_file is None and chosen != terminal.ask_secret("Once more: "):
        raise CannotGoOn("The two passphrases differ. No key was made.")
    return chosen
