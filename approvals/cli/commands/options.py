"""Options that several commands have."""

from __future__ import annotations

import argparse
from pathlib import Path

from approvals.cli import terminal
from approvals.cli.history import Access


def add_secret_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="take passphrase or PIN from the first line of FILE"
    )


def add_temporal(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from-temporal", metavar="ADDRESS", help="read the workflow's history there as well, and compare"
    )
    parser.add_argument("--namespace", default="", help="of Temporal; otherwise the one that the site names")
    parser.add_argument("--api-key-file", type=Path, metavar="FILE", help="with Temporal's API key in its first line")
    parser.add_argument("--tls", action="store_true", help="reach Temporal with TLS")
    parser.add_argument(
        "--ring-file", type=Path, metavar="FILE", help="with the namespace's keys, if its payloads are encrypted"
    )
    parser.add_argument("--ring-key-file", type=Path, metavar="FILE", help="with the key that opens the ring file")


def temporal_access(options: argparse.Namespace) -> Access | None:
    """Return how to reach Temporal, or None if that was not asked for. Raises ``CannotGoOn``."""
    if not options.from_temporal:
        return None
    api_key = terminal.ask_secret("", options.api_key_file) if options.api_key_file else ""
    ring_key = terminal.ask_secret("", options.ring_key_file) if options.ring_key_file else ""
    return Access(
        options.from_temporal, options.namespace, api_key, options.tls, ring_file=options.ring_file, ring_key=ring_key
    )
