"""``manage.py``, under a policy that asks for a fresh second factor before an approval.

With ``--provider`` as the first argument, people without a passkey confirm at a provider that is stood in for: it
sends them back at once, having asked them again.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import django  # noqa: E402
from django.core.management import execute_from_command_line  # noqa: E402

from config import demo  # noqa: E402
from warrants.policies import release  # noqa: E402


def ask_for_a_second_factor(folder: Path) -> None:
    for path in release.FOLDER.glob("*.yaml"):
        (folder / path.name).write_text(f"{path.read_text()}\nstep_up_seconds: 300\n")
    release.FOLDER = folder


def register_provider() -> None:
    from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

    from accounts.models import Person
    from accounts.step_up import providers
    from accounts.web import signed_in

    class Provider:
        def name_for(self, person: Person) -> str:
            return "Example ID"

        def start(self, http_request: HttpRequest, *, purpose: str, next_path: str) -> HttpResponse:
            person = signed_in(http_request)
            providers.completed(http_request, person=person, purpose=purpose, auth_time=int(time.time()))
            return HttpResponseRedirect(next_path)

    providers.register(Provider())


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with_provider = arguments[:1] == ["--provider"]
    arguments = arguments[1:] if with_provider else arguments
    prepare_environment = demo.prepare if arguments[:1] == ["demo"] else demo.load
    prepare_environment(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        ask_for_a_second_factor(Path(folder))
        django.setup()
        if with_provider:
            register_provider()
        execute_from_command_line(["manage.py", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
