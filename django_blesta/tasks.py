"""What a Celery worker can be asked to do: shells around the floors below, named explicitly, fed with ids only."""

from __future__ import annotations

from celery import shared_task
from django.db import DEFAULT_DB_ALIAS

from django_blesta import sync
from django_blesta.models import mirror_named


@shared_task(name="django_blesta.sync_all", acks_late=True, ignore_result=True)
def sync_all(using: str = DEFAULT_DB_ALIAS, *, details: bool = True, scoped: bool = True) -> None:
    """Everything, as `blesta_sync` does it; what went wrong is on the runs, and a trouble that stops all is raised."""
    sync.run(using=using, cause="task", details=details, scoped=scoped)


@shared_task(name="django_blesta.refresh", acks_late=True, ignore_result=True)
def refresh(resource: str, pk: int | str, using: str = DEFAULT_DB_ALIAS) -> None:
    """One row, named by its mirror (`invoice`, `myapp.widget`) and Blesta's id."""
    sync.refresh(mirror_named(resource), pk, using=using, cause="task")
