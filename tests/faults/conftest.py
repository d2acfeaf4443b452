"""What the tests of mishaps share. Servers that a test may restart or empty are the test's own."""

from __future__ import annotations
