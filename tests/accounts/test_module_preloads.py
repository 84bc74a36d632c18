"""What a page's scripts import is told to browsers at once, and all of it."""

from __future__ import annotations

import re
from pathlib import Path

from accounts.templatetags.modules import preloaded

STATIC = Path(__file__).resolve().parents[2] / "static"
ANY_IMPORT = re.compile(r"""(?:from|import)\s+["'](\.[^"']+)["']""")


def addresses(*modules: str) -> list[str]:
    return re.findall(r'href="/static/([^"]+)"', preloaded(*modules))


def test_all_that_is_imported_is_named_once_with_the_module_itself_first() -> None:
    found = addresses("js/components/sign-decision.js", "js/components/live-request.js")
    assert found[:2] == ["js/components/sign-decision.js", "js/components/live-request.js"]
    assert len(found) == len(set(found))
    for name in found:
        file = STATIC / name
        for imported in ANY_IMPORT.findall(re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL)):
            target = (file.parent / imported).resolve().relative_to(STATIC)
            assert str(target) in found, f"{name} imports {imported}"


def test_how_urgent_it_is_can_be_said() -> None:
    assert 'fetchpriority="low"' in preloaded("js/components/post.js", priority="low")
