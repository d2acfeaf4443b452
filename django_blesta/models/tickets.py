"""Support tickets, their replies and departments, where Blesta has its Support Manager plugin."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import JOINED, Mirror, MirrorForeignKey
from django_blesta.models.clients import Client, Contact
from django_blesta.models.services import Service
from django_blesta.models.staff import Staff
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped

PLUGIN = "support_manager"
STATUSES = ("open", "awaiting_reply", "in_progress", "on_hold", "closed", "trash")


class TicketDepartment(Mirror):
    """Of the mailbox that a department reads, nothing is kept."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    description = models.TextField(_("description"), blank=True)
    email = models.CharField(_("email"), max_length=255, blank=True)
    default_priority = models.CharField(_("default priority"), max_length=32, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True)
    clients_only = models.BooleanField(_("for clients only"), default=False)

    resource = Resource(
        plugin=PLUGIN,
        remote="SupportManagerDepartments",
        fields=mapped(
            "id", "name", "description", "email", "default_priority", "status", "clients_only", company="company_id"
        ),
        listing=Call("getAll", company="company_id", paged=False),
        get=Call("get", key="department_id"),
        company="key",
        left_out={
            "method": "Of the mailbox.",
            "require_captcha": "Of Blesta's own form.",
            "user": "A login.",
            "password": "A secret.",
        },
    )

    class Meta:
        verbose_name = _("ticket department")
        verbose_name_plural = _("ticket departments")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)

    @property
    def default_priority_label(self) -> str | Promise:
        return label_for(self.default_priority)


class Ticket(Mirror):
    """`number` is the one in subjects of mails. Blesta lists tickets by status, so each status is asked for."""

    client_path = "client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    number = models.CharField(_("number"), max_length=64, blank=True, db_index=True)
    department = MirrorForeignKey(TicketDepartment, related_name="tickets", verbose_name=_("department"))
    staff = MirrorForeignKey(Staff, related_name="tickets", verbose_name=_("assigned to"))
    service = MirrorForeignKey(Service, related_name="tickets", verbose_name=_("service"))
    client = MirrorForeignKey(Client, related_name="tickets", verbose_name=_("client"))
    email = models.CharField(_("email"), max_length=255, blank=True)
    summary = models.CharField(_("summary"), max_length=255, blank=True)
    priority = models.CharField(_("priority"), max_length=32, blank=True)
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)
    added_at = models.DateTimeField(_("added at"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated at"), null=True, blank=True, db_index=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    resource = Resource(
        plugin=PLUGIN,
        remote="SupportManagerTickets",
        fields=mapped(
            "id",
            "email",
            "summary",
            "priority",
            "status",
            number="code",
            department="department_id",
            staff="staff_id",
            service="service_id",
            client="client_id",
            added_at="date_added",
            updated_at="date_updated",
            closed_at="date_closed",
        ),
        detail=mapped(children={"replies": "replies"}),
        listing=Call(
            "getList",
            {"get_replies": False},
            key="status",
            order_by="id",
            order_by_qualified="support_tickets.id",
        ),
        get=Call("get", {"get_replies": True}, key="ticket_id"),
        each=STATUSES,
        company="department",
        left_out={
            "department_name": JOINED,
        },
    )

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"#{self.number or self.pk} {self.summary}".strip()

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)

    @property
    def priority_label(self) -> str | Promise:
        return label_for(self.priority)

    def conversation(self) -> models.QuerySet[TicketReply]:
        """What the client may read: no notes of staff's, no log."""
        return TicketReply._base_manager.using(self._state.db).filter(ticket=self, type="reply", gone_at=None)


class TicketReply(Mirror):
    """Replies, and beside them what staff noted for themselves: reach a client's own through `Ticket.conversation`."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    ticket = MirrorForeignKey(Ticket, related_name="replies", verbose_name=_("ticket"))
    staff = MirrorForeignKey(Staff, related_name="ticket_replies", verbose_name=_("staff"))
    contact = MirrorForeignKey(Contact, related_name="ticket_replies", verbose_name=_("contact"))
    type = models.CharField(_("type"), max_length=32, blank=True)
    details = models.TextField(_("text"), blank=True)
    added_at = models.DateTimeField(_("added at"), null=True, blank=True)

    resource = Resource(
        plugin=PLUGIN,
        remote="SupportManagerTickets",
        fields=mapped("id", "type", "details", staff="staff_id", contact="contact_id", added_at="date_added"),
        embedded_in="Ticket.replies",
        company="ticket",
        left_out={
            "attachments": "Files stay in Blesta.",
        },
    )

    class Meta:
        verbose_name = _("ticket reply")
        verbose_name_plural = _("ticket replies")
        ordering = ("ticket_id", "id")

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)
