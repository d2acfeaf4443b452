"""The seller's own people, and what they note about clients."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import Mirror, MirrorForeignKey
from django_blesta.models.clients import Client, User
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped


class Staff(Mirror):
    """A member of staff by name; one may work for several companies, so the row belongs to none."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    user = MirrorForeignKey(User, related_name="staff", verbose_name=_("login"))
    first_name = models.CharField(_("first name"), max_length=255, blank=True)
    last_name = models.CharField(_("last name"), max_length=255, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True)

    resource = Resource(
        remote="Staff",
        fields=mapped("id", "first_name", "last_name", "status", user="user_id"),
        listing=Call("getList", order_by="id", order_by_qualified="staff.id"),
        count=Call("getListCount"),
        get=Call("get", key="staff_id"),
        left_out={
            "email": "Names are all that is needed.",
            "email_mobile": "Names are all that is needed.",
            "number_mobile": "Names are all that is needed.",
            "groups": "Names are all that is needed.",
        },
    )

    class Meta:
        verbose_name = _("member of staff")
        verbose_name_plural = _("staff")
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or f"#{self.pk}"

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)


class ClientNote(Mirror):
    """What staff wrote down about a client. For staff only, which is why it has no way to the client's own user."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    client = MirrorForeignKey(Client, related_name="notes", verbose_name=_("client"))
    staff = MirrorForeignKey(Staff, related_name="notes", verbose_name=_("written by"))
    title = models.CharField(_("title"), max_length=255, blank=True)
    description = models.TextField(_("text"), blank=True)
    stickied = models.BooleanField(_("stays on top"), default=False)
    added_at = models.DateTimeField(_("added at"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated at"), null=True, blank=True)

    resource = Resource(
        remote="Clients",
        fields=mapped(
            "id",
            "title",
            "description",
            "stickied",
            client="client_id",
            staff="staff_id",
            added_at="date_added",
            updated_at="date_updated",
        ),
        listing=Call("getNoteList", key="client_id", order_by="id", order_by_qualified="client_notes.id"),
        count=Call("getNoteListCount", key="client_id"),
        get=Call("getNote", key="note_id"),
        parent="client",
        company="client",
    )

    class Meta:
        verbose_name = _("client note")
        verbose_name_plural = _("client notes")
        ordering = ("-stickied", "-id")

    def __str__(self) -> str:
        return self.title or f"#{self.pk}"
