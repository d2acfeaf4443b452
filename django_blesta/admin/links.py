"""Who speaks for which client: the one thing here that staff decide."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_blesta import conf
from django_blesta.admin._mirror import RELATED_ROWS
from django_blesta.admin._words import link_to, may_see
from django_blesta.models import Client, ClientLink, Contact

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[ClientLink]
    _ModelForm = forms.ModelForm[ClientLink]
    _ClientChoice = forms.ModelChoiceField[Client]
else:
    _ModelAdmin = admin.ModelAdmin
    _ModelForm = forms.ModelForm
    _ClientChoice = forms.ModelChoiceField


MOST_CLIENTS = 10_000
"""As many clients as a word may find in another database; a word that finds more tells nothing."""


def installations() -> list[str]:
    """Aliases that have both a Blesta and a database here."""
    return [alias for alias in conf.aliases() if alias in settings.DATABASES] or [DEFAULT_DB_ALIAS]


class ClientSelect(AutocompleteSelect):
    """Shows a forged choice again as no choice; Django's own would ask the database for it."""

    def optgroups(self, name: str, value: Sequence[str], attr: dict[str, Any] | None = None) -> Any:
        numbers = [one for one in value if one.isascii() and one.isdecimal() and len(one) < 19]
        return super().optgroups(name, numbers, attr)


class ClientLinkForm(_ModelForm):
    """Asks for a client of the mirror; with several installations, which one, and the client's id there."""

    may_name: ClassVar[bool] = False
    """Whether whoever fills it in may see clients."""

    class Meta:
        model = ClientLink
        fields = ("user", "using")

    # Any foreign key to a client serves the widget: it asks the admin of the model at the other end.
    client = _ClientChoice(
        queryset=Client.objects.none(),
        label=_("Client"),
        widget=ClientSelect(Contact._meta.get_field("client"), admin.site),
        help_text=_("Search by number, name, company or e-mail."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        aliases = installations()
        if aliases == [DEFAULT_DB_ALIAS]:
            self.fields.pop("using", None)
            client = self.fields["client"]
            assert isinstance(client, forms.ModelChoiceField)  # noqa: S101  (declared above)
            client.queryset = Client.objects.present()
        else:
            self.fields["using"] = forms.ChoiceField(label=_("Installation"), choices=[(a, a) for a in aliases])
            self.fields["client"] = forms.IntegerField(
                label=_("Client id"), min_value=1, help_text=_("Blesta's id of the client, in that installation.")
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        using = self.instance.using = cleaned.get("using") or DEFAULT_DB_ALIAS
        chosen, user = cleaned.get("client"), cleaned.get("user")
        if isinstance(chosen, int):
            chosen = Client.objects.using(using).present().filter(pk=chosen).first()
            if chosen is None:
                self.add_error("client", gettext("The mirror of that installation holds no such client."))
        if chosen is not None:
            self.instance.client_id = chosen.pk
        if user is not None:
            self._refuse_second_link(user, using)
        return cleaned

    def _refuse_second_link(self, user: Any, using: str) -> None:
        existing = ClientLink.objects.filter(user=user, using=using).first()
        if existing is None:
            return
        named = existing.client if self.may_name else None
        facts = {"user": user, "client": named or f"#{existing.client_id}"}
        sentence = gettext("%(user)s is linked to client %(client)s already. Delete that link first.") % facts
        self.add_error("user", sentence)


class NamingChangeList(ChangeList):
    """Fetches the clients of the page together: they may live in another database, so no join does it."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        links = list(self.result_list)
        self.result_list = links
        for link in links:
            link.may_name = may_see(Client, self.model_admin.admin_site, request)
            link.shown_client = None
        if not (links and links[0].may_name):
            return
        for using in {link.using for link in links} & set(settings.DATABASES):
            here = [link for link in links if link.using == using]
            found = Client.objects.using(using).in_bulk([link.client_id for link in here])
            for link in here:
                link.shown_client = found.get(link.client_id)


def linked_users(client: Client, request: HttpRequest, site: admin.AdminSite) -> dict[str, Any] | None:
    """What the page of a client shows of its users; None for staff who may not see links."""
    if not may_see(ClientLink, site, request):
        return None
    face = site.get_model_admin(ClientLink)
    links = ClientLink.objects.filter(using=DEFAULT_DB_ALIAS, client_id=client.pk).select_related("user", "linked_by")
    found = list(links.order_by("pk")[: RELATED_ROWS + 1])
    address = f"{site.name}:django_blesta_clientlink"
    add = ""
    if face.has_add_permission(request) and not client.is_gone:
        add = f"{reverse(f'{address}_add')}?{urlencode({'using': DEFAULT_DB_ALIAS, 'client': str(client.pk)})}"
    return {
        "rows": [(link_to(link, site, str(link.user)), link) for link in found[:RELATED_ROWS]],
        "more": f"{reverse(f'{address}_changelist')}?q={client.pk}" if len(found) > RELATED_ROWS else "",
        "add": add,
    }


@admin.register(ClientLink)
class ClientLinkAdmin(_ModelAdmin):
    form = ClientLinkForm
    list_display = ("user", "client_name", "using", "linked_by", "linked_at", "suspended_at", "is_doubted")
    list_select_related = ("user", "linked_by")
    search_fields = ("user__username", "user__email", "client_id__exact")
    search_help_text = _("The user's name or e-mail; or the client's number, name, company, e-mail or id.")
    autocomplete_fields = ("user",)
    list_per_page = 50
    show_full_result_count = False
    actions = ("suspend", "resume")
    ordering = ("-pk",)

    class Media:
        css = {"all": ("django_blesta/admin.css",)}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A link is made, suspended, resumed or deleted, so that who made it stays true."""
        return False

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("django_blesta.change_clientlink")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting stays on the page of one link, where one sees which it is."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    @admin.action(description=_("Suspend"), permissions=["suspend"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[ClientLink]) -> HttpResponse | None:
        links = list(queryset.filter(suspended_at__isnull=True))
        count = {"count": len(links)}
        return self._confirmed(
            request,
            links,
            suspended_at=timezone.now(),
            action="suspend",
            title=gettext("Suspend client links"),
            question=ngettext(
                "While %(count)d link is suspended, its user sees nothing of the client and changes nothing there.",
                "While %(count)d links are suspended, their users see nothing of the clients and change nothing there.",
                len(links),
            )
            % count,
            done=ngettext("%(count)d link was suspended.", "%(count)d links were suspended.", len(links)) % count,
        )

    @admin.action(description=_("Resume"), permissions=["suspend"])
    def resume(self, request: HttpRequest, queryset: QuerySet[ClientLink]) -> HttpResponse | None:
        links = list(queryset.filter(suspended_at__isnull=False))
        count = {"count": len(links)}
        return self._confirmed(
            request,
            links,
            suspended_at=None,
            action="resume",
            title=gettext("Resume client links"),
            question=ngettext(
                "Once %(count)d link is resumed, its user sees and changes what is the client’s again.",
                "Once %(count)d links are resumed, their users see and change what is the clients’ again.",
                len(links),
            )
            % count,
            done=ngettext("%(count)d link was resumed.", "%(count)d links were resumed.", len(links)) % count,
        )

    def _confirmed(
        self, request: HttpRequest, links: list[ClientLink], *, suspended_at: datetime | None, done: str, **words: str
    ) -> HttpResponse | None:
        """Ask on a page of its own, and do it when the answer comes back."""
        if not links:
            self.message_user(request, gettext("There is nothing to do for these links."), messages.WARNING)
            return None
        if request.POST.get("post") != "yes":
            context = {
                **self.admin_site.each_context(request),
                **words,
                "opts": self.opts,
                "links": links,
                "checkbox": ACTION_CHECKBOX_NAME,
                "media": self.media,
            }
            request.current_app = self.admin_site.name
            return TemplateResponse(request, "django_blesta/admin/link_confirmation.html", context)
        for link in links:
            link.suspended_at = suspended_at
            link.is_doubted = False  # somebody has looked
            link.save(update_fields=["suspended_at", "is_doubted"])
            self.log_change(request, link, [{"changed": {"fields": ["suspended at"]}}])
        self.message_user(request, done, messages.SUCCESS)
        return None

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ClientLink | None:
        link = super().get_object(request, object_id, from_field)
        if link is not None:
            link.may_name = may_see(Client, self.admin_site, request)  # type: ignore[attr-defined]  # for the column
        return link

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamingChangeList

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.may_name = may_see(Client, self.admin_site, request)  # type: ignore[attr-defined]  # ours, see above
        if "client" in form.base_fields:
            form.base_fields["client"].widget.admin_site = self.admin_site
        return form

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = super().get_list_display(request)
        return shown if len(installations()) > 1 else [column for column in shown if column != "using"]

    def get_fields(self, request: HttpRequest, obj: ClientLink | None = None) -> Any:
        if obj is not None:
            return ("user", "client_name", "using", "linked_by", "linked_at", "suspended_at", "is_doubted")
        return ("user", "using", "client") if len(installations()) > 1 else ("user", "client")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ClientLink], search_term: str
    ) -> tuple[QuerySet[ClientLink], bool]:
        """What is known of a client finds its links: a link itself holds nothing but the id."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        # What one may not see one may not guess at either.
        if not search_term.strip() or not may_see(Client, self.admin_site, request):
            return found, may_repeat
        face = self.admin_site.get_model_admin(Client)
        for using in installations():
            clients, _repeats = face.get_search_results(request, Client.objects.using(using).order_by(), search_term)
            ids: Any = clients.values("pk")
            if using != queryset.db:  # no query reaches into two databases
                ids = list(clients.values_list("pk", flat=True)[:MOST_CLIENTS])
            found = found | queryset.filter(using=using, client_id__in=ids)
        return found, may_repeat

    @admin.display(description=_("client"), ordering="client_id")
    def client_name(self, obj: ClientLink) -> str:
        if not getattr(obj, "may_name", False):
            return f"#{obj.client_id}"
        named = obj.shown_client if hasattr(obj, "shown_client") else obj.client
        if named is None:
            missing = gettext("#%(id)s (missing)") % {"id": obj.client_id}
            return format_html('<span class="blesta-missing">{}</span>', missing)
        return link_to(named, self.admin_site) if obj.using == DEFAULT_DB_ALIAS else str(named)

    def save_model(self, request: HttpRequest, obj: ClientLink, form: Any, change: bool) -> None:
        obj.linked_by_id = request.user.pk
        super().save_model(request, obj, form, change)
