"""A security administrator without a browser: ``python -m approvals.cli.endorser --link URL --key FILE --person ID``.

Signs in with a one-time link, enrols the key in FILE (made if there is none, readable by its owner only), and
endorses every approver's key of one person as soon as it is enrolled. It uses nothing of the application but its
public pages, and endorses nothing before a people root that it pinned stands behind its own key.

It is for the demo. A real administrator compares the fingerprint with what its owner reads aloud, and then decides.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from approvals.cli.failures import SiteRefused
from approvals.cli.signer import enrolment_facts
from approvals.cli.visit import Visit, to_base64
from audit.statements.key_endorsements import EndorsedRole, NotEndorsed, facts_of, verify_chain
from audit.statements.statements import Context, MalformedStatement, parse, sign

KEY_NAME = "command line of the security administrator"
PAGE = "/keys/endorsements/"


@dataclass
class KeyFile:
    """The administrator's private key, and the people root that was pinned with it."""

    path: Path
    private_key: Ed25519PrivateKey
    people_root: str = ""

    @classmethod
    def open(cls, path: Path) -> KeyFile:
        """Read the file, or make it."""
        if path.exists():
            kept = json.loads(path.read_text())
            return cls(path, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(kept["seed"])), kept["people_root"])
        made = cls(path, Ed25519PrivateKey.generate())
        made.save()
        return made

    @property
    def public_key(self) -> bytes:
        return self.private_key.public_key().public_bytes_raw()

    def save(self) -> None:
        """Write the file whole, or not at all."""
        partial = self.path.with_suffix(".partial")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"seed": self.private_key.private_bytes_raw().hex(), "people_root": self.people_root}, file)
        partial.replace(self.path)


def main() -> int:
    options = _options()
    try:
        return asyncio.run(_endorse_for_ever(options.link, KeyFile.open(Path(options.key)), options.person))
    except (SiteRefused, httpx.HTTPError, OSError, ValueError) as error:
        sys.stderr.write(f"{error or type(error).__name__}\n")
        return 1
    except KeyboardInterrupt:
        return 130


async def _endorse_for_ever(link: str, key: KeyFile, people: Sequence[str]) -> int:
    async with Visit(link) as visit:
        await visit.sign_in()
        await _enrol(visit, key)
        async for _ in visit.changes():
            endorsing = await visit.read(PAGE)
            if not _is_endorsed(key, endorsing):
                continue  # the ceremony comes after the enrolment
            for waiting in endorsing["waiting"]:
                if waiting["person"] in people and waiting["role"] == EndorsedRole.APPROVER:
                    await _endorse(visit, key, waiting)
    return 0


async def _enrol(visit: Visit, key: KeyFile) -> None:
    facts = enrolment_facts(await visit.submit("/keys/challenge/", {}), key.public_key)
    envelope = sign(Context.ENROLMENT, facts, key.private_key).to_bytes()
    try:
        await visit.submit("/keys/", {"envelope": to_base64(envelope), "name": KEY_NAME})
        _say("enrolled")
    except SiteRefused:
        _say("was enrolled before")


def _is_endorsed(key: KeyFile, endorsing: Mapping[str, Any]) -> bool:
    """Whether the pinned people root stands behind this key. The first one shown is pinned."""
    if not endorsing["people_root"]:
        return False
    if not key.people_root:
        key.people_root = str(endorsing["people_root"])
        key.save()
    chain = [base64.b64decode(text, validate=True) for text in endorsing["chain"]]
    try:
        verify_chain(chain, key.public_key, EndorsedRole.SECURITY_ADMINISTRATOR, [bytes.fromhex(key.people_root)])
    except NotEndorsed:
        return False
    return True


async def _endorse(visit: Visit, key: KeyFile, waiting: Mapping[str, str]) -> None:
    public_key = bytes.fromhex(waiting["key"])
    if not _is_proven(public_key, waiting):
        raise SiteRefused("A key on the page has not signed that it belongs to the person named beside it.")
    facts = facts_of(
        key=public_key,
        person=waiting["person"],
        role=EndorsedRole.APPROVER,
        strength=waiting["strength"],
        at=time.time_ns() // 1_000_000,
    )
    envelope = sign(Context.KEY_ENDORSEMENT, facts, key.private_key).to_bytes()
    await visit.submit(PAGE, {"envelope": to_base64(envelope)})
    _say(f"endorsed key {waiting['fingerprint'][:8]}")


def _is_proven(public_key: bytes, waiting: Mapping[str, str]) -> bool:
    """Whether the key itself signed, when it was enrolled, that it belongs to this person."""
    try:
        proof = parse(base64.b64decode(waiting["proof"], validate=True))
        proof.verify(Context.ENROLMENT)
    except (MalformedStatement, ValueError):
        return False
    issuer, subject = proof.facts.get("issuer"), proof.facts.get("subject")
    return proof.signer_key == public_key and waiting["person"] in (f"{issuer}:{subject}", f"{issuer}#{subject}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m approvals.cli.endorser", description="Endorse one person's keys.")
    parser.add_argument("--link", required=True, help="the one-time sign-in link")
    parser.add_argument("--key", required=True, help="the file that holds the private key; made if there is none")
    parser.add_argument(
        "--person", required=True, action="append", help="whose keys to endorse, as an external id; repeatable"
    )
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
