// The function app on Flex Consumption. https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan
param token string
param location string
param tags object
param identityId string
param identityClientId string
param blobUrl string
param queueUrl string
param tableUrl string
param packageUrl string
param vaultUrl string
param insightsConnectionString string
param maximumInstanceCount int
param alwaysReady int
param senders string
param settings object

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: 'func-mailer-${token}'
  location: location
  tags: union(tags, {
    'azd-service-name': 'mailer'
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    siteConfig: {
      minTlsVersion: '1.2'
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048 // docs/scale.md has the reasons for all of these
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: (alwaysReady == 0) ? [] : [
          {
            name: 'http'
            instanceCount: alwaysReady
          }
          {
            name: 'function:deliver_email'
            instanceCount: alwaysReady
          }
        ]
        triggers: {
          http: {
            perInstanceConcurrency: 16
          }
        }
      }
    }
  }
}

// Whoever holds a publishing password could deploy without Entra.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(settings, {
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: identityClientId
    AzureWebJobsStorage__blobServiceUri: blobUrl
    AzureWebJobsStorage__queueServiceUri: queueUrl
    AzureWebJobsStorage__tableServiceUri: tableUrl
    AZURE_CLIENT_ID: identityClientId
    APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
    PYTHON_THREADPOOL_THREAD_COUNT: '16'
    MALLOC_ARENA_MAX: '1'
    MAILER_TENANT_ID: empty(settings.MAILER_TENANT_ID) ? tenant().tenantId : settings.MAILER_TENANT_ID
    MAILER_SENDERS: senders
    MAILER_KEY_VAULT_URL: vaultUrl
    MAILER_QUEUE: 'emails'
    MAILER_TABLE: 'emails'
    MAILER_CONTAINER: 'emails'
  })
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
