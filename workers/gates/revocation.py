"""Revocation that takes effect on a live worker, with the next activity.

Tenuo's own ``revocation_list_provider`` is asked once, when the worker starts. So the list is
given to a Tenuo ``Runtime``, which every authorisation reads anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import tenuo_core
from tenuo.identity import HolderIdentity
from tenuo.runtime import Runtime


class RevocationRefused(ValueError):
    """A revocation list that must not be installed; the message says why."""


class Revocation:
    """The newest signed revocation list this worker knows.

    ``trusted_roots`` are 32-byte Ed25519 keys; a list counts only if one of them signed it.
    """

    def __init__(self, trusted_roots: Sequence[bytes]) -> None:
        self._roots = [tenuo_core.PublicKey.from_bytes(root) for root in trusted_roots]
        # The runtime signs nothing here; Tenuo wants an identity, so it gets one of its own.
        self.runtime = Runtime(HolderIdentity.generate(), self._roots)

    @property
    def version(self) -> int:
        """The installed list's version, 0 before the first."""
        installed = self.runtime.revocation_list
        return int(installed.version) if installed is not None else 0

    def apply(self, data: bytes) -> bool:
        """Install the list in ``data`` and return True; return False if that version is installed already.

        Raises ``RevocationRefused`` for bytes that are no list, for a signature that is not a trusted
        root's, and for an older list, which would bring revoked warrants back.
        """
        try:
            offered = tenuo_core.SignedRevocationList.from_bytes(data)
        except Exception as error:
            raise RevocationRefused("The revocation list cannot be read.") from error
        if not any(self._signed_by(offered, root) for root in self._roots):
            raise RevocationRefused("The revocation list is not signed by a trusted root.")
        if offered.version == self.version:
            return False
        if offered.version < self.version:
            raise RevocationRefused(
                f"The revocation list has version {offered.version}, older than the installed {self.version}."
            )
        self.runtime.apply_revocation_list(offered)
        return True

    @staticmethod
    def _signed_by(offered: tenuo_core.SignedRevocationList, root: tenuo_core.PublicKey) -> bool:
        try:
            return offered.verify(root) is not False
        except Exception:
            return False
