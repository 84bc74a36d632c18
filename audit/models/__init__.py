from audit.models.exports import Export, ExportedNamespace
from audit.models.keys import PushKey, ServiceKey
from audit.models.ledger import Attachment, LedgerChain, LedgerEntry, RecordedReceipt, RecordedWarrant
from audit.models.logs import Leaf, Log, LogCheckpoint, LogReader, PendingLeaf, Tile
from audit.models.retention import EvidenceHold, EvidenceRemoval
from audit.models.rings import RingKey
from audit.models.search import IndexedEntry, IndexState, SavedSearch, SearchKey, SearchTerm, TermSource
from audit.models.streams import EntryStream
from audit.models.upkeep import LedgerCheck, Turn

__all__ = [
    "Attachment",
    "EntryStream",
    "EvidenceHold",
    "EvidenceRemoval",
    "Export",
    "ExportedNamespace",
    "IndexState",
    "IndexedEntry",
    "Leaf",
    "LedgerChain",
    "LedgerCheck",
    "LedgerEntry",
    "Log",
    "LogCheckpoint",
    "LogReader",
    "PendingLeaf",
    "PushKey",
    "RecordedReceipt",
    "RecordedWarrant",
    "RingKey",
    "SavedSearch",
    "SearchKey",
    "SearchTerm",
    "ServiceKey",
    "TermSource",
    "Tile",
    "Turn",
]
