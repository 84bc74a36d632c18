from warrants.models.agent import AgentIdentity
from warrants.models.catalogue import ReportedTool
from warrants.models.delegation import Delegation
from warrants.models.issuer import Endorsement, IssuerKey, TrustedRoots
from warrants.models.order import MintOrder
from warrants.models.policy import PolicyVersion
from warrants.models.revocation import (
    KeyRevocationList,
    ListConfirmation,
    MintingStop,
    Revocation,
    RevocationList,
)
from warrants.models.warrant import Warrant

__all__ = [
    "AgentIdentity",
    "Delegation",
    "Endorsement",
    "IssuerKey",
    "KeyRevocationList",
    "ListConfirmation",
    "MintOrder",
    "MintingStop",
    "PolicyVersion",
    "ReportedTool",
    "Revocation",
    "RevocationList",
    "TrustedRoots",
    "Warrant",
]
