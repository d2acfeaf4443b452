"""People: clients, their groups, contacts, numbers and logins, and which of the site's users speaks for a client."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_blesta.models.base import FORMAT, JOINED, AllowedMapField, CountryField, Mirror, MirrorForeignKey
from django_blesta.models.words import label_for
from django_blesta.resources import Call, Resource, mapped

#: Settings may hold secrets; of these it is known that they hold none (reference 6.1).
CLIENT_SETTINGS = (
    "autodebit",
    "autosuspend",
    "default_currency",
    "inv_days_before_renewal",
    "inv_method",
    "language",
    "tax_exempt",
    "tax_id",
    "username_type",
)


class ClientGroup(Mirror):
    id = models.BigIntegerField(_("id"), primary_key=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    description = models.TextField(_("description"), blank=True)
    color = models.CharField(_("color"), max_length=32, blank=True)

    resource = Resource(
        remote="ClientGroups",
        fields=mapped("id", "name", "description", "color", company="company_id"),
        listing=Call("getList", company="company_id", order_by="id", order_by_qualified="client_groups.id"),
        count=Call("getListCount", company="company_id"),
        get=Call("get", key="client_group_id"),
        company="key",
        events={
            "ClientGroups.add": "client_group_id",
            "ClientGroups.edit": "client_group_id",
            "ClientGroups.delete": "client_group_id",
        },
    )

    class Meta:
        verbose_name = _("client group")
        verbose_name_plural = _("client groups")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"


class User(Mirror):
    """A login of Blesta's. Hashes, keys and pins that Blesta may send along are never stored."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    username = models.CharField(_("username"), max_length=255, blank=True)
    two_factor_mode = models.CharField(_("two-factor mode"), max_length=32, blank=True)

    resource = Resource(
        remote="Users",
        fields=mapped("id", "username", "two_factor_mode"),
        get=Call("get", key="user_id"),
        reached_by=("Client.user", "Contact.user", "Staff.user"),
        events={"Users.delete": "user_id", "Users.edit": "user_id"},
        left_out={
            "recovery_email": "Of use to nobody but Blesta.",
            "date_added": "Of use to nobody but Blesta.",
            "password": "A hash.",
            "two_factor_key": "A secret.",
            "two_factor_pin": "A secret.",
        },
    )

    class Meta:
        verbose_name = _("login")
        verbose_name_plural = _("logins")
        ordering = ("username", "id")

    def __str__(self) -> str:
        return self.username or f"#{self.pk}"


class Client(Mirror):
    """A customer, with the columns of the primary contact that Blesta joins into every client row."""

    client_path = "pk"

    id = models.BigIntegerField(_("id"), primary_key=True)
    id_code = models.CharField(_("number"), max_length=64, blank=True, db_index=True)
    user = MirrorForeignKey("django_blesta.User", related_name="clients", verbose_name=_("login"))
    client_group = MirrorForeignKey("django_blesta.ClientGroup", related_name="clients", verbose_name=_("group"))
    contact = MirrorForeignKey("django_blesta.Contact", related_name="+", verbose_name=_("primary contact"))
    status = models.CharField(_("status"), max_length=32, blank=True, db_index=True)
    first_name = models.CharField(_("first name"), max_length=255, blank=True)
    last_name = models.CharField(_("last name"), max_length=255, blank=True)
    title = models.CharField(_("title"), max_length=255, blank=True)
    company_name = models.CharField(_("company name"), max_length=255, blank=True)
    email = models.CharField(_("email"), max_length=255, blank=True, db_index=True)
    address1 = models.CharField(_("address"), max_length=255, blank=True)
    address2 = models.CharField(_("address, second line"), max_length=255, blank=True)
    city = models.CharField(_("city"), max_length=255, blank=True)
    state = models.CharField(_("state"), max_length=8, blank=True)
    zip = models.CharField(_("postal code"), max_length=32, blank=True)
    country = CountryField(_("country"))
    primary_account_id = models.BigIntegerField(_("payment account debited"), null=True, blank=True)
    primary_account_type = models.CharField(_("kind of payment account debited"), max_length=32, blank=True)
    default_currency = models.CharField(_("default currency"), max_length=3, blank=True)
    language = models.CharField(_("language"), max_length=16, blank=True)
    settings = AllowedMapField(_("settings"), allowed=CLIENT_SETTINGS)

    resource = Resource(
        remote="Clients",
        fields=mapped(
            "id",
            "id_code",
            "status",
            "first_name",
            "last_name",
            "title",
            "email",
            "address1",
            "address2",
            "city",
            "state",
            "zip",
            "country",
            "primary_account_id",
            "primary_account_type",
            user="user_id",
            client_group="client_group_id",
            contact="contact_id",
            company_name="company",
        ),
        detail=mapped("settings", default_currency="settings.default_currency", language="settings.language"),
        listing=Call("getList", order_by="id", order_by_qualified="clients.id"),
        count=Call("getListCount"),
        get=Call("get", {"get_settings": True}, key="client_id"),
        company="client_group",
        events={
            "Clients.create": "client_id",
            "Clients.add": "client_id",
            "Clients.edit": "client_id",
            "Clients.delete": "client_id",
        },
        left_out={
            "group_name": JOINED,
            "id_format": FORMAT,
            "id_value": FORMAT,
            "username": JOINED,
            "numbers": JOINED,
            "group": JOINED,
            "note_count": JOINED,
        },
        # Blesta joins the primary contact into the client's row, and both are changed by either's edit.
        related=("contact",),
    )

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering = ("id",)

    def __str__(self) -> str:
        code = self.id_code or f"#{self.pk}"
        return f"{code} {self.full_name}".strip()

    def balance(self) -> dict[str, Decimal]:
        """What this client's open invoices still ask for, per currency; currencies are never added to each other."""
        from django_blesta.models.invoices import Invoice

        return Invoice.objects.using(self._state.db).for_client(self).open().due()

    def credit(self) -> dict[str, Decimal]:
        """What no invoice has used of this client's payments, per currency."""
        from django_blesta.models.transactions import Transaction

        return Transaction.objects.using(self._state.db).for_client(self).credit()

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.company_name

    @property
    def status_label(self) -> str | Promise:
        return label_for(self.status)


class Contact(Mirror):
    client_path = "client"

    id = models.BigIntegerField(_("id"), primary_key=True)
    client = MirrorForeignKey(Client, related_name="contacts", verbose_name=_("client"))
    user = MirrorForeignKey(User, related_name="contacts", verbose_name=_("login"))
    contact_type = models.CharField(_("type"), max_length=32, blank=True)
    contact_type_ref = MirrorForeignKey(
        "django_blesta.ContactType", related_name="contacts", verbose_name=_("custom type")
    )
    first_name = models.CharField(_("first name"), max_length=255, blank=True)
    last_name = models.CharField(_("last name"), max_length=255, blank=True)
    title = models.CharField(_("title"), max_length=255, blank=True)
    company_name = models.CharField(_("company name"), max_length=255, blank=True)
    email = models.CharField(_("email"), max_length=255, blank=True, db_index=True)
    address1 = models.CharField(_("address"), max_length=255, blank=True)
    address2 = models.CharField(_("address, second line"), max_length=255, blank=True)
    city = models.CharField(_("city"), max_length=255, blank=True)
    state = models.CharField(_("state"), max_length=8, blank=True)
    zip = models.CharField(_("postal code"), max_length=32, blank=True)
    country = CountryField(_("country"))
    added_at = models.DateTimeField(_("added at"), null=True, blank=True)

    resource = Resource(
        remote="Contacts",
        fields=mapped(
            "id",
            "contact_type",
            "first_name",
            "last_name",
            "title",
            "email",
            "address1",
            "address2",
            "city",
            "state",
            "zip",
            "country",
            client="client_id",
            user="user_id",
            contact_type_ref="contact_type_id",
            company_name="company",
            added_at="date_added",
        ),
        listing=Call(
            "getList", key="client_id", order_by="id", order_by_qualified="contacts.id", order_argument="order"
        ),
        count=Call("getListCount", key="client_id"),
        get=Call("get", key="contact_id"),
        parent="client",
        company="client",
        events={"Contacts.add": "contact_id", "Contacts.edit": "contact_id", "Contacts.delete": "contact_id"},
        left_out={
            "contact_type_name": JOINED,
            "contact_type_is_lang": JOINED,
        },
        related=("client",),
    )

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or f"#{self.pk}"

    @property
    def contact_type_label(self) -> str | Promise:
        return label_for(self.contact_type)


class ContactType(Mirror):
    """A company's own kind of contact, beside Blesta's primary, billing and other."""

    id = models.BigIntegerField(_("id"), primary_key=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    is_lang = models.BooleanField(_("name is a language key"), default=False)

    resource = Resource(
        remote="Contacts",
        fields=mapped("id", "name", "is_lang", company="company_id"),
        listing=Call("getTypes", company="company_id", paged=False),
        get=Call("getType", key="contact_type_id"),
        company="key",
        left_out={
            "real_name": "A translation of `name`.",
        },
    )

    class Meta:
        verbose_name = _("contact type")
        verbose_name_plural = _("contact types")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"


class ContactNumber(Mirror):
    client_path = "contact__client"
    personal_columns = frozenset({"number"})

    id = models.BigIntegerField(_("id"), primary_key=True)
    contact = MirrorForeignKey(Contact, related_name="numbers", verbose_name=_("contact"))
    number = models.CharField(_("number"), max_length=255, blank=True)
    type = models.CharField(_("type"), max_length=32, blank=True)
    location = models.CharField(_("location"), max_length=32, blank=True)

    resource = Resource(
        remote="Contacts",
        fields=mapped("id", "number", "type", "location", contact="contact_id"),
        listing=Call("getNumbers", key="contact_id", paged=False),
        get=Call("getNumber", key="contact_number_id"),
        parent="contact",
        company="contact",
    )

    class Meta:
        verbose_name = _("contact number")
        verbose_name_plural = _("contact numbers")
        ordering = ("id",)

    def __str__(self) -> str:
        return self.number

    @property
    def type_label(self) -> str | Promise:
        return label_for(self.type)

    @property
    def location_label(self) -> str | Promise:
        return label_for(self.location)


class ContactPermission(Mirror):
    """What a contact with a login of their own may see and do for the client; Blesta names an area, and no id."""

    client_path = "contact__client"

    id = models.BigAutoField(primary_key=True)
    contact = MirrorForeignKey(Contact, related_name="permissions", verbose_name=_("contact"))
    area = models.CharField(_("area"), max_length=128)

    resource = Resource(
        remote="Contacts",
        fields=mapped("area", contact="contact_id"),
        listing=Call("getPermissions", key="contact_id", paged=False),
        parent="contact",
        key=("contact", "area"),
        company="contact",
    )

    class Meta:
        verbose_name = _("contact permission")
        verbose_name_plural = _("contact permissions")
        ordering = ("contact_id", "area")
        constraints = [models.UniqueConstraint(fields=["contact", "area"], name="blesta_permission_key")]

    def __str__(self) -> str:
        return self.area


class ClientLink(models.Model):
    """Staff's word that a user of this site speaks for a client of Blesta's.

    It stores the database alias and Blesta's id rather than a foreign key: mirrors may live in another database.
    Never made from an equal e-mail address alone.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="blesta_links", verbose_name=_("user")
    )
    using = models.CharField(_("installation"), max_length=64, default=DEFAULT_DB_ALIAS)
    client_id = models.BigIntegerField(_("client id"))
    linked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("linked by"),
    )
    linked_at = models.DateTimeField(_("linked at"), auto_now_add=True)
    suspended_at = models.DateTimeField(_("suspended at"), null=True, blank=True)
    is_doubted = models.BooleanField(
        _("suspended by the sync"),
        default=False,
        editable=False,
        help_text=_("Its id now names somebody else in Blesta."),
    )

    class Meta:
        verbose_name = _("client link")
        verbose_name_plural = _("client links")
        constraints = [models.UniqueConstraint(fields=["user", "using"], name="blesta_link_one_client_per_user")]
        indexes = [models.Index(fields=["using", "client_id"], name="blesta_link_client")]

    def __str__(self) -> str:
        return f"{self.user} → {self.client_id}"

    @classmethod
    def client_ids(cls, user: Any, *, using: str = DEFAULT_DB_ALIAS) -> list[int]:
        """Ids of the clients that `user` may see in that installation; empty for anonymous and inactive users."""
        if user is None or not user.is_authenticated or not user.is_active:
            return []
        links = cls.objects.filter(user_id=user.pk, using=using, suspended_at__isnull=True)
        return list(links.values_list("client_id", flat=True))

    @property
    def client(self) -> Client | None:
        return Client.objects.using(self.using).filter(pk=self.client_id).first()
