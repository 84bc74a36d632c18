"""The provider of ``openid_provider.mjs`` as a child process, and a person's way through its pages."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from playwright.sync_api import Page

from tests.browser.demo import PATIENCE_SECONDS, ROOT

NODE = ROOT / ".venv" / "nodejs" / "bin" / "node"
SCRIPT = Path(__file__).with_name("openid_provider.mjs")


class OpenIDProvider:
    """Acme's sign-in, for the site at ``site``, from ``__enter__`` to ``__exit__``."""

    def __init__(self, port: int, site: str) -> None:
        self.issuer = f"http://localhost:{port}"
        self._command = [str(NODE), str(SCRIPT), str(port), f"{site}/accounts/oidc/acme/login/callback/"]
        self._process: subprocess.Popen[str] | None = None

    def settings(self, role_groups: str) -> dict[str, str]:
        """Return the environment that makes a site know this provider."""
        return {
            "OIDC_PROVIDERS": "acme",
            "OIDC_ACME_NAME": "Acme",
            "OIDC_ACME_ISSUER": self.issuer,
            "OIDC_ACME_CLIENT_ID": "countersign",
            "OIDC_ACME_CLIENT_SECRET": "a secret for the tests of the browser",
            "OIDC_ACME_SCOPES": "openid profile groups",
            "ROLE_GROUPS": role_groups,
        }

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if line.strip() == "listening":
                return self
        raise AssertionError("The provider ended:\n" + "".join(said))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stop for the while. What it knew of sessions and groups is forgotten."""
        self.stop()
        try:
            yield
        finally:
            self.__enter__()

    def put_into_groups(self, login: str, *groups: str) -> None:
        """Make ``groups`` all that ``login`` is in, from their next sign-in on."""
        httpx.put(f"{self.issuer}/people/{login}/groups", json=list(groups)).raise_for_status()


def sign_in_there(page: Page, login: str) -> None:
    """Fill in the provider's own pages, as a person would."""
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("any password")
    page.get_by_role("button", name="Sign-in").click()
    if page.get_by_role("button", name="Continue").is_visible():
        page.get_by_role("button", name="Continue").click()


def without_their_fonts(page: Page) -> None:
    """Do not wait for the provider's fonts, which are elsewhere."""
    page.route(re.compile(r"fonts\.googleapis\.com"), lambda route: route.abort())
