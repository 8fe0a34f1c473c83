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
ISSUER = f"https://login.microsoftonline.com/{TENANT}/v2.0"
