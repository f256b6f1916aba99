"""Standard fields of Event, Task, their relations and EmailMessage; the notation is explained in schema.py."""

EVENT = """
Id id di Activity ID
WhoId reference ncu Name ID ; >Contact,Lead:Who
WhatId reference ncu Related To ID ; >Account,Campaign,Opportunity:What
Subject combobox(255) ncu Subject ; NAME =Subject
Location string(255) ncu Location
IsAllDayEvent boolean cud All-Day Event
ActivityDateTime datetime ncu Due Date Time
ActivityDate date ncu Due Date Only
DurationInMinutes int(8) ncu Duration
StartDateTime datetime ncu Start Date Time
EndDateTime datetime ncu End Date Time
EndDate date n End Date
Description textarea(32000) ncu Description
AccountId reference n Account ID ; >Account:Account
OwnerId reference cud Assigned To ID ; >User:Owner
IsPrivate boolean cud Private
ShowAs picklist(40) ncudr Show Time As ; =ShowAs
IsDeleted boolean d Deleted
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
IsArchived boolean d Archived
IsRecurrence boolean cd Create Recurring Series of Events
ReminderDateTime datetime ncu Reminder Date/Time
IsReminderSet boolean cud Reminder Set
EventSubtype picklist(40) ncr Event Subtype ; =EventSubtype
"""

TASK = """
Id id di Activity ID
WhoId reference ncu Name ID ; >Contact,Lead:Who
WhatId reference ncu Related To ID ; >Account,Campaign,Opportunity:What
Subject combobox(255) ncu Subject ; NAME =Subject
ActivityDate date ncu Due Date Only
Status picklist(255) cud Status ; =TaskStatus
Priority picklist(255) cud Priority ; =TaskPriority
IsHighPriority boolean d High Priority
OwnerId reference cud Assigned To ID ; >Group,User:Owner
Description textarea(32000) ncu Description
IsDeleted boolean d Deleted
AccountId reference n Account ID ; >Account:Account
IsClosed boolean d Closed
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
IsArchived boolean d Archived
CallDurationInSeconds int(8) ncu Call Duration
CallType picklist(40) ncur Call Type ; =CallType
CallDisposition string(255) ncu Call Result
CallObject string(255) ncu Call Object Identifier
ReminderDateTime datetime ncu Reminder Date/Time
IsReminderSet boolean cud Reminder Set
IsRecurrence boolean cd Create Recurring Series of Tasks
TaskSubtype picklist(40) ncr Task Subtype ; =TaskSubtype
CompletedDateTime datetime n Completed Date
"""

_AUDIT = """
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
IsDeleted boolean d Deleted
"""

TASK_RELATION = (
    """
Id id di Task Relation ID
RelationId reference c Relation ID ; >Account,Campaign,Contact,Lead,Opportunity:Relation
TaskId reference c Activity ID ; >Task:Task
IsWhat boolean cd Is What
AccountId reference n Account ID ; >Account:Account
"""
    + _AUDIT
)

EVENT_RELATION = (
    """
Id id di Event Relation ID
RelationId reference c Relation ID ; >Account,Campaign,Contact,Lead,Opportunity,User:Relation
EventId reference c Event ID ; >Event:Event
Status picklist(40) ncudr Status ; =EventRelationStatus
RespondedDate datetime ncu Responded Date
Response string(255) ncu Response
IsWhat boolean cd Is What
IsParent boolean cd Is Parent
IsInvitee boolean cd Is Invitee
AccountId reference n Account ID ; >Account:Account
"""
    + _AUDIT
)

EMAIL_MESSAGE = (
    """
Id id di Email Message ID
ActivityId reference nc Activity ID ; >Task:Activity
TextBody textarea(131072) ncu Text Body
HtmlBody textarea(131072) ncu HTML Body
Headers textarea(32768) ncu Headers
Subject string(3000) ncu Subject ; NAME
FromName string(1000) ncu From Name
FromAddress email(1000) ncu From Address
ToAddress string(4000) ncu To Address
CcAddress string(4000) ncu CC Address
BccAddress string(4000) ncu BCC Address
Incoming boolean cud Is Incoming
HasAttachment boolean d Has Attachment
Status picklist(40) cudr Status ; =EmailStatus
MessageDate datetime ncu Message Date
RelatedToId reference ncu Related To ID ; >Account,Campaign,Opportunity:RelatedTo
"""
    + _AUDIT
)
