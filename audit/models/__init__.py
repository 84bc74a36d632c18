from audit.models.keys import ServiceKey
from audit.models.ledger import Attachment, LedgerChain, LedgerEntry, RecordedReceipt
from audit.models.rings import RingKey

__all__ = ["Attachment", "LedgerChain", "LedgerEntry", "RecordedReceipt", "RingKey", "ServiceKey"]
