"""What stands in the local cloud when it starts. Nothing here is secret; the one secret is made at start."""

TENANT = "11111111-1111-4111-8111-111111111111"
TENANT_DOMAIN = "contoso.onmicrosoft.com"
TENANT_NAME = "Contoso"

CLIENT_ID = "22222222-2222-4222-8222-222222222222"
APP_OBJECT_ID = "33333333-3333-4333-8333-333333333333"
"""The object id of the app's service principal ("enterprise application")."""

IDENTITY_CLIENT_ID = "44444444-4444-4444-8444-444444444444"
IDENTITY_OBJECT_ID = "55555555-5555-4555-8555-555555555555"
"""The principal id of the Function's managed identity: the subject of a federated credential."""
IDENTITY_HEADER = "local"

SECRET_NAME = "mailer-client-secret"  # noqa: S105 - a name, not a secret
MAILBOXES = ("shop@contoso.com", "alerts@contoso.com")
ROLES = ("Mail.Send", "Mail.ReadWrite")

GRAPH = "https://graph.microsoft.com"
VAULT = "https://vault.azure.net"
TOKEN_EXCHANGE = "api://AzureADTokenExchange"  # noqa: S105 - a name, not a secret
ISSUER_OF_VERSION_1 = f"https://sts.windows.net/{TENANT}/"
ISSUER = f"https://login.microsoftonline.com/{TENANT}/v2.0"

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
GRAPH_PRINCIPAL = "66666666-6666-4666-8666-666666666666"
"""The object id of Graph's own principal in this tenant."""

# https://learn.microsoft.com/graph/permissions-reference
APP_ROLES = {
    "Mail.Send": "b633e1c5-b582-4048-a93e-9f11b44c7e96",
    "Mail.ReadWrite": "e2a3a72e-5f79-4c64-b1b1-878b674786c9",
    "Mail.Read": "810c84a8-4a9e-49e6-bf7d-12d183f40d01",
    "MailboxSettings.Read": "40f97065-369a-49f4-947c-6a255697ae91",
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
}
DELEGATED_SCOPES = {
    "Mail.Send": "e383f46e-2787-4529-855e-0e479a3ffac0",
    "Mail.Send.Shared": "a367ab51-6b49-43bf-a716-a1fb06d2a174",
    "Mail.ReadWrite": "024d486e-b451-40bb-833d-3e66d98c5c73",
    "Mail.Read": "570282fd-fa5c-430d-a7fd-fc8dc98a9dca",
    "User.Read": "e1fe6dd8-ba31-4d61-89e7-88639da4683d",
    "User.ReadBasic.All": "b340eb25-3456-403f-be2f-af7a0d370277",
    "Application.ReadWrite.All": "bdfbf15f-ee85-4955-8675-146e8e5296b5",
    "AppRoleAssignment.ReadWrite.All": "84bccea3-f856-4a8a-967b-dbe0a3d53a64",
    "Policy.Read.All": "572fea84-0151-49b2-9301-11cb16974376",
    "RoleManagement.ReadWrite.Exchange": "7fc3a7e4-0a3c-4a4f-9d6e-6f6f4d3a0a53",
}

PERSON = "admin@contoso.com"
"""Who signs in at the local cloud unless a test says otherwise; has no mailbox."""
GRAPH_TOOLS = "14d82eec-204b-4c2f-b7e8-296a70dab67e"
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
