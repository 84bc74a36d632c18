"""``manage.py``, with the file that is the first argument as the policy of incidents; otherwise as for the demo."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import django  # noqa: E402
from django.core.management import execute_from_command_line  # noqa: E402

from config import demo  # noqa: E402
from warrants.policies import release  # noqa: E402


def main(policy: str, arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    demo.prepare(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        for policy_file in release.FOLDER.glob("*.yaml"):
            shutil.copy(policy_file, folder)
        release.FOLDER = Path(folder)
        (release.FOLDER / "incident-response.yaml").write_text((ROOT / policy).read_text())
        django.setup()
        execute_from_command_line(["manage.py", *arguments])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
