"""Verifying a bundle of many chains with several processes.

The lines are cut behind the ends of chains, and other processes check the pieces. A piece in which nothing is wrong,
and which fits to what came before, is taken as they found it; every other line is checked here, as if there were no
other process. So what is said of a file does not depend on their number.

A few pieces for each process are held at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field

from audit.verify.reading import Bundle
from audit.verify.report import LineReport, Result
from audit.verify.sections import Trust
from audit.verify.verifier import Kept, Part, Run, Tell, require_evidence

# Lines: so many that handing them over costs little.
PIECE = 200
_PIECES_FOR_EACH = 3
_END = b'{"end":'

_Found = tuple[Part, list[LineReport]] | None
_trust: Trust


@dataclass(slots=True)
class _Piece:
    """Lines that end a chain. ``first`` is the number of the first one."""

    first: int
    lines: list[bytes] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return len(self.lines) >= PIECE and self.lines[-1].startswith(_END)


def verify_lines(
    lines: Iterable[bytes],
    *,
    jobs: int,
    tell: Tell,
    roots: list[str],
    people_roots: Sequence[str],
    checkpoints: Sequence[bytes],
    approval_lifetime: int,
) -> Result:
    """Verify a bundle as ``audit.verify.verifier.verify_lines`` does, with ``jobs`` further processes."""
    trusted = (roots, people_roots, approval_lifetime)
    run = Run(Trust.of(*trusted), [Kept.of(data) for data in checkpoints], tell)
    rest = iter(lines)
    first = next(rest, b"")
    if first:
        require_evidence(first)
        if not run.take(LineReport(1), first):
            return run.result
    with ProcessPoolExecutor(jobs, initializer=_settle, initargs=trusted) as processes:
        waiting: deque[tuple[_Piece, Future[_Found]]] = deque()
        for piece in _pieces(rest):
            waiting.append((piece, processes.submit(_check, run.bundle, piece)))
            if len(waiting) > jobs * _PIECES_FOR_EACH:
                _take(run, *waiting.popleft())
        for piece, found in waiting:
            _take(run, piece, found)
    run.finish()
    return run.result


def _pieces(lines: Iterator[bytes]) -> Iterator[_Piece]:
    piece = _Piece(2)
    for number, line in enumerate(lines, start=2):
        piece.lines.append(line)
        if piece.is_whole:
            yield piece
            piece = _Piece(number + 1)
    if piece.lines:
        yield piece


def _take(run: Run, piece: _Piece, checking: Future[_Found]) -> None:
    try:
        found = checking.result()
    except BrokenExecutor:
        found = None
    if found is not None and run.absorb(*found):
        return
    for number, line in enumerate(piece.lines, start=piece.first):
        run.take(LineReport(number), line)


def _settle(roots: list[str], people_roots: Sequence[str], approval_lifetime: int) -> None:
    """Keep in this process what is trusted."""
    global _trust
    _trust = Trust.of(roots, people_roots, approval_lifetime)


def _check(bundle: Bundle | None, piece: _Piece) -> _Found:
    """Return what is found in ``piece``, or None if that is for the process to say that knows all lines."""
    reports: list[LineReport] = []
    run = Run(_trust, [], lambda _, report: reports.append(report), bundle)
    for number, line in enumerate(piece.lines, start=piece.first):
        run.take(LineReport(number), line)
    part = run.part()
    return None if part is None else (part, reports)
