"""Ada at her command line, before a site that really runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from accounts.models import ApproverKey, Person
from accounts.tokens.services import make
from approvals.models import ApprovalRequest
from approvals.requests import services
from tests.approvals import factories
from tests.cli.terminal import CommandLine
from tests.endorsing import endorsed


@dataclass
class Desk:
    """A running site at ``site``, its trusted root, Ada, and her command line."""

    site: str
    ada: Person
    issuer: Any
    terminal: CommandLine

    def sign_in(self) -> None:
        ended = self.terminal.sign_in(self.site, make(person=self.ada, name="Terminal")[1])
        assert ended, ended.errors

    def enrol(self, *options: str) -> ApproverKey:
        """Return a new key of Ada's, endorsed."""
        ended = self.terminal.enrol(*options)
        assert ended, ended.errors
        return endorsed(ApproverKey.objects.latest("id"))

    def open_request(self, key: ApproverKey | bytes, **changes: Any) -> ApprovalRequest:
        """Return a request of the site's root that asks for ``key``."""
        public_key = key if isinstance(key, bytes) else bytes(key.public_key)
        minted = factories.mint(public_key, min_approvals=1, issuer=self.issuer)
        return services.open(gate_request=factories.gate_request(minted, **changes))


@pytest.fixture
def desk(live_server: Any, settings: Any, tmp_path: Path) -> Iterator[Desk]:
    import tenuo_core

    cache.clear()
    settings.SITE_ROOT = live_server.url
    issuer = tenuo_core.SigningKey.generate()
    factories.trust(issuer.public_key_bytes())
    yield Desk(live_server.url, factories.person("ada"), issuer, CommandLine(tmp_path))
    cache.clear()


@pytest.fixture
def enrolled(desk: Desk) -> tuple[Desk, ApproverKey]:
    """Ada has signed in and enrolled a key in a file."""
    desk.sign_in()
    return desk, desk.enrol()


@pytest.fixture
def at_home(desk: Desk) -> Callable[[str], Path]:
    return lambda name: desk.terminal.home / name
