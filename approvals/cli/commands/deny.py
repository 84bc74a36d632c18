"""``deny REQUEST``."""

from __future__ import annotations

import argparse

from approvals.cli.commands import decide
from approvals.cli.home import Home

HELP = "sign a denial of a request"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    decide.add_arguments(parser, needs_reason=True)
    parser.add_argument(
        "--propose", action="append", default=[], metavar="NAME=VALUE",
        help="an argument you would agree to instead; repeat it for more",
    )  # fmt: skip


async def run(options: argparse.Namespace, home: Home) -> int:
    return await decide.run(options, home, is_approval=False)
