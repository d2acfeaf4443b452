"""Changes asked of Blesta from a site's own admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.contrib.admin import helpers
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect

from django_blesta.forms import OperationFormMixin, tell
from django_blesta.operations import outside_transactions

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:  # Django's own admin takes no parameters at run time
    _ModelAdmin = object

TOKEN: Final = "token"  # noqa: S105  (the name of a field)


@method_decorator(outside_transactions, name="changeform_view")
class OperationAdminMixin(_ModelAdmin):
    """For a `ModelAdmin` whose `form` is a `ModelForm` with `OperationFormMixin`: saving asks Blesta instead::

        class SuspensionForm(OperationFormMixin, forms.ModelForm):
            def ask(self, *, actor, token):
                return services.suspend(self.instance, reason=self.cleaned_data["reason"], actor=actor, token=token)

        class SuspensionAdmin(OperationAdminMixin, admin.ModelAdmin):
            form = SuspensionForm

    What Blesta refuses is shown on the field that it refused, everything else as a message; never as an error page,
    and `save_model` is not called. The page is outside of the admin's transaction, as the journal wants it. Formsets of
    inlines are not saved.
    """

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """With the token, which every page of an operation must carry."""
        return [*super().get_fieldsets(request, obj), (None, {"fields": (TOKEN,)})]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if kwargs.get("fields"):  # the token is no column of the model's; the form adds it by itself
            kwargs["fields"] = [name for name in kwargs["fields"] if name != TOKEN]
        return super().get_form(request, obj, change=change, **kwargs)

    @method_decorator(csrf_protect)
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        obj = self.get_object(request, unquote(object_id)) if object_id else None
        names = flatten_fieldsets(self.get_fieldsets(request, obj))
        form_class: Any = self.get_form(request, obj, change=obj is not None, fields=names)
        if request.method != "POST" or not issubclass(form_class, OperationFormMixin):
            return super().changeform_view(request, object_id, form_url, extra_context)
        if object_id and obj is None:
            return super().changeform_view(request, object_id, form_url, extra_context)  # which says so
        allowed = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        if not allowed:
            raise PermissionDenied
        form = form_class(request.POST, request.FILES, instance=obj)
        done = form.submit(actor=request.user)
        tell(request, form)
        if done:
            return HttpResponseRedirect(self._after(obj))
        return self._again(request, form, obj, form_url, extra_context)

    def _after(self, obj: Any) -> str:
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}"
        return reverse(f"{name}_change", args=[obj.pk]) if obj else reverse(f"{name}_changelist")

    def _again(
        self, request: HttpRequest, form: Any, obj: Any, form_url: str, extra_context: dict[str, Any] | None
    ) -> HttpResponse:
        """The page with the errors on it, as Django's own view makes it."""
        fieldsets: Any = self.get_fieldsets(request, obj)
        readonly = self.get_readonly_fields(request, obj)
        page = helpers.AdminForm(
            form, list(fieldsets), self.get_prepopulated_fields(request, obj), readonly, model_admin=self
        )
        context = {
            **self.admin_site.each_context(request),
            "title": str(self.opts.verbose_name),
            "subtitle": str(obj) if obj else None,
            "adminform": page,
            "object_id": str(obj.pk) if obj else None,
            "original": obj,
            "is_popup": False,
            "to_field": None,
            "media": self.media + page.media,
            "inline_admin_formsets": [],
            "errors": helpers.AdminErrorList(form, []),
            "preserved_filters": self.get_preserved_filters(request),
            **(extra_context or {}),
        }
        return self.render_change_form(
            request, context, add=obj is None, change=obj is not None, obj=obj, form_url=form_url
        )
