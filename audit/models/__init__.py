from audit.models.keys import ServiceKey
from audit.models.ledger import Attachment, LedgerChain, LedgerEntry, RecordedReceipt
from audit.models.logs import Leaf, Log, LogCheckpoint, LogReader, PendingLeaf, Tile
from audit.models.retention import EvidenceHold, EvidenceRemoval
from audit.models.rings import RingKey
from audit.models.upkeep import LedgerCheck, Turn

__all__ = [
    "Attachment",
    "EvidenceHold",
    "EvidenceRemoval",
    "Leaf",
    "LedgerChain",
    "LedgerCheck",
    "LedgerEntry",
    "Log",
    "LogCheckpoint",
    "LogReader",
    "PendingLeaf",
    "RecordedReceipt",
    "RingKey",
    "ServiceKey",
    "Tile",
    "Turn",
]
