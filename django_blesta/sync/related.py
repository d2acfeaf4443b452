"""Rows that Blesta changes together with another, as the declarations name them (`"applied.invoice"`)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from django.db import models

from django_blesta.models import Mirror
from django_blesta.resources import resource_of
from django_blesta.sync.together import refresh_under

Found = dict[type[Mirror], set[int]]


class Related:
    """The relations of one mirror whose rows change with its own."""

    def __init__(self, model: type[Mirror], using: str) -> None:
        self._model, self._using = model, using
        paths = [path.split(".") for path in resource_of(model).related]
        listed = [path for path in paths if len(path) == 1 and _is_listed_under(model, path[0])]
        self._listed = [_target(model, name) for (name,) in listed]
        self._paths = [path for path in paths if path not in listed]

    def of(self, pks: Collection[int]) -> Found:
        """The related rows that the mirror knows of now."""
        found: Found = {}
        for path in self._paths if pks else ():
            model = self._model
            for name in path:
                model = _target(model, name)
            lookup = "__".join(path)
            rows = self._model._base_manager.using(self._using).filter(pk__in=pks, **{f"{lookup}__isnull": False})
            found.setdefault(model, set()).update(rows.values_list(f"{lookup}_id", flat=True))
        return found

    def after(self, before: Found, pks: Collection[int]) -> Found:
        """List anew what is listed under these rows, then name the others: those that were related, and that are."""
        for model in self._listed if pks else ():
            refresh_under(model, pks, using=self._using, cause="hint")
        now = self.of(pks)
        return {model: before.get(model, set()) | now.get(model, set()) for model in before.keys() | now.keys()}


def _target(model: type[Mirror], name: str) -> type[Mirror]:
    return cast("type[Mirror]", cast("Any", model._meta.get_field(name)).related_model)


def _is_listed_under(model: type[Mirror], name: str) -> bool:
    relation = model._meta.get_field(name)
    if not isinstance(relation, models.ForeignObjectRel):
        return False
    reference: str = cast("Any", relation.remote_field).name
    return resource_of(_target(model, name)).parent == reference
