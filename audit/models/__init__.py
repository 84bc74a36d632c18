from audit.models.exports import Export, ExportedNamespace
from audit.models.keys import ServiceKey
from audit.models.ledger import Attachment, LedgerChain, LedgerEntry, RecordedReceipt
from audit.models.logs import Leaf, Log, LogCheckpoint, LogReader, PendingLeaf, Tile
from audit.models.rings import RingKey
from audit.models.search import IndexedEntry, IndexState, SavedSearch, SearchKey, SearchTerm, TermSource

__all__ = [
    "Attachment",
    "Export",
    "ExportedNamespace",
    "IndexState",
    "IndexedEntry",
    "Leaf",
    "LedgerChain",
    "LedgerEntry",
    "Log",
    "LogCheckpoint",
    "LogReader",
    "PendingLeaf",
    "RecordedReceipt",
    "RingKey",
    "SavedSearch",
    "SearchKey",
    "SearchTerm",
    "ServiceKey",
    "TermSource",
    "Tile",
]
