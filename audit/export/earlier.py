"""Proofs that the logs go on from what somebody keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from audit.export.errors import LogWasCut, NotACheckpoint
from audit.log.queries import consistency_of
from audit.models import Log
from audit.statements.evidence import Earlier
from audit.statements.notes import Checkpoint, MalformedNote, checkpoint_in, parse


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that whoever asks for evidence keeps. Whether it is genuine, they find out from the evidence."""

    text: str
    checkpoint: Checkpoint

    @classmethod
    def of(cls, text: str) -> Kept:
        """Raises ``NotACheckpoint``."""
        try:
            checkpoint = checkpoint_in(parse(text.encode()).text)
        except (MalformedNote, UnicodeEncodeError) as error:
            raise NotACheckpoint(str(error) if isinstance(error, MalformedNote) else "It is not text.") from error
        if checkpoint.size == 0:
            raise NotACheckpoint("It is one of an empty log.")
        return cls(text, checkpoint)


def earlier(kept: Sequence[Kept], notes: Mapping[str, Mapping[int, str]]) -> Iterator[Earlier]:
    """Return the proof between each of ``kept`` and each of ``notes`` (text by origin and size) of the same log.

    Raises ``LogWasCut``, ``LogBroken``.
    """
    for one in kept:
        of_log = notes.get(one.checkpoint.origin)
        log = Log.objects.filter(origin=one.checkpoint.origin).first() if of_log else None
        if log is None or of_log is None:
            continue
        for size, note in sorted(of_log.items()):
            first, second = sorted((one.checkpoint.size, size))
            if second > log.size:
                raise LogWasCut(log.origin, size=log.size, kept=second)
            yield Earlier(one.text, note, consistency_of(log, first, second))
