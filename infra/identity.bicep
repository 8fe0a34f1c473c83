// The one identity of the app. User-assigned: its roles exist before the app starts, and only such a one can stand in
// for a client secret (MAILER_AUTH `federated`).
param name string
param location string
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

output id string = identity.id
output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
