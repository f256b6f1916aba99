"""A token that loses a scope: what we may not see any more was not taken away by anybody."""

from __future__ import annotations

from scenarios.persons import crowd
from scenarios.world import Both

WITHOUT_COMPANIES = (
    "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read", "crm.objects.owners.read",
    "crm.objects.deals.read", "crm.schemas.deals.read", "communication_preferences.read_write", "oauth",
)  # fmt: skip


def test_the_company_of_a_task_stays_when_hubspot_no_longer_tells_it() -> None:
    with Both(kinds=("company", "task")) as both:
        # given a task of a company, in step with Salesforce
        crowd(both, 1)
        company = str(both.hs.create("companies", {"name": "Acme", "domain": "acme.example"}))
        account = str(both.sf.create("Account", {"Name": "Acme", "Website": "acme.example"}))
        task = str(both.hs.create("tasks", {"hs_task_subject": "Offer", "hs_timestamp": "2026-03-10T13:00:00Z", "associations": {"companies": [company]}}))  # fmt: skip
        both.settle()
        twin = both.twin_id("task", "hubspot", task)
        assert both.sf.get("Task", twin)["WhatId"] == account
        # when the token loses the scope of companies, and somebody changes the task
        granted = both.hs.options.scopes
        both.hs.options.scopes = WITHOUT_COMPANIES
        both.hs.edit("tasks", task, {"hs_task_subject": "Better offer"})
        both.settle()
        # then the change arrives and the account stays
        shown = both.sf.get("Task", twin)
        assert (shown["Subject"], shown["WhatId"]) == ("Better offer", account)
        # and with the scope back, taking the company away is seen again
        both.hs.options.scopes = granted
        both.hs.dissociate("tasks", task, "companies", company)
        both.hs.edit("tasks", task, {"hs_task_subject": "No offer"})
        both.settle(400)
        shown = both.sf.get("Task", twin)
        assert (shown["Subject"], shown["WhatId"]) == ("No offer", None)
