// Where telemetry goes: one Log Analytics workspace and one Application Insights component over it.
// Neither takes a key: who writes or reads proves who they are with Entra.

import { roles } from '../roles.bicep'
import { tagSet } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags tagSet

@description('Name of the workspace.')
param workspaceName string

@description('Name of the Application Insights component.')
param insightsName string

@description('Days that telemetry is kept.')
param retentionDays int

@description('Most telemetry taken in per day, in megabytes.')
param dailyCapMb int

@description('Object id of the identity the app runs as.')
param appPrincipalId string

@description('Resource id of that identity: known before deployment, so fit for naming role assignments.')
param appIdentityId string

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    features: {
      // Readers see the logs of the resources they may read, and nobody writes with a workspace key.
      enableLogAccessUsingOnlyResourcePermissions: true
      disableLocalAuth: true
    }
    workspaceCapping: {
      // The API wants gigabytes with a fraction, for which Bicep has no literal.
      dailyQuotaGb: json('${dailyCapMb / 1000}.${padLeft(dailyCapMb % 1000, 3, '0')}')
    }
    publicNetworkAccessForIngestion: 'Enabled'
    publicNetworkAccessForQuery: 'Enabled'
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
    publicNetworkAccessForIngestion: 'Enabled'
    publicNetworkAccessForQuery: 'Enabled'
  }
}

resource publishTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, appIdentityId, roles.monitoringMetricsPublisher)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.monitoringMetricsPublisher
    )
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    description: 'The connector sends its telemetry with a token.'
  }
}

@description('Resource id of the workspace, for diagnostic settings.')
output workspaceId string = workspace.id

@description('Where telemetry is sent. Not a secret: the key in it opens nothing without a token.')
output insightsConnectionString string = insights.properties.ConnectionString
