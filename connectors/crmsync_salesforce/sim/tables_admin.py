"""Fields of users, queues, business hours, permissions and of the Tooling API's objects; the notation is explained in schema.py."""

AUDIT = """
CreatedDate datetime d Created Date
CreatedById reference d Created By ID ; >User:CreatedBy
LastModifiedDate datetime d Last Modified Date
LastModifiedById reference d Last Modified By ID ; >User:LastModifiedBy
SystemModstamp datetime d System Modstamp
"""

USER = (
    """
Id id di User ID
Username string(80) cui Username
LastName string(80) cu Last Name ; @Name
FirstName string(40) ncu First Name ; @Name
Name string(121) - Full Name ; NAME
CompanyName string(80) ncu Company Name
Division string(80) ncu Division
Department string(80) ncu Department
Title string(80) ncu Title
Email email(128) cui Email
Phone phone(40) ncu Phone
MobilePhone phone(40) ncu Mobile
Alias string(8) cud Alias
CommunityNickname string(40) cud Nickname
IsActive boolean cud Active
TimeZoneSidKey string(40) cud Time Zone
LocaleSidKey string(40) cud Locale
LanguageLocaleKey string(40) cud Language
EmailEncodingKey string(40) cud Email Encoding
ProfileId reference cud Profile ID ; >Profile:Profile
UserType picklist(40) nr User Type ; =UserType
UserRoleId reference ncu Role ID
ManagerId reference ncu Manager ID ; >User:Manager
LastLoginDate datetime n Last Login
"""
    + AUDIT
)

GROUP = (
    """
Id id di Group ID
Name string(40) cu Name ; NAME
DeveloperName string(80) ncud Developer Name
Type picklist(40) cr Type ; =GroupType
Email email(255) ncu Email
DoesSendEmailToMembers boolean cud Send Email to Members
DoesIncludeBosses boolean cud Include Bosses
OwnerId reference d Owner ID ; >User:Owner
"""
    + AUDIT
)

GROUP_MEMBER = """
Id id di Group Member ID
GroupId reference c Group ID ; >Group:Group
UserOrGroupId reference c User/Group ID ; >User,Group:UserOrGroup
SystemModstamp datetime d System Modstamp
"""

QUEUE_SOBJECT = """
Id id di Queue Sobject ID
QueueId reference c Queue ID ; >Group:Queue
SobjectType picklist(40) c Sobject Type
CreatedById reference d Created By ID ; >User:CreatedBy
SystemModstamp datetime d System Modstamp
"""

ORGANIZATION = (
    """
Id id di Organization ID
Name string(80) u Name ; NAME
Division string(80) nu Division
Street textarea(255) nu Street ; @Address
City string(40) nu City ; @Address
State string(80) nu State/Province ; @Address
PostalCode string(20) nu Zip/Postal Code ; @Address
Country string(80) nu Country ; @Address
Address address n Address
Phone phone(40) nu Phone
Fax phone(40) nu Fax
PrimaryContact string(80) nu Primary Contact
DefaultLocaleSidKey string(40) u Locale
TimeZoneSidKey string(40) u Time Zone
LanguageLocaleKey string(40) u Language
OrganizationType picklist(40) n Edition
InstanceName string(5) n Instance Name
NamespacePrefix string(15) n Namespace Prefix
IsSandbox boolean d Is Sandbox
FiscalYearStartMonth int(8) nu Fiscal Year Starts In
"""
    + AUDIT
)

BUSINESS_HOURS = (
    """
Id id di Business Hours ID
Name string(80) cui Business Hours Name ; NAME
IsActive boolean cud Active
IsDefault boolean cud Default Business Hours
SundayStartTime time ncu Sunday Start
SundayEndTime time ncu Sunday End
MondayStartTime time ncu Monday Start
MondayEndTime time ncu Monday End
TuesdayStartTime time ncu Tuesday Start
TuesdayEndTime time ncu Tuesday End
WednesdayStartTime time ncu Wednesday Start
WednesdayEndTime time ncu Wednesday End
ThursdayStartTime time ncu Thursday Start
ThursdayEndTime time ncu Thursday End
FridayStartTime time ncu Friday Start
FridayEndTime time ncu Friday End
SaturdayStartTime time ncu Saturday Start
SaturdayEndTime time ncu Saturday End
TimeZoneSidKey string(40) cu Time Zone
LastViewedDate datetime n Last Viewed Date
"""
    + AUDIT
)

PROFILE = (
    """
Id id di Profile ID
Name string(255) cu Name ; NAME
UserType picklist(40) nr User Type ; =UserType
Description string(255) ncu Description
"""
    + AUDIT
)

PERMISSION_SET = (
    """
Id id di PermissionSet ID
Name string(80) cu Permission Set Name
Label string(80) cu Permission Set Label ; NAME
Description string(255) ncu Description
IsOwnedByProfile boolean d Is Owned By Profile
IsCustom boolean d Is Custom
ProfileId reference n Profile ID ; >Profile:Profile
Type picklist(40) n Type
"""
    + AUDIT
)

PERMISSION_SET_ASSIGNMENT = """
Id id di PermissionSetAssignment ID
PermissionSetId reference nc PermissionSet ID ; >PermissionSet:PermissionSet
AssigneeId reference c Assignee ID ; >User:Assignee
IsActive boolean d Is Active
SystemModstamp datetime d System Modstamp
"""

FIELD_PERMISSIONS = """
Id id di Field Permissions ID
ParentId reference c Parent ID ; >PermissionSet:Parent
SobjectType picklist(40) cr Sobject Type Name
Field picklist(4000) cr Field Name
PermissionsRead boolean cud Read
PermissionsEdit boolean cud Edit
SystemModstamp datetime d System Modstamp
"""

OBJECT_PERMISSIONS = (
    """
Id id di ObjectPermissions ID
ParentId reference c Parent ID ; >PermissionSet:Parent
SobjectType picklist(40) cr SObject Type Name
PermissionsRead boolean cud Read
PermissionsCreate boolean cud Create
PermissionsEdit boolean cud Edit
PermissionsDelete boolean cud Delete
PermissionsViewAllRecords boolean cud Read All
PermissionsModifyAllRecords boolean cud Edit All
"""
    + AUDIT
)

CUSTOM_FIELD = (
    """
Id id di Custom Field Definition ID
DeveloperName string(80) - Custom Field Definition Name ; NAME
TableEnumOrId string(40) - Entity Enumeration Or ID
NamespacePrefix string(15) n Namespace Prefix
Length int(8) n Length
Precision int(8) n Precision
Scale int(8) n Scale
InlineHelpText textarea(1000) n Inline Help Text
FullName string(255) n Full Name
ManageableState picklist(40) n Manageable State
Metadata complexvalue n Custom Field Metadata
"""
    + AUDIT
)
