#!/usr/bin/env python
"""Countersign's command line: ``./manage.py help``."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

from config import demo

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    prepare_environment = demo.prepare if sys.argv[1:2] == ["demo"] else demo.load
    prepare_environment(Path(__file__).resolve().parent)
    if sys.argv[1:2] == ["demo"] and "--payment" in sys.argv:
        os.environ.setdefault("NAMESPACES_FILE", str(Path(__file__).resolve().parent / demo.PAYMENT_NAMESPACES))
    execute_from_command_line(sys.argv)
