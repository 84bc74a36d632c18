"""An approver without a browser: ``python -m approvals.cli COMMAND``. docs/command-line.md is its manual.

Exit codes: 0 done, 1 refused (one sentence says why), 2 the command was not understood.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from types import ModuleType

import httpx

from approvals.cli import terminal
from approvals.cli.commands import (
    approve,
    decide_first,
    deny,
    enrol,
    keys,
    list_requests,
    retract,
    show,
    sign_in,
    sign_out,
    trust,
)
from approvals.cli.failures import CannotGoOn
from approvals.cli.home import DEFAULT, Home

COMMANDS: dict[str, ModuleType] = {
    "sign-in": sign_in,
    "enrol": enrol,
    "list": list_requests,
    "show": show,
    "approve": approve,
    "deny": deny,
    "retract": retract,
    "keys": keys,
    "trust": trust,
    "sign-out": sign_out,
    "decide-first": decide_first,
}
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(COMMANDS[options.command].run(options, Home(options.home)))
    except CannotGoOn as error:
        terminal.complain(str(error) or type(error).__name__)
    except httpx.HTTPError as error:
        terminal.complain(f"The site cannot be reached ({str(error) or type(error).__name__}). Nothing was decided.")
    except (KeyError, TypeError, ValueError):
        # The site's own answers are the only data that is read without asking for each field.
        terminal.complain("The site did not answer as expected. Is it Countersign, and of this version?")
    except KeyboardInterrupt:
        return INTERRUPTED
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m approvals.cli", description="See and decide approval requests without a browser."
    )
    parser.add_argument(
        "--home", type=Path, default=Path(os.environ.get("COUNTERSIGN_HOME") or DEFAULT), metavar="DIRECTORY",
        help=f"where session and key are kept (COUNTERSIGN_HOME, or {DEFAULT})",
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=module.HELP, description=module.__doc__))
    return parser


if __name__ == "__main__":
    sys.exit(main())
