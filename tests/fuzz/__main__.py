"""``python -m tests.fuzz``: every decoder for a bounded time each. Exit code 1 if one of them has a finding."""

from __future__ import annotations

import argparse
import os
import secrets
import sys


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Damaged bytes against every decoder.")
    parser.add_argument("--seconds", type=float, default=20, help="for each decoder")
    parser.add_argument("--first", type=int, help="the number of the first input; by default, a random one")
    parser.add_argument("--only", default="", help="the decoders with this in their name")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from tests.fuzz.browser import Browser
    from tests.fuzz.decoders import DECODERS
    from tests.fuzz.fuzzing import Finding, fuzz

    first = secrets.randbelow(10**12) if options.first is None else options.first
    sys.stdout.write(f"{options.seconds:g} s for each decoder, inputs from {first} on\n")
    findings = 0
    with Browser() as browser:
        for decoder in DECODERS:
            if options.only not in decoder.name:
                continue
            try:
                tried = fuzz(decoder, seconds=options.seconds, first=first, also=browser.compare)
                sys.stdout.write(f"{decoder.name:24} {tried:9,} inputs{', also in the browser' * bool(decoder.twin)}\n")
            except Finding as finding:
                findings += 1
                sys.stdout.write(f"{decoder.name:24} FINDING {finding}\n")
            sys.stdout.flush()
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
