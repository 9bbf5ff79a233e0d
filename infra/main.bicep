// The Teams Communications Connector in one resource group.
//
//   az deployment group create --resource-group <group> --parameters infra/main.bicepparam
//
// The app registration in Entra is a file of its own (entra.bicep), since not everyone may deploy it; the
// order of the steps, and the way without Bicep, is in docs/set-up.md.

targetScope = 'resourceGroup'

import { tagSet } from 'types.bicep'

// --- What must be said ---

@description('Application (client) id of the connector\'s app registration in Entra: a GUID.')
@minLength(36)
@maxLength(36)
param connectorClientId string

// --- What has a sensible default ---

@description('Distinguishes deployments in one resource group, and names this one to azd.')
@minLength(1)
@maxLength(32)
param environmentName string = 'production'

@description('Azure region. It must offer Flex Consumption: az functionapp list-flexconsumption-locations.')
@minLength(3)
param location string = resourceGroup().location

@description('Tags for every resource.')
param tags tagSet = {}

@secure()
@description('Master key for webhook secrets, newest first, comma separated. Give it once, when deploying first or rotating; empty leaves the key in the vault as it is.')
param signingKey string = ''

@description('Python version the app runs on.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string = '3.11'

@description('Memory of one instance in MB. Processor and price grow with it.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances at once: a bound on cost, and on the load on Microsoft Graph and the LMS.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('HTTP instances kept warm. 0 costs nothing, and a webhook after a quiet time waits a few seconds for a cold start. Each one costs about 20 US dollars a month with 2048 MB, used or not.')
@minValue(0)
@maxValue(20)
param alwaysReadyHttpInstances int = 0

@description('Table names start with this: letters and digits, a letter first.')
@minLength(1)
@maxLength(41)
param stateTablePrefix string = 'connector'

@description('Replication of the state. GRS keeps a copy in the paired region; ZRS spreads over zones.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
  'Standard_RAGRS'
  'Standard_RAGZRS'
])
param stateRedundancy string = 'Standard_GRS'

@description('Lock the state account against deletion. Setting a lock takes Owner or User Access Administrator.')
param protectState bool = true

@description('When every tenant is swept: NCRONTAB with seconds, UTC.')
@minLength(11)
param scheduleCron string = '0 0 */3 * * *'

@description('When work that cannot wait is tried again: NCRONTAB with seconds, UTC.')
@minLength(11)
param catchUpCron string = '0 * * * * *'

@description('When attendance is verified: NCRONTAB with seconds, UTC. Local days are judged in each tenant\'s zone.')
@minLength(11)
param attendanceCron string = '0 30 2 * * *'

@description('Hosts that LMS callbacks may name although their addresses are private. Usually none.')
param callbackAllowedHosts string[] = []

@description('Address under which the internet reaches the app, if not its own: https://… without a path.')
param publicBaseUrl string = ''

@description('Name of this deployment in the marker on Teams events. Empty: made once and kept in the state. Set it only to take over the state of another deployment.')
@maxLength(40)
param deploymentId string = ''

@description('Reach storage and vault through a virtual network only. Costs about 35 US dollars a month for four private endpoints and their zones.')
param privateNetworking bool = false

@description('Address space of that network, a /24 or larger.')
@minLength(9)
param networkAddressPrefix string = '10.42.0.0/24'

@description('Days that telemetry and audit logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Most telemetry taken in per day, in MB: a bound on cost. What comes after it that day is lost.')
@minValue(50)
@maxValue(100000)
param dailyTelemetryCapMb int = 500

@description('Keep the platform\'s own log of the app as well, which repeats Application Insights. For when the app does not start.')
param platformLogs bool = false

@description('Switch the alerts on.')
param alertsEnabled bool = true

@description('Addresses that are sent a mail for each alert.')
param alertEmails string[] = []

@description('Resource ids of existing action groups that are told of each alert as well.')
param alertActionGroupIds string[] = []

@description('How many exceptions, or 5xx answers, in a quarter of an hour raise an alert.')
@minValue(0)
@maxValue(1000)
param alertFaultThreshold int = 5

// --- Names ---

var suffix = uniqueString(resourceGroup().id, environmentName)
var workspaceName = 'log-connector-${suffix}'
var insightsName = 'appi-connector-${suffix}'
var hostAccountName = 'sthost${suffix}'
var stateAccountName = 'ststate${suffix}'
var vaultName = 'kv-connector-${take(suffix, 11)}' // 24 characters at most
var secretName = 'signing-key'
var stateTableName = '${stateTablePrefix}state'
var workQueueName = 'connector-work'

// Handlers of one instance that may wait at once. The worker's own default, cores + 4, is 5 on the usual
// instance; each handler mostly waits for Graph, the LMS or storage.
var workerThreads = 16
var allTags = union(tags, { 'azd-env-name': environmentName })

// --- Who the app is ---

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-connector-${suffix}'
  location: location
  tags: allTags
}

// --- What it uses ---

module monitoring 'modules/monitoring.bicep' = {
  params: {
    location: location
    tags: allTags
    workspaceName: workspaceName
    insightsName: insightsName
    retentionDays: logRetentionDays
    dailyCapMb: dailyTelemetryCapMb
    appIdentityId: identity.id
    appPrincipalId: identity.properties.principalId
  }
}

module storage 'modules/storage.bicep' = {
  params: {
    location: location
    tags: allTags
    hostAccountName: hostAccountName
    stateAccountName: stateAccountName
    stateRedundancy: stateRedundancy
    protectState: protectState
    stateTableName: stateTableName
    workQueueName: workQueueName
    privateNetworking: privateNetworking
    workspaceId: monitoring.outputs.workspaceId
    appIdentityId: identity.id
    appPrincipalId: identity.properties.principalId
  }
}

module vault 'modules/vault.bicep' = {
  params: {
    location: location
    tags: allTags
    vaultName: vaultName
    secretName: secretName
    signingKey: signingKey
    privateNetworking: privateNetworking
    workspaceId: monitoring.outputs.workspaceId
    appIdentityId: identity.id
    appPrincipalId: identity.properties.principalId
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  params: {
    location: location
    tags: allTags
    suffix: suffix
    addressPrefix: networkAddressPrefix
    hostAccountId: storage.outputs.hostAccountId
    stateAccountId: storage.outputs.stateAccountId
    vaultId: vault.outputs.vaultId
  }
}

// --- The app ---

// Every setting of the README's table that applies in Azure. PUBLIC_BASE_URL is added beside the app,
// whose own name it needs. Left out on purpose: STATE_CONNECTION_STRING, CONNECTOR_CERTIFICATE_PATH and
// CONNECTOR_CLIENT_SECRET, which an identity makes needless, and GRAPH_BASE_URL and ENTRA_AUTHORITY_HOST,
// which stand-ins use.
var settings = {
  STATE_TABLE_ENDPOINT: storage.outputs.stateTableEndpoint
  STATE_TABLE_PREFIX: stateTablePrefix
  CONNECTOR_CLIENT_ID: connectorClientId
  CONNECTOR_IDENTITY_CLIENT_ID: identity.properties.clientId
  SIGNING_KEY: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=${secretName})'
  CALLBACK_ALLOWED_HOSTS: join(callbackAllowedHosts, ',')
  DEPLOYMENT_ID: deploymentId
  SCHEDULE_CRON: scheduleCron
  CATCH_UP_CRON: catchUpCron
  ATTENDANCE_CRON: attendanceCron
  WORK_QUEUE__queueServiceUri: storage.outputs.hostQueueEndpoint
}

// What the Functions host and its Python worker read for themselves: how to reach storage, the queue
// trigger's connection and Application Insights, each as the app's identity, and how many handlers may wait
// for Graph or the LMS at once. The host's storage needs blobs only, as no trigger is a blob.
var hostSettings = {
  AzureWebJobsStorage__blobServiceUri: storage.outputs.hostBlobEndpoint
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  WORK_QUEUE__credential: 'managedidentity'
  WORK_QUEUE__clientId: identity.properties.clientId
  PYTHON_THREADPOOL_THREAD_COUNT: string(workerThreads)
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
}

module app 'modules/app.bicep' = {
  params: {
    location: location
    tags: allTags
    suffix: suffix
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyHttpInstances: alwaysReadyHttpInstances
    httpConcurrency: workerThreads
    packageContainerUrl: storage.outputs.packageContainerUrl
    appIdentityId: identity.id
    subnetId: network.?outputs.appSubnetId ?? ''
    settings: union(settings, hostSettings)
    publicBaseUrl: publicBaseUrl
    platformLogs: platformLogs
    workspaceId: monitoring.outputs.workspaceId
  }
  // The platform resolves SIGNING_KEY as soon as the app exists, and remembers a refusal for hours. The
  // linter counts the way round through `network`, which is not taken without private networking.
  dependsOn: [
    #disable-next-line no-unnecessary-dependson
    vault
  ]
}

// --- Who watches it ---

module alerts 'modules/alerts.bicep' = {
  params: {
    location: location
    tags: allTags
    suffix: suffix
    insightsName: insightsName
    workspaceName: workspaceName
    emails: alertEmails
    actionGroupIds: alertActionGroupIds
    enabled: alertsEnabled
    faultThreshold: alertFaultThreshold
  }
  dependsOn: [
    monitoring
  ]
}

module workbook 'modules/workbook.bicep' = {
  params: {
    location: location
    tags: allTags
    suffix: suffix
    insightsName: insightsName
  }
  dependsOn: [
    monitoring
  ]
}

// --- What the next steps of the guide ask for. None of it is a secret. ---

@description('Name of the function app: the package is deployed to it.')
output functionAppName string = app.outputs.appName

@description('Address of the app: the LMS posts to /api/tenants/{tenantId}/components under it.')
output baseUrl string = empty(publicBaseUrl) ? 'https://${app.outputs.hostName}' : publicBaseUrl

@description('Object id of the app\'s identity: the subject of the federated credential in Entra.')
output identityPrincipalId string = identity.properties.principalId

@description('Client id of the app\'s identity.')
output identityClientId string = identity.properties.clientId

@description('Name of the vault that holds SIGNING_KEY.')
output keyVaultName string = vaultName

@description('Name of the account that holds the state: to be backed up.')
output stateAccountName string = stateAccountName

@description('Table endpoint of the state.')
output stateTableEndpoint string = storage.outputs.stateTableEndpoint

@description('Name of the table that holds the state.')
output stateTableName string = stateTableName

@description('Name of the host storage account.')
output hostAccountName string = hostAccountName

@description('Name of the Application Insights component.')
output applicationInsightsName string = insightsName

@description('Resource id of the workbook.')
output workbookId string = workbook.outputs.workbookId

@description('Resource id of the action group that alerts tell.')
output actionGroupId string = alerts.outputs.actionGroupId
