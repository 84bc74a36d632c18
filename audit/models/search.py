"""The index of the ledger: what can be searched for, beside the entries. It follows from them, and can be made anew.

What an entry says of a call's metadata stands here in plain; words of reasons and arguments only as keyed hashes.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from audit.models.ledger import LedgerChain, LedgerEntry


class SearchKey(models.Model):
    """A key of the index, wrapped: with that of its namespace words become tokens (``audit.search.tokens``)."""

    namespace = models.CharField(max_length=255, primary_key=True)
    wrapped_key = models.BinaryField()

    def __str__(self) -> str:
        return f"of {self.namespace!r}"


class IndexState(models.IntegerChoices):
    """How much of an entry is in the index. Values are stored; none is ever reused."""

    WHOLE = 0
    CUT = 1  # it has more words than the index takes of one entry
    CLOSED = 2  # it does not open: only its kind, time and chain are known


class IndexedEntry(models.Model):
    """What is known of an entry, in plain. Texts are cut where they would be too long to search for.

    ``place`` orders entries of one millisecond: the chain's name, a zero byte, and the sequence in 8 bytes.
    ``person`` did it, or it is about them; ``by`` is the other one, where there are two. Keys are SHA-256 fingerprints
    in hexadecimal. Decisions have the ``tool`` and ``workflow_id`` of their request, and ``waited_ms`` since it.
    """

    entry = models.OneToOneField(LedgerEntry, on_delete=models.CASCADE, primary_key=True, related_name="indexed")
    chain = models.ForeignKey(LedgerChain, on_delete=models.CASCADE, db_index=False, related_name="+")
    place = models.BinaryField(max_length=73)
    at_ms = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=32)
    namespace = models.CharField(max_length=255)
    of_service = models.BooleanField()
    tool = models.CharField(max_length=200, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    person = models.CharField(max_length=320, blank=True)
    by = models.CharField(max_length=320, blank=True)
    key = models.CharField(max_length=64, blank=True)
    by_key = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    workflow_id = models.CharField(max_length=1000, blank=True)
    waited_ms = models.PositiveBigIntegerField(null=True)
    state = models.PositiveSmallIntegerField(choices=IndexState.choices, default=IndexState.WHOLE)

    class Meta:
        # Each is read backwards for the newest first; entries of one millisecond are put in order afterwards.
        indexes = [
            models.Index(fields=["at_ms"], name="indexed_at"),
            models.Index(fields=["namespace", "at_ms"], name="indexed_namespace"),
            models.Index(fields=["kind", "at_ms"], name="indexed_kind"),
            models.Index(fields=["tool", "kind", "at_ms"], name="indexed_tool_kind"),
            models.Index(fields=["tool", "at_ms"], name="indexed_tool"),
            models.Index(fields=["agent", "at_ms"], name="indexed_agent"),
            models.Index(fields=["chain", "at_ms"], name="indexed_chain"),
            models.Index(fields=["workflow_id", "at_ms"], name="indexed_workflow"),
            models.Index(fields=["person", "at_ms"], name="indexed_person", condition=~Q(person="")),
            models.Index(fields=["by", "at_ms"], name="indexed_by", condition=~Q(by="")),
            models.Index(fields=["key", "at_ms"], name="indexed_key", condition=~Q(key="")),
            models.Index(fields=["by_key", "at_ms"], name="indexed_by_key", condition=~Q(by_key="")),
            models.Index(fields=["request_id"], name="indexed_request", condition=~Q(request_id="")),
            models.Index(fields=["state"], name="indexed_state", condition=~Q(state=IndexState.WHOLE)),
        ]

    def __str__(self) -> str:
        return f"{self.chain_id} {self.kind}"


class TermSource(models.IntegerChoices):
    """Where a word stands. It is hashed with the word. Values are stored; none is ever reused."""

    SAID_BY_PEOPLE = 1  # reasons of people, titles of alerts: for every reader
    SAID_BY_AGENTS = 2  # why workflows and workers say that something happened: content
    ARGUMENT = 3  # whole values of arguments, and words of them: content; erased with them


class SearchTerm(models.Model):
    """A word, or value, of an entry: the first 8 bytes of its keyed hash. ``at_ms`` is the entry's."""

    pk = models.CompositePrimaryKey("entry_id", "token")
    entry = models.ForeignKey(IndexedEntry, on_delete=models.CASCADE, db_index=False, related_name="terms")
    token = models.BigIntegerField()
    at_ms = models.PositiveBigIntegerField()
    source = models.PositiveSmallIntegerField(choices=TermSource.choices)

    class Meta:
        indexes = [models.Index(fields=["token", "at_ms", "entry"], name="terms_by_token")]

    def __str__(self) -> str:
        return f"a word of {self.entry_id}"


class SavedSearch(models.Model):
    """A search that a person named, sealed: it may quote what was searched for. ``owner`` is who they are, as text."""

    owner = models.CharField(max_length=500)
    name = models.CharField(max_length=100)
    sealed = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="one_saved_search_of_a_name")]

    def __str__(self) -> str:
        return self.name
