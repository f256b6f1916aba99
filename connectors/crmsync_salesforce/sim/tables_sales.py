"""Standard fields of Opportunity, OpportunityContactRole and Campaign; the notation is explained in schema.py."""

OPPORTUNITY = """
Id id di Opportunity ID
IsDeleted boolean d Deleted
AccountId reference ncu Account ID ; >Account:Account
IsPrivate boolean cud Private
Name string(120) cui Name ; NAME
Description textarea(32000) ncu Description
StageName picklist(255) cu Stage ; =StageName
Amount currency(18,2) ncu Amount
Probability percent(3,0) ncud Probability (%)
ExpectedRevenue currency(18,2) n Expected Amount
TotalOpportunityQuantity double(18,2) ncu Quantity
CloseDate date cu Close Date
Type picklist(255) ncu Opportunity Type ; =OpportunityType
NextStep string(255) ncu Next Step
LeadSource picklist(255) ncu Lead Source ; =LeadSource
IsClosed boolean d Closed
IsWon boolean d Won
ForecastCategory picklist(40) r Forecast Category ; =ForecastCategory
ForecastCategoryName picklist(255) ncudr Forecast Category ; =ForecastCategoryName
CampaignId reference ncu Campaign ID ; >Campaign:Campaign
OwnerId reference cud Owner ID ; >User:Owner
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
LastActivityDate date n Last Activity
LastStageChangeDate datetime n Last Stage Change Date
ContactId reference nc Contact ID ; >Contact:
"""

OPPORTUNITY_CONTACT_ROLE = """
Id id di Contact Role ID
OpportunityId reference c Opportunity ID ; >Opportunity:Opportunity
ContactId reference cu Contact ID ; >Contact:Contact
Role picklist(40) ncu Role ; =Role
IsPrimary boolean cud Primary
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
IsDeleted boolean d Deleted
"""

CAMPAIGN = """
Id id di Campaign ID
IsDeleted boolean d Deleted
Name string(80) cui Name ; NAME
ParentId reference ncu Parent Campaign ID ; >Campaign:Parent
Type picklist(40) ncud Type ; =CampaignType
Status picklist(40) ncud Status ; =CampaignStatus
StartDate date ncu Start Date
EndDate date ncu End Date
ExpectedRevenue currency(18,0) ncu Expected Revenue in Campaign
BudgetedCost currency(18,0) ncu Budgeted Cost in Campaign
ActualCost currency(18,0) ncu Actual Cost in Campaign
ExpectedResponse percent(10,2) ncu Expected Response (%)
NumberSent double(18,0) ncu Num Sent in Campaign
IsActive boolean cud Active
Description textarea(32000) ncu Description
NumberOfLeads int(9) - Leads in Campaign
NumberOfConvertedLeads int(9) - Converted Leads in Campaign
NumberOfContacts int(9) - Contacts in Campaign
NumberOfResponses int(9) - Responses in Campaign
NumberOfOpportunities int(9) - Opportunities in Campaign
NumberOfWonOpportunities int(9) - Won Opportunities in Campaign
AmountAllOpportunities currency(18,0) - Value Opportunities in Campaign
AmountWonOpportunities currency(18,0) - Value Won Opportunities in Campaign
OwnerId reference cud Owner ID ; >User:Owner
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
LastActivityDate date n Last Activity
"""

CAMPAIGN_MEMBER = """
Id id di Campaign Member ID
IsDeleted boolean d Deleted
CampaignId reference c Campaign ID ; >Campaign:Campaign
LeadId reference nc Lead ID ; >Lead:Lead
ContactId reference nc Contact ID ; >Contact:Contact
Status picklist(40) ncu Status ; =MemberStatus
HasResponded boolean d Responded
FirstRespondedDate date n First Responded Date
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
"""

LEAD_STATUS = """
Id id di Lead Status Value ID
MasterLabel string(255) n Master Label ; NAME
ApiName string(255) - Api Name
SortOrder int(8) n Sort Order
IsDefault boolean d Is Default
IsConverted boolean d Is Converted
CreatedById reference d Created By ID ; >User:CreatedBy
CreatedDate datetime d Created Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
LastModifiedDate datetime d Last Modified Date
SystemModstamp datetime d System Modstamp
"""

TASK_STATUS = """
Id id di Task Status Value ID
MasterLabel string(255) n Master Label ; NAME
ApiName string(255) - Api Name
SortOrder int(8) n Sort Order
IsDefault boolean d Is Default
IsClosed boolean d Is Closed
CreatedById reference d Created By ID ; >User:CreatedBy
CreatedDate datetime d Created Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
LastModifiedDate datetime d Last Modified Date
SystemModstamp datetime d System Modstamp
"""

CAMPAIGN_MEMBER_STATUS = """
Id id di Campaign Member Status ID
IsDeleted boolean d Deleted
CampaignId reference c Campaign ID ; >Campaign:Campaign
Label string(255) cu Label
SortOrder int(8) ncu Sort Order
IsDefault boolean cud Is Default
HasResponded boolean cud Responded
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
"""
