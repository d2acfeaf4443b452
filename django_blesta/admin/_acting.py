"""The views beside the page of a row: have something done, read it anew, see what Blesta says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from django_blesta import conf, sync
from django_blesta.admin import _raw
from django_blesta.admin._doings import OF, Doing
from django_blesta.exceptions import BlestaError, NotConfigured
from django_blesta.forms import tell
from django_blesta.models import Client, Invoice, Mirror
from django_blesta.operations import outside_transactions

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
else:
    _Base = object


class ActingMixin(_Base):
    """For `MirrorAdmin`: every view wants that the row may be seen, and a permission of its own."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        views: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("<path:object_id>/do/<slug:doing>/", self.do_view, "do"),
            ("<path:object_id>/refresh/", self.refresh_view, "refresh"),
            ("<path:object_id>/raw/", self.raw_view, "raw"),
        ]
        ours = [
            path(route, outside_transactions(self.admin_site.admin_view(view)), name=f"{name}_{word}")
            for route, view, word in views
        ]
        return [*ours, *super().get_urls()]

    def _seen(self, request: HttpRequest, object_id: str) -> Any:
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        return obj

    def _page_of(self, obj: Any, word: str = "change", *more: str) -> str:
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{word}"
        return reverse(name, args=[quote(obj.pk), *more])

    # Have something done

    def doings_for(self, request: HttpRequest, obj: Any) -> list[tuple[Doing, str]]:
        """What the page offers: permitted, and sensible for the row."""
        return [
            (one, self._page_of(obj, "do", one.name))
            for one in OF.get(self.model, ())
            if one.is_permitted(request) and one.is_offered(obj)
        ]

    def do_view(self, request: HttpRequest, object_id: str, doing: str) -> HttpResponse:
        """The form is the confirmation; what Blesta refuses stands on the field that it refused."""
        obj = self._seen(request, object_id)
        found = next((one for one in OF.get(self.model, ()) if one.name == doing), None)
        if found is None:
            raise Http404
        if not found.is_permitted(request):
            raise PermissionDenied
        form = found.form_for(obj, request.POST if request.method == "POST" else None)
        status = 200
        if request.method == "POST":
            done = form.submit(actor=request.user)
            if done or form.outcome == "unknown":
                tell(request, form)
                return HttpResponseRedirect(self._page_of(obj))
            status = 422
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(found.label),
            "subtitle": str(obj),
            "doing": found,
            "form": form,
            "object": obj,
            "back": self._page_of(obj),
            "fields": [field for field in form if not field.is_hidden],
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "django_blesta/admin/doing.html", context, status=status)

    # Read it anew

    def may_refresh(self, request: HttpRequest) -> bool:
        return self.model.resource.get is not None and request.user.has_perm("django_blesta.refresh_rows")

    def refresh_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        obj = self._seen(request, object_id)
        if not self.may_refresh(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            found = sync.refresh(self.model, obj.pk, using=obj._state.db, cause="admin")
        except BlestaError as error:
            self.message_user(request, _("Not read anew: %(error)s") % {"error": error}, messages.ERROR)
        else:
            if found:
                self.message_user(request, _("Read anew from Blesta."), messages.SUCCESS)
            else:
                self.message_user(request, _("Blesta shows no such row."), messages.WARNING)
        return HttpResponseRedirect(self._page_of(obj))

    # See what Blesta says

    def may_see_raw(self, request: HttpRequest) -> bool:
        return self.model.resource.get is not None and request.user.has_perm("django_blesta.see_raw_rows")

    def raw_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """By POST, since it asks Blesta; nothing of the answer is stored."""
        obj = self._seen(request, object_id)
        if not self.may_see_raw(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        said, error = "", ""
        try:
            row = sync.ask(self.model, obj.pk, using=obj._state.db)
            said = _raw.written(row) if row is not None else ""
        except BlestaError as failure:
            error = str(failure)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("What Blesta says"),
            "subtitle": str(obj),
            "said": said,
            "error": error,
            "object": obj,
            "back": self._page_of(obj),
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "django_blesta/admin/raw.html", context, status=502 if error else 200)

    # Leave for Blesta

    def address_in_blesta(self, obj: Mirror) -> str:
        """The row's page in Blesta's staff area, where ADMIN_URL is set and the address is known."""
        try:
            base = conf.installation(obj._state.db or "default").admin_url.rstrip("/")
        except NotConfigured:
            return ""
        if not base:
            return ""
        if isinstance(obj, Invoice) and obj.client_id:
            return f"{base}/clients/viewinvoice/{obj.client_id}/{obj.pk}/"
        client = obj.pk if isinstance(obj, Client) else getattr(obj, "client_id", None)
        return f"{base}/clients/view/{client}/" if client else base + "/"
