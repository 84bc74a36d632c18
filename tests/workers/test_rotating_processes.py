"""Two worker processes under one installation, and a root that follows another while they work."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements.statements import Context, sign
from audit.statements.trusted_roots import facts_of
from tests.workers.processes import Installation, lines_until
from tests.workers.test_revoking_processes import ask, installation, processes

__all__ = ["installation", "processes"]

pytestmark = [pytest.mark.temporal, pytest.mark.timeout(180)]

Processes = list[subprocess.Popen[str]]


def rotate(installation: Installation, *arguments: str) -> str:
    code, output = installation.run("rotate_root", *arguments)
    assert code == 0, output
    return output


def tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def refused(process: subprocess.Popen[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(lines_until(process, '"refused"')[-1])
    assert "not trusted" in str(found["refused"])
    return found


def seconds(moment: str) -> float:
    return datetime.fromisoformat(f"{moment}+00:00").timestamp()


def forged_set(number: int) -> str:
    key = Ed25519PrivateKey.generate()
    facts = facts_of(at=1, number=number, roots=[key.public_key().public_bytes_raw()])
    return sign(Context.TRUSTED_ROOTS, facts, key).to_bytes().hex()


def test_two_workers_follow_the_root_within_two_seconds_and_believe_no_other_set(
    installation: Installation, processes: Processes
) -> None:
    for process in processes:
        lines_until(process, "looks")

    # Announced: both believe it, without a restart.
    assert "2 of 2 workers confirmed set 1" in rotate(installation, "announce", "root-2")
    (signed_at,), *_ = ask(installation, "SELECT signed_at FROM warrants_trustedroots")
    for number, confirmed_at in ask(installation, "SELECT roots, confirmed_at FROM warrants_listconfirmation"):
        assert number == 1
        assert 0 < seconds(confirmed_at) - seconds(signed_at) < 2

    # Whoever holds the database offers a set of a key of their own, and nothing changes.
    ask(
        installation,
        "INSERT INTO warrants_trustedroots (number, issuer_id, envelope, signed_at) "
        f"SELECT 9, id, x'{forged_set(9)}', state_since FROM warrants_issuerkey WHERE name = 'root'",
    )
    for process in processes:
        lines_until(process, "The set 9 of trusted roots is not signed by a root that is trusted here")
    ask(installation, "DELETE FROM warrants_trustedroots WHERE number = 9")

    # Switched: what the new root signs runs on both, and what the old one signed goes on.
    assert "BREAKS" not in rotate(installation, "switch", "root-2")
    for process in processes:
        tell(process, "fresh")
        lines_until(process, "looks")

    # Retired: on both the old root's warrant is refused, and only that one.
    output = rotate(installation, "retire", "root", "--anyway", "Its token was lost.")
    assert "2 live warrants of it would stop verifying" in output
    assert "2 of 2 workers confirmed set 3" in output
    ((retired_at,),) = ask(installation, "SELECT signed_at FROM warrants_trustedroots WHERE number = 3")
    for process in processes:
        found = refused(process)
        assert found["run"] == 1
        assert 0 < float(str(found["at"])) - seconds(retired_at) < 2
        tell(process, "fresh")
        lines_until(process, "looks")

    # An older set does not bring it back.
    ask(installation, "DELETE FROM warrants_trustedroots WHERE number = 3")
    for process in processes:
        lines_until(process, "has number 2, older than 3")
    assert ask(installation, "SELECT DISTINCT roots FROM warrants_listconfirmation") == [(3,)]
