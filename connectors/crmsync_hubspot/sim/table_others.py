"""Properties of companies, deals and the engagement objects: name, label, type, fieldType, group, flags, options.

Flags as in table_contacts. Source: the vendor's guides for each object; company industries are the default portal's.
"""

from __future__ import annotations

COMPANIES = """
name|Company name|string|text|companyinformation|fd|
domain|Company Domain Name|string|text|companyinformation|fd|
website|Website URL|string|text|companyinformation|fd|
phone|Phone Number|string|phonenumber|companyinformation|fd|
industry|Industry|enumeration|select|companyinformation|fd|@industry
numberofemployees|Number of Employees|number|number|companyinformation|fd|
annualrevenue|Annual Revenue|number|number|companyinformation|fd|
address|Street Address|string|text|companyinformation|fd|
address2|Street Address 2|string|text|companyinformation|fd|
city|City|string|text|companyinformation|fd|
state|State/Region|string|text|companyinformation|fd|
zip|Postal Code|string|text|companyinformation|fd|
country|Country/Region|string|text|companyinformation|fd|
description|Description|string|textarea|companyinformation|fd|
type|Type|enumeration|radio|companyinformation|fd|PROSPECT=Prospect;PARTNER=Partner;RESELLER=Reseller;VENDOR=Vendor;OTHER=Other
hs_lead_status|Lead Status|enumeration|radio|companyinformation|fd|@hs_lead_status
lifecyclestage|Lifecycle Stage|enumeration|radio|companyinformation|xfd|@lifecyclestage
hubspot_owner_id|Company owner|enumeration|select|companyinformation|xd|
hubspot_owner_assigneddate|Owner Assigned Date|datetime|date|companyinformation|rd|
twitterhandle|Twitter Handle|string|text|companyinformation|fd|
num_associated_contacts|Number of Associated Contacts|number|number|companyinformation|rd|
num_associated_deals|Number of Associated Deals|number|number|companyinformation|rd|
notes_last_updated|Last Activity Date|datetime|date|companyinformation|rd|
num_notes|Number of Sales Activities|number|number|companyinformation|rd|
hs_object_id|Record ID|number|number|companyinformation|rd|
hs_object_source|Record Creation Source|string|text|companyinformation|rhd|
hs_object_source_id|Record Creation Source ID|string|text|companyinformation|rhd|
hs_object_source_label|Record Source|enumeration|select|companyinformation|rhxd|
hs_merged_object_ids|Merged Company IDs|enumeration|checkbox|companyinformation|rd|
hs_pipeline|Pipeline|enumeration|select|companyinformation|hxd|
createdate|Create Date|datetime|date|companyinformation|rd|
hs_lastmodifieddate|Last Modified Date|datetime|date|companyinformation|rd|
"""

DEALS = """
dealname|Deal Name|string|text|dealinformation|fd|
dealstage|Deal Stage|enumeration|radio|dealinformation|xfd|
pipeline|Pipeline|enumeration|select|dealinformation|xfd|
amount|Amount|number|number|dealinformation|fd|
closedate|Close Date|datetime|date|dealinformation|fd|
dealtype|Deal Type|enumeration|radio|dealinformation|fd|newbusiness=New Business;existingbusiness=Existing Business
description|Deal Description|string|textarea|dealinformation|fd|
hubspot_owner_id|Deal owner|enumeration|select|dealinformation|xd|
hubspot_owner_assigneddate|Owner Assigned Date|datetime|date|dealinformation|rd|
deal_currency_code|Currency|enumeration|select|dealinformation|fd|USD=US Dollar;EUR=Euro;GBP=British Pound
closed_lost_reason|Closed Lost Reason|string|textarea|dealinformation|fd|
closed_won_reason|Closed Won Reason|string|textarea|dealinformation|fd|
hs_is_closed|Is Deal Closed?|bool|booleancheckbox|dealinformation|rcd|@bool
hs_is_closed_won|Is Closed Won|bool|booleancheckbox|dealinformation|rcd|@bool
hs_deal_stage_probability|Deal probability|number|number|dealinformation|rcd|
hs_projected_amount|Weighted amount|number|number|dealinformation|rcd|
num_associated_contacts|Number of Associated Contacts|number|number|dealinformation|rd|
num_notes|Number of Sales Activities|number|number|dealinformation|rd|
notes_last_updated|Last Activity Date|datetime|date|dealinformation|rd|
notes_last_contacted|Last Contacted|datetime|date|dealinformation|rd|
notes_next_activity_date|Next Activity Date|datetime|date|dealinformation|rd|
hs_object_id|Record ID|number|number|dealinformation|rd|
hs_object_source|Record Creation Source|string|text|dealinformation|rhd|
hs_object_source_id|Record Creation Source ID|string|text|dealinformation|rhd|
hs_object_source_label|Record Source|enumeration|select|dealinformation|rhxd|
hs_merged_object_ids|Merged Deal IDs|enumeration|checkbox|dealinformation|rd|
createdate|Create Date|datetime|date|dealinformation|d|
hs_createdate|Object create date/time|datetime|date|dealinformation|rd|
hs_lastmodifieddate|Last Modified Date|datetime|date|dealinformation|rd|
"""

ENGAGEMENT = """
hs_timestamp|Activity date|datetime|date|engagement|d|
hubspot_owner_id|Activity assigned to|enumeration|select|engagement|xd|
hubspot_owner_assigneddate|Owner assigned date|datetime|date|engagement|rd|
hs_attachment_ids|Attached file IDs|enumeration|checkbox|engagement|xd|
hs_object_id|Record ID|number|number|engagement|rd|
hs_object_source|Record Creation Source|string|text|engagement|rhd|
hs_object_source_id|Record Creation Source ID|string|text|engagement|rhd|
hs_object_source_label|Record Source|enumeration|select|engagement|rhxd|
hs_merged_object_ids|Merged record IDs|enumeration|checkbox|engagement|rd|
hs_createdate|Create date|datetime|date|engagement|rd|
hs_lastmodifieddate|Last modified date|datetime|date|engagement|rd|
"""

TASKS = """
hs_task_subject|Task Title|string|text|task|d|
hs_task_body|Task Notes|string|html|task|d|
hs_task_status|Task Status|enumeration|select|task|d|@hs_task_status
hs_task_priority|Priority|enumeration|select|task|d|NONE=None;LOW=Low;MEDIUM=Medium;HIGH=High
hs_task_type|Task Type|enumeration|select|task|d|TODO=To-do;CALL=Call;EMAIL=Email;LINKED_IN=LinkedIn
hs_task_reminders|Reminders|string|text|task|d|
hs_task_is_completed|Is task completed|number|number|task|rcd|
hs_task_completion_date|Completed at|datetime|date|task|rd|
hs_task_is_overdue|Is overdue|bool|booleancheckbox|task|rcd|@bool
"""

CALLS = """
hs_call_title|Call Title|string|text|call|d|
hs_call_body|Call notes|string|html|call|d|
hs_call_direction|Call direction|enumeration|select|call|d|INBOUND=Inbound;OUTBOUND=Outbound
hs_call_duration|Call duration|number|number|call|d|
hs_call_status|Call status|enumeration|select|call|d|@hs_call_status
hs_call_disposition|Call outcome|enumeration|select|call|xd|@hs_call_disposition
hs_call_from_number|From number|string|text|call|d|
hs_call_to_number|To Number|string|text|call|d|
hs_call_recording_url|Recording URL|string|text|call|d|
"""

EMAILS = """
hs_email_direction|Email Direction|enumeration|select|email|d|@hs_email_direction
hs_email_subject|Email subject|string|text|email|d|
hs_email_text|Email body|string|textarea|email|d|
hs_email_html|Email html|string|html|email|d|
hs_email_status|Email send status|enumeration|select|email|d|BOUNCED=Bounced;FAILED=Failed;SCHEDULED=Scheduled;SENDING=Sending;SENT=Sent
hs_email_headers|Email headers|string|textarea|email|d|
hs_email_from_email|Email from address|string|text|email|rcd|
hs_email_from_firstname|Email from first name|string|text|email|rcd|
hs_email_from_lastname|Email from last name|string|text|email|rcd|
hs_email_to_email|Email to address|string|text|email|rcd|
hs_email_to_firstname|Email to first name|string|text|email|rcd|
hs_email_to_lastname|Email to last name|string|text|email|rcd|
hs_email_cc_email|Email cc address|string|text|email|rcd|
hs_email_bcc_email|Email bcc address|string|text|email|rcd|
"""

MEETINGS = """
hs_meeting_title|Meeting name|string|text|meeting|d|
hs_meeting_body|Meeting description|string|html|meeting|d|
hs_internal_meeting_notes|Internal meeting notes|string|html|meeting|d|
hs_meeting_start_time|Meeting start time|datetime|date|meeting|d|
hs_meeting_end_time|Meeting end time|datetime|date|meeting|d|
hs_meeting_outcome|Meeting outcome|enumeration|select|meeting|d|@hs_meeting_outcome
hs_meeting_location|Meeting location|string|text|meeting|d|
hs_meeting_external_url|External URL|string|text|meeting|d|
"""

NOTES = """
hs_note_body|Note body|string|html|note|d|
"""

OTHER_OPTIONS = {
    "hs_task_status": "NOT_STARTED=Not started;IN_PROGRESS=In progress;WAITING=Waiting;COMPLETED=Completed;DEFERRED=Deferred",
    "hs_call_status": (
        "BUSY=Busy;CALLING_CRM_USER=Calling CRM user;CANCELED=Canceled;COMPLETED=Completed;CONNECTING=Connecting;"
        "FAILED=Failed;IN_PROGRESS=In progress;MISSED=Missed;NO_ANSWER=No answer;QUEUED=Queued;RINGING=Ringing"
    ),
    "hs_call_disposition": (
        "9d9162e7-6cf3-4944-bf63-4dff82258764=Busy;f240bbac-87c9-4f6e-bf70-924b57d47db7=Connected;"
        "a4c4c377-d246-4b32-a13b-75a56a4cd0ff=Left live message;b2cf5968-551e-4856-9783-52b3da59a7d0=Left voicemail;"
        "73a0d17f-1163-4015-bdd5-ec830791da20=No answer;17b47fee-58de-441e-a44c-c6300d46f273=Wrong number"
    ),
    "hs_email_direction": "EMAIL=Email;INCOMING_EMAIL=Incoming email;FORWARDED_EMAIL=Forwarded email",
    "hs_meeting_outcome": ("SCHEDULED=Scheduled;COMPLETED=Completed;RESCHEDULED=Rescheduled;NO_SHOW=No show;CANCELED=Canceled"),
    "industry": (
        "ACCOUNTING=Accounting;AUTOMOTIVE=Automotive;AVIATION_AEROSPACE=Aviation & Aerospace;BANKING=Banking;"
        "BIOTECHNOLOGY=Biotechnology;CHEMICALS=Chemicals;CIVIL_ENGINEERING=Civil Engineering;"
        "COMPUTER_GAMES=Computer Games;COMPUTER_HARDWARE=Computer Hardware;"
        "COMPUTER_NETWORK_SECURITY=Computer & Network Security;COMPUTER_SOFTWARE=Computer Software;"
        "CONSTRUCTION=Construction;CONSUMER_GOODS=Consumer Goods;CONSUMER_SERVICES=Consumer Services;"
        "E_LEARNING=E-Learning;EDUCATION_MANAGEMENT=Education Management;"
        "ELECTRICAL_ELECTRONIC_MANUFACTURING=Electrical/Electronic Manufacturing;ENTERTAINMENT=Entertainment;"
        "FINANCIAL_SERVICES=Financial Services;FOOD_BEVERAGES=Food & Beverages;"
        "GOVERNMENT_ADMINISTRATION=Government Administration;HEALTH_WELLNESS_AND_FITNESS=Health, Wellness and Fitness;"
        "HIGHER_EDUCATION=Higher Education;HOSPITAL_HEALTH_CARE=Hospital & Health Care;HOSPITALITY=Hospitality;"
        "HUMAN_RESOURCES=Human Resources;INFORMATION_SERVICES=Information Services;"
        "INFORMATION_TECHNOLOGY_AND_SERVICES=Information Technology and Services;INSURANCE=Insurance;INTERNET=Internet;"
        "LAW_PRACTICE=Law Practice;LEGAL_SERVICES=Legal Services;"
        "LOGISTICS_AND_SUPPLY_CHAIN=Logistics and Supply Chain;MACHINERY=Machinery;"
        "MANAGEMENT_CONSULTING=Management Consulting;MARKETING_AND_ADVERTISING=Marketing and Advertising;"
        "MECHANICAL_OR_INDUSTRIAL_ENGINEERING=Mechanical or Industrial Engineering;MEDICAL_DEVICES=Medical Devices;"
        "NON_PROFIT_ORGANIZATION_MANAGEMENT=Non-Profit Organization Management;OIL_ENERGY=Oil & Energy;"
        "PHARMACEUTICALS=Pharmaceuticals;PUBLISHING=Publishing;REAL_ESTATE=Real Estate;"
        "RENEWABLES_ENVIRONMENT=Renewables & Environment;RESEARCH=Research;RETAIL=Retail;"
        "STAFFING_AND_RECRUITING=Staffing and Recruiting;TELECOMMUNICATIONS=Telecommunications;"
        "TRANSPORTATION_TRUCKING_RAILROAD=Transportation/Trucking/Railroad;UTILITIES=Utilities;"
        "VENTURE_CAPITAL_PRIVATE_EQUITY=Venture Capital & Private Equity;WHOLESALE=Wholesale"
    ),
}
