"""Contact properties of a default portal: name, label, type, fieldType, group, flags, options.

Flags: r read-only value, d read-only definition, c calculated, h hidden, x external options, f form field, u unique.
Names, types and options are those of a real portal's GET /crm/v3/properties/contacts answer.
"""

from __future__ import annotations

CONTACTS = """
email|Email|string|text|contactinformation|fd|
firstname|First Name|string|text|contactinformation|fd|
lastname|Last Name|string|text|contactinformation|fd|
salutation|Salutation|string|text|contactinformation|f|
jobtitle|Job Title|string|text|contactinformation|fd|
company|Company Name|string|text|contactinformation|fd|
phone|Phone Number|string|phonenumber|contactinformation|fd|
mobilephone|Mobile Phone Number|string|phonenumber|contactinformation|fd|
fax|Fax Number|string|phonenumber|contactinformation|fd|
website|Website URL|string|text|contactinformation|fd|
address|Street Address|string|text|contactinformation|fd|
city|City|string|text|contactinformation|fd|
state|State/Region|string|text|contactinformation|f|
zip|Postal Code|string|text|contactinformation|fd|
country|Country/Region|string|text|contactinformation|f|
industry|Industry|string|text|contactinformation|f|
numemployees|Number of Employees|enumeration|select|contactinformation|f|@numemployees
annualrevenue|Annual Revenue|string|text|contactinformation|f|
message|Message|string|textarea|contact_activity|fd|
hubspot_owner_id|Contact owner|enumeration|select|sales_properties|xd|
hubspot_owner_assigneddate|Owner Assigned Date|datetime|date|sales_properties|rd|
hubspot_team_id|HubSpot Team|enumeration|select|sales_properties|rxd|
hs_all_owner_ids|All owner ids|enumeration|select|contactinformation|rhxd|
hs_lead_status|Lead Status|enumeration|radio|sales_properties|fd|@hs_lead_status
lifecyclestage|Lifecycle Stage|enumeration|radio|contactinformation|xfd|@lifecyclestage
hs_pipeline|Pipeline|enumeration|select|contactinformation|hxd|
hs_persona|Persona|enumeration|select|contactinformation|fd|
hs_buying_role|Buying Role|enumeration|checkbox|deal_information|fd|@hs_buying_role
twitterhandle|Twitter Username|string|text|contactinformation|fd|
hs_object_id|Record ID|number|number|contactinformation|rd|
hs_object_source|Record Creation Source|string|text|contactinformation|rhd|
hs_object_source_id|Record Creation Source ID|string|text|contactinformation|rhd|
hs_object_source_label|Record Source|enumeration|select|contactinformation|rhxd|
hs_object_source_user_id|Record Creation Source User ID|number|number|contactinformation|rhd|
hs_created_by_user_id|Created by user ID|number|number|contactinformation|rd|
createdate|Create Date|datetime|date|contactinformation|rd|
lastmodifieddate|Last Modified Date|datetime|date|contactinformation|rd|
hs_createdate|Object create date/time|datetime|date|contactinformation|rd|
hs_lastmodifieddate|Object last modified date/time|datetime|date|contactinformation|rhd|
hs_additional_emails|Additional email addresses|enumeration|select|contactinformation|rchd|
hs_all_contact_vids|All vids for a contact|enumeration|select|contactinformation|rchd|
hs_merged_object_ids|Merged Contact IDs|enumeration|checkbox|contactinformation|rd|
hs_calculated_merged_vids|Merged vids with timestamps of a contact|enumeration|select|contactinformation|rchd|
hs_email_domain|Email Domain|string|text|contactinformation|rcd|
hs_is_contact|Is a contact|bool|calculation_read_time|contactinformation|rchd|@bool
hs_is_unworked|Contact unworked|bool|calculation_equation|sales_properties|rd|@bool
hs_calculated_phone_number|Calculated Phone Number in International Format|string|text|contactinformation|rchd|
hs_calculated_mobile_number|Calculated Mobile Number in International Format|string|text|contactinformation|rchd|
hs_email_optout|Unsubscribed from all email|bool|booleancheckbox|emailinformation|rd|@bool
hs_email_optout_237525689|Opted out of email: One to One|enumeration|booleancheckbox|emailinformation|rd|@yesno
hs_email_optout_237525690|Opted out of email: Marketing Information|enumeration|booleancheckbox|emailinformation|rd|@yesno
hs_email_bounce|Marketing emails bounced|number|number|emailinformation|rd|
hs_email_hard_bounce_reason_enum|Email hard bounce reason|enumeration|radio|emailinformation|rd|@hs_email_hard_bounce_reason_enum
hs_email_bad_address|Invalid email address|bool|booleancheckbox|emailinformation|rd|@bool
hs_email_quarantined|Email Address Quarantined|bool|booleancheckbox|emailinformation|rd|@bool
hs_email_delivered|Marketing emails delivered|number|number|emailinformation|rd|
hs_email_open|Marketing emails opened|number|number|emailinformation|rd|
hs_email_click|Marketing emails clicked|number|number|emailinformation|rd|
hs_email_replied|Marketing emails replied|number|number|emailinformation|rd|
hs_email_first_open_date|First marketing email open date|datetime|date|emailinformation|rd|
hs_email_last_open_date|Last marketing email open date|datetime|date|emailinformation|rd|
hs_email_first_click_date|First marketing email click date|datetime|date|emailinformation|rd|
hs_email_last_click_date|Last marketing email click date|datetime|date|emailinformation|rd|
hs_email_first_reply_date|First marketing email reply date|datetime|date|emailinformation|rd|
hs_email_last_reply_date|Last marketing email reply date|datetime|date|emailinformation|rd|
hs_email_last_send_date|Last marketing email send date|datetime|date|emailinformation|rd|
hs_email_last_email_name|Last marketing email name|string|text|emailinformation|rd|
hs_sales_email_last_opened|Recent Sales Email Opened Date|datetime|date|contact_activity|rd|
hs_sales_email_last_clicked|Recent Sales Email Clicked Date|datetime|date|contact_activity|rd|
hs_sales_email_last_replied|Recent Sales Email Replied Date|datetime|date|contact_activity|rd|
hs_analytics_source|Original Source|enumeration|select|analyticsinformation|d|@hs_analytics_source
hs_analytics_source_data_1|Original Source Drill-Down 1|string|text|analyticsinformation|rd|
hs_analytics_source_data_2|Original Source Drill-Down 2|string|text|analyticsinformation|rd|
hs_latest_source|Latest Source|enumeration|select|analyticsinformation|d|@hs_latest_source
hs_latest_source_timestamp|Latest Source Date|datetime|date|analyticsinformation|d|
hs_analytics_first_url|First Page Seen|string|text|analyticsinformation|rd|
hs_analytics_last_url|Last Page Seen|string|text|analyticsinformation|rd|
hs_analytics_first_timestamp|Time First Seen|datetime|date|analyticsinformation|rd|
hs_analytics_last_timestamp|Time Last Seen|datetime|date|analyticsinformation|rd|
hs_analytics_first_visit_timestamp|Time of First Session|datetime|date|analyticsinformation|rd|
hs_analytics_last_visit_timestamp|Time of Last Session|datetime|date|analyticsinformation|rd|
hs_analytics_num_page_views|Number of Pageviews|number|number|analyticsinformation|rd|
hs_analytics_num_visits|Number of Sessions|number|number|analyticsinformation|rd|
hs_analytics_first_referrer|First Referring Site|string|text|analyticsinformation|rd|
hs_analytics_last_referrer|Last Referring Site|string|text|analyticsinformation|rd|
first_conversion_date|First Conversion Date|datetime|date|contact_activity|rcd|
first_conversion_event_name|First Conversion|string|text|contact_activity|rcd|
recent_conversion_date|Recent Conversion Date|datetime|date|conversioninformation|rcd|
recent_conversion_event_name|Recent Conversion|string|text|conversioninformation|rcd|
num_conversion_events|Number of Form Submissions|number|number|conversioninformation|rcd|
num_unique_conversion_events|Number of Unique Forms Submitted|number|number|conversioninformation|rcd|
hs_calculated_form_submissions|All form submissions for a contact|enumeration|select|contactinformation|rchd|
notes_last_contacted|Last Contacted|datetime|date|contact_activity|rd|
notes_last_updated|Last Activity Date|datetime|date|contact_activity|rd|
notes_next_activity_date|Next Activity Date|datetime|date|contact_activity|rd|
num_notes|Number of Sales Activities|number|number|contact_activity|rd|
num_contacted_notes|Number of times contacted|number|number|contact_activity|rd|
hs_last_sales_activity_timestamp|Last Engagement Date|datetime|date|contact_activity|rd|
engagements_last_meeting_booked|Date of last meeting booked in meetings tool|datetime|date|contact_activity|rd|
associatedcompanyid|Primary Associated Company ID|number|number|contactinformation|hxd|
associatedcompanylastupdated|Associated Company Last Updated|number|number|contactinformation|rhd|
num_associated_deals|Number of Associated Deals|number|number|deal_information|rd|
closedate|Close Date|datetime|date|deal_information|d|
days_to_close|Days To Close|number|number|deal_information|rcd|
hubspotscore|HubSpot Score|number|calculation_score|sales_properties|rd|
hs_was_imported|Performed in an import|bool|booleancheckbox|contactinformation|rhd|@bool
hs_marketable_status|Marketing contact status|enumeration|booleancheckbox|contactinformation|rd|@hs_marketable_status
hs_legal_basis|Legal basis for processing contact's data|enumeration|checkbox|emailinformation|d|@hs_legal_basis
hs_lifecyclestage_subscriber_date|Became a Subscriber Date|datetime|date|contactinformation|rd|
hs_lifecyclestage_lead_date|Became a Lead Date|datetime|date|contactinformation|rd|
hs_lifecyclestage_marketingqualifiedlead_date|Became a Marketing Qualified Lead Date|datetime|date|contactinformation|rd|
hs_lifecyclestage_salesqualifiedlead_date|Became a Sales Qualified Lead Date|datetime|date|contactinformation|rd|
hs_lifecyclestage_opportunity_date|Became an Opportunity Date|datetime|date|contactinformation|rd|
hs_lifecyclestage_customer_date|Became a Customer Date|datetime|date|contactinformation|rd|
hs_lifecyclestage_evangelist_date|Became an Evangelist Date|datetime|date|contactinformation|rd|
hs_lifecyclestage_other_date|Became an Other Lifecycle Date|datetime|date|contactinformation|rd|
hs_v2_date_entered_subscriber|Date entered "Subscriber (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_entered_lead|Date entered "Lead (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_entered_marketingqualifiedlead|Date entered "Marketing Qualified Lead (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_entered_salesqualifiedlead|Date entered "Sales Qualified Lead (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_entered_opportunity|Date entered "Opportunity (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_entered_customer|Date entered "Customer (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_entered_evangelist|Date entered "Evangelist (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_entered_other|Date entered "Other (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_exited_subscriber|Date exited "Subscriber (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_exited_lead|Date exited "Lead (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_exited_marketingqualifiedlead|Date exited "Marketing Qualified Lead (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_exited_salesqualifiedlead|Date exited "Sales Qualified Lead (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_exited_opportunity|Date exited "Opportunity (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_exited_customer|Date exited "Customer (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_exited_evangelist|Date exited "Evangelist (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
hs_v2_date_exited_other|Date exited "Other (Lifecycle Stage Pipeline)"|datetime|date|contactinformation|rd|
"""

CONTACT_OPTIONS = {
    "numemployees": "1-5=1-5;5-25=5-25;25-50=25-50;50-100=50-100;100-500=100-500;500-1000=500-1000;1000+=1000+",
    "hs_lead_status": (
        "NEW=New;OPEN=Open;IN_PROGRESS=In Progress;OPEN_DEAL=Open Deal;UNQUALIFIED=Unqualified;"
        "ATTEMPTED_TO_CONTACT=Attempted to Contact;CONNECTED=Connected;BAD_TIMING=Bad Timing"
    ),
    "lifecyclestage": (
        "subscriber=Subscriber;lead=Lead;marketingqualifiedlead=Marketing Qualified Lead;"
        "salesqualifiedlead=Sales Qualified Lead;opportunity=Opportunity;customer=Customer;evangelist=Evangelist;"
        "other=Other"
    ),
    "hs_buying_role": (
        "BLOCKER=Blocker;BUDGET_HOLDER=Budget Holder;CHAMPION=Champion;DECISION_MAKER=Decision Maker;END_USER=End User;"
        "EXECUTIVE_SPONSOR=Executive Sponsor;INFLUENCER=Influencer;LEGAL_AND_COMPLIANCE=Legal & Compliance;OTHER=Other"
    ),
    "hs_email_hard_bounce_reason_enum": "CONTENT=Content;MAILBOX_FULL=Mailbox full;OTHER=Other;POLICY=Policy;SPAM=Spam;UNKNOWN_USER=Unknown user",
    "hs_analytics_source": (
        "ORGANIC_SEARCH=Organic Search;PAID_SEARCH=Paid Search;EMAIL_MARKETING=Email Marketing;"
        "SOCIAL_MEDIA=Organic Social;REFERRALS=Referrals;OTHER_CAMPAIGNS=Other Campaigns;DIRECT_TRAFFIC=Direct Traffic;"
        "OFFLINE=Offline Sources;PAID_SOCIAL=Paid Social"
    ),
    "hs_latest_source": (
        "ORGANIC_SEARCH=Organic Search;PAID_SEARCH=Paid Search;EMAIL_MARKETING=Email Marketing;"
        "SOCIAL_MEDIA=Organic Social;REFERRALS=Referrals;OTHER_CAMPAIGNS=Other Campaigns;DIRECT_TRAFFIC=Direct Traffic;"
        "OFFLINE=Offline Sources;PAID_SOCIAL=Paid Social"
    ),
    "hs_marketable_status": "true=Marketing contact;false=Non-marketing contact",
    "hs_legal_basis": (
        "Legitimate interest – prospect/lead=Legitimate interest - Lead;"
        "Legitimate interest – existing customer=Legitimate interest - Customer;"
        "Legitimate interest - other=Legitimate interest - Other;Performance of a contract=Performance of a contract;"
        "Freely given consent from contact=Freely given consent from contact;Not applicable=Not applicable"
    ),
}
