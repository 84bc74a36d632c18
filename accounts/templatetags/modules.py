"""What a page's scripts import, told to browsers at once: else they learn of each level only from the one before."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()

_IMPORTS = re.compile(r"""^(?:import|export|\})[^"'\n]*["'](\.{1,2}/[^"']+\.js)["'];""", re.MULTILINE)


@register.simple_tag
def preloaded(*modules: str, priority: str = "auto") -> SafeString:
    """Have browsers fetch ``modules``, static files each, and all that they import, at once."""
    links = ((static(name), priority) for name in _closure(modules))
    return format_html_join("\n", '<link rel="modulepreload" href="{}" fetchpriority="{}">', links)


@cache
def _closure(modules: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of ``modules`` and of all that they import, the nearest first."""
    found = list(modules)
    for name in found:
        found += [one for one in _imports(name) if one not in found]
    return tuple(found)


def _imports(name: str) -> list[str]:
    path = finders.find(name)
    text = Path(path).read_text(encoding="utf-8") if isinstance(path, str) else ""
    found = [posixpath.normpath(posixpath.join(posixpath.dirname(name), one)) for one in _IMPORTS.findall(text)]
    return list(dict.fromkeys(found))
