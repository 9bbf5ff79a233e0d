// Optional private networking: the app reaches storage and vault through a virtual network, and these
// take no traffic from anywhere else. The app itself stays reachable from the internet, because the LMS's
// webhooks and Microsoft Graph's notifications come from there.

import { tagSet } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags tagSet

@description('Suffix that makes names unique.')
param suffix string

@description('Address space of the virtual network: a /24 or larger.')
param addressPrefix string

@description('Resource id of the host storage account.')
param hostAccountId string

@description('Resource id of the state storage account.')
param stateAccountId string

@description('Resource id of the key vault.')
param vaultId string

type endpoint = {
  name: string
  target: string
  group: 'blob' | 'queue' | 'table' | 'vault'
  zone: string
}

// One private endpoint for each service the app uses, and for each the DNS zone in which the service's
// public name leads to it. A vault's zone says "vaultcore" where its public name says "vault"; deriving it
// from the cloud's suffix keeps the template fit for the national clouds.
var endpoints endpoint[] = [
  {
    name: 'host-blob'
    target: hostAccountId
    group: 'blob'
    zone: 'privatelink.blob.${environment().suffixes.storage}'
  }
  {
    name: 'host-queue'
    target: hostAccountId
    group: 'queue'
    zone: 'privatelink.queue.${environment().suffixes.storage}'
  }
  {
    name: 'state-table'
    target: stateAccountId
    group: 'table'
    zone: 'privatelink.table.${environment().suffixes.storage}'
  }
  {
    name: 'vault'
    target: vaultId
    group: 'vault'
    zone: 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'
  }
]

// Azure's default rules already keep the internet out of a subnet; the group is there so that a platform
// team has a place for its own.
resource guard 'Microsoft.Network/networkSecurityGroups@2026-03-01' = {
  name: 'nsg-connector-${suffix}'
  location: location
  tags: tags
  properties: {
    securityRules: []
  }
}

resource network 'Microsoft.Network/virtualNetworks@2026-03-01' = {
  name: 'vnet-connector-${suffix}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 25, 0)
          networkSecurityGroup: {
            id: guard.id
          }
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 27, 4)
          networkSecurityGroup: {
            id: guard.id
          }
          privateEndpointNetworkPolicies: 'Enabled'
          defaultOutboundAccess: false
        }
      }
    ]
  }

  resource appSubnet 'subnets' existing = {
    name: 'app'
  }

  resource endpointSubnet 'subnets' existing = {
    name: 'endpoints'
  }
}

module privateEndpoint 'private-endpoint.bicep' = [
  for item in endpoints: {
    params: {
      location: location
      tags: tags
      name: 'pe-connector-${item.name}-${suffix}'
      targetId: item.target
      group: item.group
      zoneName: item.zone
      networkName: network.name
      subnetName: network::endpointSubnet.name
    }
  }
]

@description('Subnet that the app sends its traffic through.')
output appSubnetId string = network::appSubnet.id
