"""The rows of this room."""

from workers.models.incident import Incident

__all__ = ["Incident"]
