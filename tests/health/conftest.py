from __future__ import annotations

from tests.admin.conftest import staff_with

__all__ = ["staff_with"]
