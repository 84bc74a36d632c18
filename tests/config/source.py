"""Reading this repository's own source, for tests that hold its documents against it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("config", "workers", "approvals", "warrants", "accounts", "audit")
_READERS = {
    "text",
    "boolean",
    "by_namespace",
    "choice",
    "integer",
    "names",
    "pairs",
    "public_keys",
    "secret",
    "stream_target",
    "web_address",
}


def sources(*folders: str, pattern: str = "*.py") -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob(pattern))


def document(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def variables_read(path: Path) -> set[str]:
    """Return the names given as literals to ``config.env``'s readers, to ``os.environ`` or to ``_key``."""
    return {name for node in ast.walk(tree(path)) for name in _names(node) if name.isupper()}


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and node.args and _reads_environment(node.func):
        yield from _literal(node.args[0])
    if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
        yield from _literal(node.slice)


def _reads_environment(function: ast.expr) -> bool:
    name = ast.unparse(function)
    return name in {f"env.{reader}" for reader in _READERS} | {"_key"} or name.endswith(("environ.get", "os.getenv"))


def _literal(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def error_classes(path: Path) -> dict[str, str | None]:
    """Return the classes in ``path`` with the code that each sets itself, or None."""
    classes = [node for node in tree(path).body if isinstance(node, ast.ClassDef)]
    return {node.name: next(_codes(node), None) for node in classes}


def _codes(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else getattr(statement, "targets", [])
        if any(isinstance(target, ast.Name) and target.id == "code" for target in targets):
            yield ast.literal_eval(statement.value)  # type: ignore[attr-defined]
