// Everything mailer needs in one resource group; docs/deploy.md walks through it. Plain resources, no registry modules.
targetScope = 'subscription'

@description('The name of the azd environment: it names the resource group and all that is in it.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('The Azure region. Flex Consumption must be offered there.')
param location string

@description('The mailboxes that may send, separated by commas; the first is the default. The setting MAILER_SENDERS.')
param senders string

@description('Who gets the alerts by mail. Azure Monitor sends it, not mailer: it must arrive when mailer does not work.')
param alertEmail string = ''

@description('An https URL that gets the alerts as well, in the common alert schema.')
param alertWebhook string = ''

@description('The app settings of mailer by name; an empty one has its default.')
param settings object

@description('The most instances of a function. Exchange takes 30 mails a minute from a mailbox, so few are enough.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('The instances that are always there for HTTP and for the queue, each. With 0 a mail after a pause waits for a cold start.')
@minValue(0)
param alwaysReady int = 1

@description('The object id of whoever deploys. It may write the secret, and read records and queues.')
param principalId string = ''

@allowed([
  'User'
  'ServicePrincipal'
])
param principalType string = 'User'

@description('Keeps a deleted vault for 7 days against everybody. With it, azd down cannot remove the vault at once.')
param purgeProtection bool = false

var token = uniqueString(subscription().id, environmentName, location)
var tags = {
  'azd-env-name': environmentName
}

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-mailer-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    alertEmail: alertEmail
    alertWebhook: alertWebhook
    appPrincipalId: identity.outputs.principalId
  }
}

module storage 'storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'stmailer${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    principalId: principalId
    principalType: principalType
  }
}

module vault 'vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    principalId: principalId
    principalType: principalType
    purgeProtection: purgeProtection
    workspaceId: monitoring.outputs.workspaceId
    actionGroupId: monitoring.outputs.actionGroupId
  }
}

module function 'function.bicep' = {
  name: 'function'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    blobUrl: storage.outputs.blobUrl
    queueUrl: storage.outputs.queueUrl
    tableUrl: storage.outputs.tableUrl
    packageUrl: storage.outputs.packageUrl
    vaultUrl: vault.outputs.url
    insightsConnectionString: monitoring.outputs.insightsConnectionString
    maximumInstanceCount: maximumInstanceCount
    alwaysReady: alwaysReady
    senders: senders
    settings: settings
  }
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    actionGroupId: monitoring.outputs.actionGroupId
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output AZURE_TENANT_ID string = tenant().tenantId
output FUNCTION_APP_NAME string = function.outputs.name
output FUNCTION_APP_URL string = function.outputs.url
output STORAGE_ACCOUNT_NAME string = storage.outputs.name
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output MAILER_KEY_VAULT_URL string = vault.outputs.url
