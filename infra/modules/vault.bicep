// The one stored secret: SIGNING_KEY, from which every tenant's webhook secrets are derived.

import { roles } from '../roles.bicep'
import { tagSet } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags tagSet

@description('Name of the vault.')
param vaultName string

@description('Name of the secret.')
param secretName string

@secure()
@description('The signing key to store, or empty to leave the vault\'s present one alone.')
param signingKey string

@description('Whether the vault is reached by its private endpoint only.')
param privateNetworking bool

@description('Workspace for the audit of who read the secret.')
param workspaceId string

@description('Object id of the identity the app runs as.')
param appPrincipalId string

@description('Resource id of that identity: known before deployment, so fit for naming role assignments.')
param appIdentityId string

resource vault 'Microsoft.KeyVault/vaults@2026-05-15' = {
  name: vaultName
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    // Without the key every tenant's LMS has to be given new secrets, so nobody may purge it early.
    enablePurgeProtection: true
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: privateNetworking ? 'Deny' : 'Allow'
      bypass: 'AzureServices'
    }
  }
}

// Written through Resource Manager, which works from outside a private network as well. No expiry date:
// a key that lapses by itself would turn every webhook away; rotation is a step in the guide.
resource secret 'Microsoft.KeyVault/vaults/secrets@2026-05-15' = if (!empty(signingKey)) {
  parent: vault
  name: secretName
  tags: tags
  properties: {
    value: signingKey
    contentType: 'Connector signing keys, newest first, comma separated'
  }
}

resource readSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, appIdentityId, roles.keyVaultSecretsUser)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.keyVaultSecretsUser
    )
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    description: 'The platform resolves the reference in SIGNING_KEY as the connector.'
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}

@description('Resource id of the vault, for its private endpoint.')
output vaultId string = vault.id
