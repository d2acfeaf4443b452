from __future__ import annotations

from tests.operations.conftest import ada, billing, contact

__all__ = ["ada", "billing", "contact"]
