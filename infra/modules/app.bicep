// The function app on the Flex Consumption plan, and its settings.
//
// On this plan the runtime, its version, the scale and the place of the package belong to
// `functionAppConfig`. The settings and site properties that other plans use for them are refused or
// ignored here; a test keeps them out.

import { settingSet, tagSet } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags tagSet

@description('Suffix that makes names unique.')
param suffix string

@description('Python version.')
param pythonVersion string

@description('Memory of one instance, in megabytes.')
param instanceMemoryMB int

@description('Most instances at once.')
param maximumInstanceCount int

@description('HTTP instances that are always warm.')
param alwaysReadyHttpInstances int

@description('Requests one instance serves at once: no more than its worker has threads.')
param httpConcurrency int

@description('Container the deployed package is kept in.')
param packageContainerUrl string

@description('Resource id of the identity the app runs as.')
param appIdentityId string

@description('Subnet the app sends its traffic through, or empty for none.')
param subnetId string

@description('Settings that do not depend on the app itself.')
param settings settingSet

@description('Address under which the internet reaches the app, or empty for the app\'s own name.')
param publicBaseUrl string

@description('Whether the platform\'s own log of the app is kept too.')
param platformLogs bool

@description('Workspace for the platform\'s log.')
param workspaceId string

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-connector-${suffix}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    tier: 'FlexConsumption'
    name: 'FC1'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: 'func-connector-${suffix}'
  location: location
  // The Azure Developer CLI finds the app of `services.api` in azure.yaml by this tag.
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${appIdentityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: appIdentityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
    }
    functionAppConfig: {
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: appIdentityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyHttpInstances == 0
          ? []
          : [
              {
                name: 'http'
                instanceCount: alwaysReadyHttpInstances
              }
            ]
        triggers: {
          http: {
            perInstanceConcurrency: httpConcurrency
          }
        }
      }
    }
  }

  // A child of its own, so that PUBLIC_BASE_URL can name the host the platform gave the app.
  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(settings, {
      PUBLIC_BASE_URL: empty(publicBaseUrl)
        ? 'https://${app.properties.defaultHostName}'
        : publicBaseUrl
    })
  }

  // Deployment goes by Entra token; the publishing password stays switched off.
  resource noPublishingPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }
}

// Off by default, since Application Insights holds the same lines. It is the only witness when the host
// does not come up at all.
resource platformLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (platformLogs) {
  scope: app
  name: 'platform'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'FunctionAppLogs'
        enabled: true
      }
    ]
  }
}

@description('Name of the function app.')
output appName string = app.name

@description('Host name of the function app.')
output hostName string = app.properties.defaultHostName
