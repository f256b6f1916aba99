"""Standard fields of Lead, Contact and Account, one a line; the notation is explained in schema.py."""

LEAD = """
Id id di Lead ID
IsDeleted boolean d Deleted
MasterRecordId reference n Master Record ID ; >Lead:MasterRecord
LastName string(80) cu Last Name ; @Name
FirstName string(40) ncu First Name ; @Name
Salutation picklist(40) ncu Salutation ; @Name =Salutation
Name string(121) - Full Name ; NAME
Title string(128) ncu Title
Company string(255) cu Company
Street textarea(255) ncu Street ; @Address
City string(40) ncu City ; @Address
State string(80) ncu State/Province ; @Address
PostalCode string(20) ncu Zip/Postal Code ; @Address
Country string(80) ncu Country ; @Address
Address address n Address
Phone phone(40) ncu Phone
MobilePhone phone(40) ncu Mobile Phone
Fax phone(40) ncu Fax
Email email(80) ncui Email
Website url(255) ncu Website
Description textarea(32000) ncu Description
LeadSource picklist(255) ncu Lead Source ; =LeadSource
Status picklist(255) cud Status ; =Status
Industry picklist(255) ncu Industry ; =Industry
Rating picklist(255) ncu Rating ; =Rating
AnnualRevenue currency(18,0) ncu Annual Revenue
NumberOfEmployees int(8) ncu Employees
OwnerId reference cud Owner ID ; >Group,User:Owner
IsConverted boolean cd Converted
ConvertedDate date n Converted Date
ConvertedAccountId reference n Converted Account ID ; >Account:ConvertedAccount
ConvertedContactId reference n Converted Contact ID ; >Contact:ConvertedContact
ConvertedOpportunityId reference n Converted Opportunity ID ; >Opportunity:ConvertedOpportunity
IsUnreadByOwner boolean cud Unread By Owner
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
LastActivityDate date n Last Activity
EmailBouncedReason string(255) nu Email Bounced Reason
EmailBouncedDate datetime nu Email Bounced Date
HasOptedOutOfEmail boolean cud Email Opt Out
HasOptedOutOfFax boolean cud Fax Opt Out
DoNotCall boolean cud Do Not Call
"""

CONTACT = """
Id id di Contact ID
IsDeleted boolean d Deleted
MasterRecordId reference n Master Record ID ; >Contact:MasterRecord
AccountId reference ncu Account ID ; >Account:Account
LastName string(80) cu Last Name ; @Name
FirstName string(40) ncu First Name ; @Name
Salutation picklist(40) ncu Salutation ; @Name =ContactSalutation
Name string(121) - Full Name ; NAME
OtherStreet textarea(255) ncu Other Street ; @OtherAddress
OtherCity string(40) ncu Other City ; @OtherAddress
OtherState string(80) ncu Other State/Province ; @OtherAddress
OtherPostalCode string(20) ncu Other Zip/Postal Code ; @OtherAddress
OtherCountry string(80) ncu Other Country ; @OtherAddress
OtherAddress address n Other Address
MailingStreet textarea(255) ncu Mailing Street ; @MailingAddress
MailingCity string(40) ncu Mailing City ; @MailingAddress
MailingState string(80) ncu Mailing State/Province ; @MailingAddress
MailingPostalCode string(20) ncu Mailing Zip/Postal Code ; @MailingAddress
MailingCountry string(80) ncu Mailing Country ; @MailingAddress
MailingAddress address n Mailing Address
Phone phone(40) ncu Business Phone
Fax phone(40) ncu Business Fax
MobilePhone phone(40) ncu Mobile Phone
HomePhone phone(40) ncu Home Phone
OtherPhone phone(40) ncu Other Phone
AssistantPhone phone(40) ncu Asst. Phone
ReportsToId reference ncu Reports To ID ; >Contact:ReportsTo
Email email(80) ncui Email
Title string(128) ncu Title
Department string(80) ncu Department
AssistantName string(40) ncu Assistant's Name
LeadSource picklist(255) ncu Lead Source ; =LeadSource
Birthdate date ncu Birthdate
Description textarea(32000) ncu Contact Description
OwnerId reference cud Owner ID ; >User:Owner
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
LastActivityDate date n Last Activity
EmailBouncedReason string(255) ncu Email Bounced Reason
EmailBouncedDate datetime ncu Email Bounced Date
IsEmailBounced boolean d Is Email Bounced
HasOptedOutOfEmail boolean cud Email Opt Out
HasOptedOutOfFax boolean cud Fax Opt Out
DoNotCall boolean cud Do Not Call
"""

ACCOUNT = """
Id id di Account ID
IsDeleted boolean d Deleted
MasterRecordId reference n Master Record ID ; >Account:MasterRecord
Name string(255) cu Account Name ; @Name NAME
Type picklist(40) ncu Account Type ; =Type
ParentId reference ncu Parent Account ID ; >Account:Parent
BillingStreet textarea(255) ncu Billing Street ; @BillingAddress
BillingCity string(40) ncu Billing City ; @BillingAddress
BillingState string(80) ncu Billing State/Province ; @BillingAddress
BillingPostalCode string(20) ncu Billing Zip/Postal Code ; @BillingAddress
BillingCountry string(80) ncu Billing Country ; @BillingAddress
BillingAddress address n Billing Address
ShippingStreet textarea(255) ncu Shipping Street ; @ShippingAddress
ShippingCity string(40) ncu Shipping City ; @ShippingAddress
ShippingState string(80) ncu Shipping State/Province ; @ShippingAddress
ShippingPostalCode string(20) ncu Shipping Zip/Postal Code ; @ShippingAddress
ShippingCountry string(80) ncu Shipping Country ; @ShippingAddress
ShippingAddress address n Shipping Address
Phone phone(40) ncu Account Phone
Fax phone(40) ncu Account Fax
AccountNumber string(40) ncu Account Number
Website url(255) ncu Website
Sic string(20) ncu SIC Code
Industry picklist(40) ncu Industry ; =Industry
AnnualRevenue currency(18,0) ncu Annual Revenue
NumberOfEmployees int(8) ncu Employees
Ownership picklist(40) ncu Ownership ; =Ownership
TickerSymbol string(20) ncu Ticker Symbol
Description textarea(32000) ncu Account Description
Rating picklist(40) ncu Account Rating ; =Rating
Site string(80) ncu Account Site
OwnerId reference cud Owner ID ; >User:Owner
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
LastActivityDate date n Last Activity
AccountSource picklist(40) ncu Account Source ; =LeadSource
"""
