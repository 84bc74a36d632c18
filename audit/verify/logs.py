"""Steps 17 and 18: places in the logs, and checkpoints that somebody kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from audit.statements import merkle, notes
from audit.statements.evidence import Earlier, Located
from audit.statements.notes import Checkpoint, MalformedNote
from audit.verify.reading import UnusableInput
from audit.verify.report import counted
from audit.verify.steps import Refused, Step, require

_NONE_OF_THESE = (
    "Nothing here is in a log of which you gave a checkpoint: the file is from elsewhere, or its log goes by another "
    "name than the one that you know."
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that whoever verifies kept outside, as text and as read. Its root is what is trusted."""

    text: str
    checkpoint: Checkpoint

    @classmethod
    def of(cls, data: bytes) -> Kept:
        """Raises ``UnusableInput``."""
        try:
            return cls(data.decode(), notes.checkpoint_in(notes.parse(data).text))
        except (MalformedNote, UnicodeDecodeError) as error:
            raise UnusableInput(f"What was given as a checkpoint is none. {error}") from error


@dataclass(slots=True)
class Logs:
    """The checkpoints of this bundle, as far as they verified: the roots (32 bytes) by origin and size."""

    roots: dict[str, dict[int, bytes]] = field(default_factory=dict)

    def check_place(self, log: Located, entry_hash: bytes, ledger_keys: frozenset[bytes]) -> str:
        """Step 17. Return in words where the entry is. Raises ``Refused``."""
        checkpoint = _opened(log.note, ledger_keys, Step.LOG)
        origin, size = checkpoint.origin, checkpoint.size
        require(origin == log.origin, Step.LOG, f"The checkpoint is of the log {origin!r}, not of {log.origin!r}.")
        leaf = merkle.leaf_hash(entry_hash)
        try:
            merkle.verify_inclusion(leaf=leaf, index=log.position, size=size, proof=log.proof, root=checkpoint.root)
        except merkle.ProofRefused as error:
            raise Refused(Step.LOG, str(error)) from error
        known = self.roots.setdefault(origin, {}).setdefault(size, checkpoint.root)
        same = known == checkpoint.root
        require(same, Step.LOG, f"Two checkpoints of the log {origin!r} over {size} entries are not the same.")
        return f"leaf {log.position} of {size} in the log {origin}"

    def absorb(self, others: Logs) -> bool:
        """Take the checkpoints of ``others`` too. False, and none is taken, if one is not the same here."""
        found = [(origin, size, root) for origin, roots in others.roots.items() for size, root in roots.items()]
        if any(self.roots.get(origin, {}).get(size, root) != root for origin, size, root in found):
            return False
        for origin, size, root in found:
            self.roots.setdefault(origin, {})[size] = root
        return True

    def check_earlier(
        self,
        earlier: Sequence[Earlier],
        kept: Sequence[Kept],
        ledger_keys: frozenset[bytes],
        tell: Callable[[str], None],
    ) -> str:
        """Step 18. Return in words what was found; ``tell`` is given notes. Raises ``Refused``."""
        shown = set()
        for one in earlier:
            before, after = self._check_consistency(one, ledger_keys)
            shown.add((one.kept, after.size))
            if one.kept not in {given.text for given in kept}:
                tell(
                    f"The file goes on from a checkpoint of {before.size} entries of {before.origin}, which was not "
                    "given here. Only one that you keep yourself shows that nothing was written anew."
                )
        for given in kept:
            self._require_shown(given, shown, ledger_keys, tell)
        if not kept:
            tell(
                "Whether the ledger was written anew was not checked: give a checkpoint that you keep with "
                "--checkpoint to check it."
            )
        self._tell_older(kept, tell)
        going = sum(given.checkpoint.origin in self.roots for given in kept)
        require(going > 0 or not kept, Step.EARLIER, _NONE_OF_THESE)
        return f"goes on from {counted(going, 'checkpoint')} that you keep" if going else ""

    def _tell_older(self, kept: Sequence[Kept], tell: Callable[[str], None]) -> None:
        """A log shows that an entry is in it, and not that a chain has no further ones."""
        for given in kept:
            origin, size = given.checkpoint.origin, given.checkpoint.size
            older = min(self.roots.get(origin, {size: b""}))
            if older < size:
                tell(
                    f"Chains here are proven as they were at {older} entries of {origin}; your checkpoint is of {size}"
                    ": whether they went on in between is not shown."
                )

    def _check_consistency(self, one: Earlier, ledger_keys: frozenset[bytes]) -> tuple[Checkpoint, Checkpoint]:
        kept, note = (_opened(text, ledger_keys, Step.EARLIER) for text in (one.kept, one.note))
        same = kept.origin == note.origin
        require(same, Step.EARLIER, f"A proof leads from the log {kept.origin!r} to the log {note.origin!r}.")
        is_here = self.roots.get(note.origin, {}).get(note.size) == note.root
        require(is_here, Step.EARLIER, "A proof leads to a checkpoint that nothing here is proven with.")
        first, second = sorted((kept, note), key=lambda checkpoint: checkpoint.size)
        try:
            merkle.verify_consistency(
                first=first.size, second=second.size, first_root=first.root, second_root=second.root, proof=one.proof
            )
        except merkle.ProofRefused as error:
            sentence = f"The log {kept.origin!r} does not go on from the checkpoint of {kept.size} entries. {error}"
            raise Refused(Step.EARLIER, sentence) from error
        return kept, note

    def _require_shown(
        self,
        given: Kept,
        shown: set[tuple[str, int]],
        ledger_keys: frozenset[bytes],
        tell: Callable[[str], None],
    ) -> None:
        origin, size = given.checkpoint.origin, given.checkpoint.size
        if origin not in self.roots:
            tell(f"The checkpoint that you gave, of {size} entries of {origin}, is of a log that nothing here is in.")
            return
        _opened(given.text, ledger_keys, Step.EARLIER)
        for other in sorted(self.roots[origin]):
            require(
                (given.text, other) in shown,
                Step.EARLIER,
                f"This file has no proof from the checkpoint you keep, of {size} entries of {origin!r}, to its own of "
                f"{other}; ask for one: export_receipts … --checkpoint FILE",
            )


def _opened(text: str, ledger_keys: frozenset[bytes], step: Step) -> Checkpoint:
    """Return the checkpoint in ``text``, signed with one of ``ledger_keys``. Raises ``Refused``."""
    try:
        note = notes.parse(text.encode())
        checkpoint = notes.checkpoint_in(note.text)
    except (MalformedNote, UnicodeEncodeError) as error:
        sentence = str(error) if isinstance(error, MalformedNote) else "The note is not text."
        raise Refused(step, sentence) from error
    signed = any(_is_signed(note, checkpoint.origin, key) for key in ledger_keys)
    require(signed, step, "The checkpoint is not signed with a ledger key that a trusted root endorsed.")
    return checkpoint


def _is_signed(note: notes.Note, name: str, key: bytes) -> bool:
    try:
        note.verify(name, key)
    except MalformedNote:
        return False
    return True
