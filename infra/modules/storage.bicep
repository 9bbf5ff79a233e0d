// Two storage accounts, because what they hold deserves different care.
//
// `host`:  what the Functions host needs and can rebuild: its keys and leases, the deployed package, and
//          the queue of hints. Losing it costs a redeployment.
// `state`: what the connector knows: every component, its history, the evidence for every hour. Losing it
//          costs the evidence. It holds tables and nothing else, is replicated to a second region by
//          default, and can be locked against deletion.
//
// Neither account has shared keys, so there is no key to leak and no connection string to store. Tables
// and queues are made here because the app's roles let it use them, not make them at run time.

import { roles } from '../roles.bicep'
import { tagSet } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags tagSet

@description('Name of the host account.')
param hostAccountName string

@description('Name of the state account.')
param stateAccountName string

@description('Replication of the state account.')
param stateRedundancy string

@description('Whether the state account is locked against deletion.')
param protectState bool

@description('Name of the table that holds the state.')
param stateTableName string

@description('Name of the queue of hints; what fails repeatedly goes to the same name with -poison.')
param workQueueName string

@description('Whether the accounts are reached by private endpoints only.')
param privateNetworking bool

@description('Workspace for the audit of writes to the state.')
param workspaceId string

@description('Object id of the identity the app runs as.')
param appPrincipalId string

@description('Resource id of that identity: known before deployment, so fit for naming role assignments.')
param appIdentityId string

var packageContainerName = 'app-package'

var commonProperties = {
  accessTier: 'Hot'
  minimumTlsVersion: 'TLS1_2'
  supportsHttpsTrafficOnly: true
  allowSharedKeyAccess: false
  allowBlobPublicAccess: false
  allowCrossTenantReplication: false
  defaultToOAuthAuthentication: true
  publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
  networkAcls: {
    // Without private networking the Flex plan has no fixed address to allow: the token is the fence.
    defaultAction: privateNetworking ? 'Deny' : 'Allow'
    bypass: 'AzureServices'
  }
}

resource host 'Microsoft.Storage/storageAccounts@2026-06-01' = {
  name: hostAccountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: commonProperties

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      deleteRetentionPolicy: {
        enabled: true
        days: 7
      }
      containerDeleteRetentionPolicy: {
        enabled: true
        days: 7
      }
    }

    resource package 'containers' = {
      name: packageContainerName
      properties: {
        publicAccess: 'None'
      }
    }
  }

  resource queues 'queueServices' = {
    name: 'default'

    resource work 'queues' = {
      name: workQueueName
    }

    resource poison 'queues' = {
      name: '${workQueueName}-poison'
    }
  }
}

resource state 'Microsoft.Storage/storageAccounts@2026-06-01' = {
  name: stateAccountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: stateRedundancy
  }
  properties: commonProperties

  resource tables 'tableServices' = {
    name: 'default'

    resource table 'tables' = {
      name: stateTableName
    }
  }
}

resource stateLock 'Microsoft.Authorization/locks@2020-05-01' = if (protectState) {
  scope: state
  name: 'keep-the-evidence'
  properties: {
    level: 'CanNotDelete'
    notes: 'Table Storage has no undelete for a table. Remove this lock only to retire the connector.'
  }
}

// --- Roles: on the account, table or queue that needs them, and on nothing wider ---

resource useHostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: host
  name: guid(host.id, appIdentityId, roles.storageBlobDataOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageBlobDataOwner
    )
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    description: 'The Functions host: keys, timer leases and the deployed package.'
  }
}

resource useWorkQueue 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: host::queues::work
  name: guid(host::queues::work.id, appIdentityId, roles.storageQueueDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageQueueDataContributor
    )
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    description: 'The connector hands out its work as hints and takes them up.'
  }
}

resource usePoisonQueue 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: host::queues::poison
  name: guid(host::queues::poison.id, appIdentityId, roles.storageQueueDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageQueueDataContributor
    )
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    description: 'The Functions host puts hints aside that failed repeatedly.'
  }
}

resource useStateTable 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: state::tables::table
  name: guid(state::tables::table.id, appIdentityId, roles.storageTableDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageTableDataContributor
    )
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    description: 'The connector reads and writes its state.'
  }
}

// --- Audit: who wrote to or deleted from the state. Reads are left out: a sweep makes thousands. ---

resource stateAudit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: state::tables
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

@description('Resource id of the host account, for its private endpoints.')
output hostAccountId string = host.id

@description('Blob endpoint of the host account.')
output hostBlobEndpoint string = host.properties.primaryEndpoints.blob

@description('Queue endpoint of the host account.')
output hostQueueEndpoint string = host.properties.primaryEndpoints.queue

@description('Container the deployed package is kept in.')
output packageContainerUrl string = '${host.properties.primaryEndpoints.blob}${packageContainerName}'

@description('Resource id of the state account, for its private endpoint.')
output stateAccountId string = state.id

@description('Table endpoint of the state account.')
output stateTableEndpoint string = state.properties.primaryEndpoints.table
