"""``python -m audit.page FILE``: write the verifier as one HTML page that runs from disk, without a network.

The modules that ``static/js/verify/page.js`` needs are put one after the other into one script, each in a function of
its own. The page's policy allows that script and that style, by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_SCRIPTS = _HERE.parents[1] / "static" / "js"
_ENTRY = "verify/page.js"
_IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)


class Unbuildable(Exception):
    """A script in a form that this builder does not know; the message names it."""


def main(arguments: list[str]) -> int:
    """Write the page; return the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("Say where to write the page: python -m audit.page verify.html\n")
        return 2
    Path(arguments[0]).write_text(build(), encoding="utf-8")
    sys.stdout.write(f"{arguments[0]} is the verifier: open it in a browser, from disk.\n")
    return 0


def build() -> str:
    """Return the page. Raises ``Unbuildable``."""
    script, style = bundle(_ENTRY), (_HERE / "page.css").read_text()
    if "</script" in script or "</style" in style:
        raise Unbuildable("A script or style would end its own element.")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    page = (_HERE / "page.html").read_text()
    for name, value in {"{{policy}}": policy, "{{style}}": style, "{{script}}": script}.items():
        before, after = page.split(name)
        page = before + value + after
    return page


def bundle(entry: str) -> str:
    """Return one script of ``entry`` and all that it imports, what is needed first coming first."""
    modules: dict[str, str] = {}
    _add(entry, modules, [])
    body = "\n".join(f"modules[{name!r}] = (() => {{\n{source}}})();" for name, source in modules.items())
    return f'"use strict";\nconst modules = {{}};\n{body}\n'


def _add(name: str, modules: dict[str, str], above: list[str]) -> None:
    if name in modules:
        return
    if name in above:
        raise Unbuildable(f"{name} imports itself, through {above[-1]}.")
    source = (_SCRIPTS / name).read_text(encoding="utf-8")

    def named(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))
        _add(path, modules, [*above, name])
        return f"const {{{match[1].replace(' as ', ': ')}}} = modules[{path!r}];\n"

    source = _IMPORT.sub(named, source)
    exported = [match[2] for match in _EXPORT.finditer(source)]
    source = _EXPORT.sub(r"\1", source)
    if re.search(r"^(import|export)\b", source, re.MULTILINE):
        raise Unbuildable(f"{name} imports or exports in a form that is not known here.")
    modules[name] = f"{source}return {{ {', '.join(exported)} }};\n"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
