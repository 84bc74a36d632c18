"""``manage.py apply_retention``: remove what is no longer kept, an incident at a time."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from audit.retention.applying import Applied, apply


class Command(BaseCommand):
    help = (
        "Remove the content of incidents whose time is over. May be stopped and started again. Exit code 1: some stay."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        removed = kept = 0
        for one in apply(now=timezone.now(), dry_run=dry_run):
            removed, kept = removed + (not one.refusal), kept + bool(one.refusal)
            self.stdout.write(_said(one, dry_run))
        self.stdout.write(
            f"{removed} {'to be removed' if dry_run else 'removed'}, {kept} kept although their time is over."
        )
        if kept:
            sys.exit(1)


def _said(one: Applied, dry_run: bool) -> str:
    if one.refusal:
        return f"{one.name} stays. {one.refusal}"
    return f"{one.name}: {'would be ' if dry_run else ''}removed under the rule of {one.namespace}, {one.days} days."
