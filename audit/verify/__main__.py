"""``python -m audit.verify FILE --root HEX``: verify an evidence file, offline, with nothing but a root key.

Exit codes: 0 verified, 1 not verified, 2 the input cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from audit.verify import steps
from audit.verify.reading import UnusableInput
from audit.verify.verifier import APPROVAL_LIFETIME_SECONDS, verify

VERIFIED, FAILED, UNUSABLE = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Verify and print; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        data = Path(options.file).read_bytes()
        report = verify(
            data,
            roots=options.root,
            people_roots=options.people_root,
            approval_lifetime=options.approval_lifetime,
        )
    except OSError as error:
        return _unusable(f"{options.file} cannot be read: {error.strerror}.")
    except UnusableInput as error:
        return _unusable(str(error))
    text = json.dumps(report.as_json(), indent=2) if options.json else report.as_text()
    sys.stdout.buffer.write(text.encode() + b"\n")
    return VERIFIED if report.verified else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m audit.verify",
        description="Verify an evidence file, offline.",
        epilog=steps.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the file that export_receipts wrote")
    parser.add_argument(
        "--root", metavar="HEX", action="append", default=[], help="a root public key, known from elsewhere; repeatable"
    )
    parser.add_argument(
        "--people-root",
        metavar="HEX",
        action="append",
        default=[],
        help="a people root, known from elsewhere: also check whose keys the approvers' are; repeatable",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--approval-lifetime",
        metavar="SECONDS",
        type=int,
        default=APPROVAL_LIFETIME_SECONDS,
        help="the longest life of a person's signature that counts as sane (default: one day)",
    )
    return parser


def _unusable(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return UNUSABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
