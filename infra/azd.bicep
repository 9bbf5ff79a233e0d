// For `azd up`: a resource group, and main.bicep in it. The Azure Developer CLI makes the group itself,
// which takes a deployment to the subscription. It hands on the parameters people set on the first day;
// for the others deploy main.bicep into the group, or add them here.

targetScope = 'subscription'

@description('Name of the azd environment.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Azure region.')
@minLength(3)
param location string

@description('Application (client) id of the connector\'s app registration in Entra: a GUID.')
@minLength(36)
@maxLength(36)
param connectorClientId string

@secure()
@description('Master key for webhook secrets, given when deploying first or rotating.')
param signingKey string = ''

@description('Addresses that are sent a mail for each alert.')
param alertEmails string[] = []

@description('Reach storage and vault through a virtual network only.')
param privateNetworking bool = false

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-connector-${environmentName}'
  location: location
  // azd finds the group of an environment by this tag.
  tags: {
    'azd-env-name': environmentName
  }
}

module connector 'main.bicep' = {
  scope: group
  params: {
    environmentName: environmentName
    location: location
    connectorClientId: connectorClientId
    signingKey: signingKey
    alertEmails: alertEmails
    privateNetworking: privateNetworking
  }
}

// azd keeps outputs in the environment's file. None of them is a secret.

@description('Resource group of this environment.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app.')
output CONNECTOR_FUNCTION_APP string = connector.outputs.functionAppName

@description('Address of the app.')
output CONNECTOR_BASE_URL string = connector.outputs.baseUrl

@description('Object id of the app\'s identity: the subject of the federated credential in Entra.')
output CONNECTOR_IDENTITY_PRINCIPAL_ID string = connector.outputs.identityPrincipalId

@description('Name of the vault that holds SIGNING_KEY.')
output CONNECTOR_KEY_VAULT string = connector.outputs.keyVaultName

@description('Table endpoint of the state.')
output CONNECTOR_STATE_TABLE_ENDPOINT string = connector.outputs.stateTableEndpoint
