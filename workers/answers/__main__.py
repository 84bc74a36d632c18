"""``python -m workers.answers FILE --root HEX --people-root HEX``: check an answer of ``request-approval``, offline.

Exit codes: 0 proven, 1 not proven, 2 the input cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from workers.answers.checking import NotProven, check, read_answer
from workers.answers.contracts import AnswerOutcome

PROVEN, NOT_PROVEN, UNUSABLE = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Check and print; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        fields = json.loads(Path(options.file).read_bytes())
        roots, people_roots = map(bytes.fromhex, options.root), map(bytes.fromhex, options.people_root)
        proof = check(read_answer(fields), roots=list(roots), people_roots=list(people_roots))
    except (OSError, ValueError) as error:
        return _say(f"{options.file} cannot be checked: {error}.", UNUSABLE)
    except NotProven as error:
        return _say(f"Not proven. {error}", NOT_PROVEN)
    if proof.outcome not in (AnswerOutcome.APPROVED, AnswerOutcome.DENIED):
        return _say(f"Not proven. The answer is {proof.outcome}, which nobody signs.", NOT_PROVEN)
    return _say(f"Proven: {proof.outcome} by {', '.join(proof.people)}.", PROVEN)


def _say(sentence: str, code: int) -> int:
    (sys.stdout if code == PROVEN else sys.stderr).write(f"{sentence}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.answers", description="Check an answer, offline.")
    parser.add_argument("file", metavar="FILE", help="the result of request-approval, as JSON")
    for name, what in (("--root", "an issuer's public key"), ("--people-root", "a people root")):
        parser.add_argument(name, metavar="HEX", action="append", required=True, help=f"{what}; repeatable")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
