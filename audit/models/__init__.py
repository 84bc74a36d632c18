from audit.models.keys import ServiceKey
from audit.models.ledger import Attachment, LedgerChain, LedgerEntry, RecordedReceipt

__all__ = ["Attachment", "LedgerChain", "LedgerEntry", "RecordedReceipt", "ServiceKey"]
