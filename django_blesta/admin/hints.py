"""What Blesta told of its own accord, and what became of it."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_blesta.admin._pages import EstimatingPaginator
from django_blesta.admin._words import format_word
from django_blesta.admin.journal import JournalAdmin, ResourceFilter, mirror_of
from django_blesta.models import Delivery, Feed, Hint


@admin.register(Delivery)
class DeliveryAdmin(JournalAdmin):
    """Events and ids; nothing else of a delivery is kept."""

    paginator = EstimatingPaginator
    list_display = ("event", "delivery_state", "ids", "received_at", "resolved_at")
    list_filter = ("state",)
    search_fields = ("event__startswith",)
    fields = (("event", "delivery_state"), "ids", ("received_at", "resolved_at"), "webhook_id")

    @admin.display(description=_("state"), ordering="state")
    def delivery_state(self, obj: Delivery) -> str:
        return format_word(obj.state, obj.get_state_display())


@admin.register(Hint)
class HintAdmin(JournalAdmin):
    paginator = EstimatingPaginator
    list_display = ("remote_id", "resource_name", "hint_state", "source", "hints", "hinted_at", "refreshed_at", "error")
    list_filter = ("state", "source", ResourceFilter)
    search_fields = ("=remote_id",)
    fields = (
        ("resource_name", "row_held", "hint_state", "source"),
        ("hints", "first_hinted_at", "hinted_at"),
        ("quiet_at", "due_at", "refreshed_at", "lag"),
        ("found", "with_related", "looked_at"),
        ("tries", "error"),
    )

    @admin.display(description=_("state"), ordering="state")
    def hint_state(self, obj: Hint) -> str:
        return format_word(obj.state, obj.get_state_display())

    @admin.display(description=_("row"))
    def row_held(self, obj: Hint) -> str | None:
        return self.held(obj, mirror_of(obj.resource), obj.remote_id)


@admin.register(Feed)
class FeedAdmin(JournalAdmin):
    list_display = ("name", "company_id", "feed_state", "entries", "polled_at", "error")
    list_filter = ("state",)
    fields = (("name", "company_id", "feed_state"), ("mark", "entries"), ("polled_at", "since"), "error")

    @admin.display(description=_("state"), ordering="state")
    def feed_state(self, obj: Feed) -> str:
        return format_word("active" if obj.state == Feed.State.ON else "pending", obj.get_state_display())
