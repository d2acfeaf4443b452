"""Mishaps that take their time: servers that are restarted or emptied in the middle of a run, and hostile orders of
events from many seeds. Every test in this folder is marked `faults`.

    make faults          all of it, with the long proofs, from 200 seeds each
    make faults-smoke    the same tests from a few fixed seeds, in less than three minutes on one core

A test takes its seeds from `tests.sync.meddling.seeds(few)`: so `few` is what the smoke runs, and `BLESTA_FAULT_SEEDS`
(with `BLESTA_FAULT_FIRST_SEED`) says how many the whole runs. Nothing here stops, restarts or empties a server that
it did not start itself.
"""

from __future__ import annotations
