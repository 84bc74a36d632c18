"""``python -m audit.verify FILE --root HEX``: verify an evidence bundle, offline, with nothing but a root key.

Exit codes: 0 verified, 1 not verified, 2 the input cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from audit.statements.notes import MAXIMUM_BYTES
from audit.verify import parallel, steps
from audit.verify.reading import UnusableInput
from audit.verify.report import LineReport, Result, closing, heading, inert
from audit.verify.verifier import APPROVAL_LIFETIME_SECONDS, verify_lines

VERIFIED, FAILED, UNUSABLE = 0, 1, 2
# Bytes; far more than any line has.
LONGEST_LINE = 256 * 1024 * 1024


class _Form(Protocol):
    """How a report is printed, while the file is read."""

    def line(self, result: Result, report: LineReport) -> None: ...

    def end(self, result: Result) -> None: ...


def main(arguments: list[str]) -> int:
    """Verify and print; return the exit code."""
    options = _parser().parse_args(arguments)
    form: _Form = _Json() if options.json else _Summary() if options.summary else _Text()
    path = options.file
    try:
        checkpoints = []
        for path in options.checkpoint:
            checkpoints.append(_checkpoint(Path(path)))
        path = options.file
        with Path(path).open("rb") as file:
            verify = partial(parallel.verify_lines, jobs=options.jobs) if options.jobs > 1 else verify_lines
            result = verify(
                _lines(file),
                tell=form.line,
                roots=options.root,
                people_roots=options.people_root,
                checkpoints=checkpoints,
                approval_lifetime=options.approval_lifetime,
            )
    except OSError as error:
        return _unusable(f"{path} cannot be read: {error.strerror}.")
    except UnusableInput as error:
        return _unusable(str(error))
    form.end(result)
    sys.stdout.flush()
    return VERIFIED if result.verified else FAILED


class _Text:
    """Every line with its steps."""

    def __init__(self) -> None:
        self._has_heading = False

    def line(self, result: Result, report: LineReport) -> None:
        if not self._has_heading:
            self._has_heading = True
            _print(heading(result))
        _print(report.as_text())

    def end(self, result: Result) -> None:
        for text in closing(result):
            _print(text)


class _Summary:
    """What the entries say, by chain."""

    def __init__(self) -> None:
        self._chain = ""

    def line(self, result: Result, report: LineReport) -> None:
        if report.says and report.chain != self._chain:
            self._chain = report.chain
            _print(f"{report.chain}:")
        if report.failure is not None:
            _print(report.as_text())
        elif report.says:
            _print(f"  {report.says}")

    def end(self, result: Result) -> None:
        for text in closing(result):
            _print(text)


class _Json:
    """One object, a line of the file on each of its own."""

    def __init__(self) -> None:
        self._before = '{"lines": [\n'

    def line(self, result: Result, report: LineReport) -> None:
        _write(self._before + json.dumps(report.as_json()))
        self._before = ",\n"

    def end(self, result: Result) -> None:
        _write("\n], " + json.dumps(result.as_json(), indent=2)[1:].lstrip() + "\n")


def _print(text: str) -> None:
    _write(inert(text) + "\n")


def _write(text: str) -> None:
    sys.stdout.buffer.write(text.encode())


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise UnusableInput(f"A line of the file is longer than {LONGEST_LINE} bytes: this is no evidence.")
        yield line


def _checkpoint(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAXIMUM_BYTES + 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m audit.verify",
        description="Verify an evidence bundle, offline.",
        epilog=steps.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="BUNDLE", help="the file that export_receipts or the page wrote")
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
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        action="append",
        default=[],
        help="a checkpoint that you keep: also check that nothing was written anew since; repeatable",
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=int,
        default=1,
        help="check the chains of a large bundle with N processes (default: 1)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the report as JSON")
    form.add_argument("--summary", action="store_true", help="print what the entries say, and the result, alone")
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
