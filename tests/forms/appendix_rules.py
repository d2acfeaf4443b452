"""Blesta's rules by model, as the reference's Appendix B lists them: field and code. `[1]` is any row of a list.

Those about settings of staff, numbering and imports are in it as well: which rule a method can break is not published,
so every form must have a place for each rule of its model.
"""

from __future__ import annotations

ADDRESS = "title company city state country address1 address2 zip"
_DATES = "date_billed date_due date_closed date_autodebit date_renews date_last_renewed"

RULES: dict[str, str] = {
    "Clients": (
        "client_group_id.exists client_id.exists client_id.deleteable account_id.exists type.exists id_format.empty"
        " id_format.length id_value.valid user_id.exists user_id.unique status.format settings[tax_id].valid"
        " autodebit.format inv_address_to.exists default_currency.valid default_currency.editable inv_method.valid"
        " inv_method.editable language.valid language.editable receive_email_marketing.valid value.required value.valid"
        " staff_id.exists title.empty title.length note_id.exists stickied.format stickied.length package_ids.exists"
        " payment_credit_limits.max_less_than_min payment_credit_limits.max_amount payment_credit_limits.min_amount"
    ),
    "Contacts": (
        "client_id.exists user_id.exists contact_type.format contact_type.inv_address_to contact_type_id.format"
        " first_name.empty last_name.empty title.length company.length email.format email.unique state.length"
        " country.length state.country_exists contact_id.exists contact_id.primary phone.required fax.required "
        + " ".join(f"{field}.empty {field}.read_only" for field in ADDRESS.split())
        + " first_name.read_only last_name.read_only email.read_only"
        " number.empty number.required type.format location.format id.exists"
    ),
    "Users": (
        "username.empty username.unique username.auth username.attempts username.company current_password.matches"
        " new_password.format new_password.matches two_factor_mode.format two_factor_key.format otp.auth user_id.exists"
        " clients.exist recovery_email.format"
    ),
    "Services": (
        "service_id.exists service_id.has_children status.format status.valid client_id.exists client_id.allowed"
        " pricing_id.exists pricing_id.valid pricing_id.overrides parent_service_id.exists parent_service_id.parent"
        " package_group_id.exists module_row_id.exists module_row.valid module_group.valid coupon_id.valid qty.format"
        " qty.length qty.available override_price.format override_price.override override_currency.format"
        " date_added.format date_renews.format date_last_renewed.format date_suspended.format date_canceled.format"
        " date_renews.valid date_canceled.valid use_module.format prorate.format configoptions.valid"
        " invoice_method.valid fields[1][key].empty fields[1][value].empty fields[1][encrypted].format key.empty"
        " key.length value.empty encrypted.format move.unpaid_invoices uncancel.unsupported id_format.empty"
        " id_format.length id_value.valid api.response"
    ),
    "ServiceChanges": "id.exists service_id.exists invoice_id.exists invoice_id.unique status.valid",
    "Invoices": (
        "invoice_id.exists invoice_recur_id.exists client_id.exists "
        + " ".join(f"{field}.format" for field in _DATES.split())
        + " date_due.after_billed status.format currency.length autodebit.valid delivery.exists delivery.empty"
        " delivery.length method.exists lines[1][id].exists lines[1][service_id].exists lines[1][description].empty"
        " lines[1][qty].format lines[1][qty].minimum lines[1][amount].format lines[1][tax].format lines.empty"
        " id.amount_applied invoice_id.draft invoice_add.failed term.format term.bounds period.format duration.format"
        " line_items.empty_split line_items.minimum_split invoice_id.unique invoice_id.status invoice_ids.client"
        " invoice_ids.status invoice_ids.currency invoice_ids.count service.renew_onetime domain_renew.failed"
        " id_format.empty id_format.length id_value.valid"
    ),
    "Quotations": (
        "quotation_add.failed id.quotation_invoiced id_format.empty id_format.length id_value.valid client_id.exists"
        " staff_id.exists title.empty title.length date_created.format date_expires.format date_expires.after_created"
        " status.format currency.length status.valid first_due_date.format second_due_date.format percentage_due.format"
        " percentage_due.valid lines[1][id].exists lines[1][description].empty lines[1][qty].minimum"
        " lines[1][amount].format lines[1][tax].format"
    ),
    "Transactions": (
        "client_id.exists amount.format currency.length currency.missing currency.mismatch type.format"
        " transaction_type_id.exists gateway_id.exists transaction_id.length parent_transaction_id.length"
        " reference_id.length message.length status.format transaction_id.exists date_added.format"
        " transaction_id.currency_matches invoice_id.exists amounts.overage amounts.positive date.format"
    ),
    # The reference lists these under GatewayPayments; they are what Payments' methods break.
    "Payments": (
        "gateway.exists transaction_id.exists account_id.exists contact_id.exists type.valid type.instance amount.valid"
        " reference_id.store reference_id.update reference_id.verify reference_id.remove"
        " response_status.response_status gateway.declined gateway.error type.invalid"
    ),
    "support_manager.SupportManagerTickets": (
        "code.format department_id.exists staff_id.exists by_staff_id.exists contact_id.exists contact_id.valid"
        " service_id.exists service_id.belongs client_id.exists client_id.set client_id.attached_to client_id.company"
        " email.format summary.empty summary.length priority.format priority.valid status.format status.trash"
        " date_added.format date_updated.format date_closed.format ticket_id.exists ticket_ids[1].exists type.format"
        " type.new_valid details.empty replies.valid replies.notes tickets.valid tickets.service_matches"
        " tickets.department_matches merge_into.itself contacts.valid recipients.valid recipients.duplicated"
        " custom_fields.empty"
    ),
}


def rules(model: str) -> list[tuple[str, str]]:
    """(field, code), each once."""
    listed = [tuple(rule.rsplit(".", 1)) for rule in RULES[model].split()]
    return list(dict.fromkeys((field, code) for field, code in listed))
