"""Static files with a content hash in their names, ES modules included."""

from __future__ import annotations

import re
from wsgiref.headers import Headers

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

_HASHED = re.compile(r"\.[0-9a-f]{12}\.\w+$")


class ModuleManifestStorage(ManifestStaticFilesStorage):
    support_js_module_import_aggregation = True
    # A module's name depends on those it imports: each pass settles one more level.
    max_post_process_passes = 12


def is_immutable(path: str, url: str) -> bool:
    """Return whether a file's name changes with its content, so that browsers may keep it for ever."""
    return _HASHED.search(url) is not None


def secure_headers(headers: Headers, path: str, url: str) -> None:
    """Static files do not pass Django's middleware, which sets this elsewhere."""
    headers["X-Content-Type-Options"] = "nosniff"
