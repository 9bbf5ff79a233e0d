// The connector's app registration in Entra: a file of its own, because it takes other rights than the
// rest (Application.ReadWrite.OwnedBy or All in Microsoft Graph, or the role Application Developer). The
// same by portal or by command line is in docs/set-up.md.
//
//   az deployment group create --resource-group <group> --parameters infra/entra.bicepparam
//
// Deployed twice: before main.bicep, which wants the client id, and after it, when the app's identity
// exists and can be trusted (`identityPrincipalId`). Each time is safe to repeat.
//
// It grants nothing. It lists what a customer's administrator is asked for on the consent page; the grant
// is theirs, in their own tenant.

extension microsoftGraphV1

targetScope = 'resourceGroup'

@description('Name by which this deployment finds its registration again. Keep it.')
@minLength(1)
@maxLength(64)
param uniqueName string = 'teams-communications-connector'

@description('Name that administrators read on the consent page and in their list of applications.')
@minLength(1)
@maxLength(120)
param displayName string = 'Teams Communications Connector'

@description('Object id of the app\'s managed identity (output identityPrincipalId of main.bicep). Empty until that exists.')
param identityPrincipalId string = ''

@description('What the consent page asks for on calendars. none: each customer grants calendars in Exchange, for chosen mailboxes (recommended). read: reading every calendar, for change notifications, while writing is granted in Exchange. readWrite: every calendar, in one click; it cannot be narrowed afterwards.')
@allowed(['none', 'read', 'readWrite'])
param calendarsInEntra string = 'none'

@description('Page an administrator lands on after consenting. It is sent no token or code.')
@minLength(8)
param consentRedirectUri string = 'https://entra.microsoft.com/'

// Application permissions of Microsoft Graph. Their GUIDs are the same in every tenant and cloud.
var graphAppId = '00000003-0000-0000-c000-000000000000'
var graphRoles = {
  onlineMeetingsReadAll: 'c1684f21-1984-47fa-9d61-2dc8c296bb70'
  onlineMeetingArtifactReadAll: 'df01ed3b-eb61-4eca-9965-6b3d789751b2'
  userReadBasicAll: '97235f07-e226-4f63-ace3-39588e11d3a1'
  calendarsRead: '798ee544-9d2d-430c-a058-570e29e34338'
  calendarsReadWrite: 'ef54d2bf-783f-4e0f-bca1-3210c0444d99'
}

// Needed everywhere: the meeting behind a join link, its attendance reports, an address's object id.
var alwaysAsked = [
  graphRoles.onlineMeetingsReadAll
  graphRoles.onlineMeetingArtifactReadAll
  graphRoles.userReadBasicAll
]

var calendarsAsked = {
  none: []
  read: [graphRoles.calendarsRead]
  readWrite: [graphRoles.calendarsRead, graphRoles.calendarsReadWrite]
}

// What a managed identity's token must be made out to. It differs by cloud, and a wrong one is accepted
// here and refused only when the connector asks for its first token.
var exchangeAudiences = {
  AzureCloud: 'api://AzureADTokenExchange'
  AzureUSGovernment: 'api://AzureADTokenExchangeUSGov'
  AzureChinaCloud: 'api://AzureADTokenExchangeChina'
}

resource registration 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: displayName
  signInAudience: 'AzureADMultipleOrgs'
  requiredResourceAccess: [
    {
      resourceAppId: graphAppId
      resourceAccess: [
        for role in concat(alwaysAsked, calendarsAsked[calendarsInEntra]): {
          id: role
          type: 'Role'
        }
      ]
    }
  ]
  web: {
    redirectUris: [
      consentRedirectUri
    ]
  }
  // Nobody can add a secret or certificate to the application's copy in a customer's tenant.
  servicePrincipalLockConfiguration: {
    isEnabled: true
    allProperties: true
  }

  resource trust 'federatedIdentityCredentials' = if (!empty(identityPrincipalId)) {
    name: '${registration.uniqueName}/connector-identity'
    description: 'The function app\'s managed identity may act as this application.'
    issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
    subject: identityPrincipalId
    audiences: [
      exchangeAudiences[environment().name]
    ]
  }
}

resource principal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: registration.appId
}

@description('Application (client) id: CONNECTOR_CLIENT_ID for main.bicepparam, and what customers consent to.')
output connectorClientId string = registration.appId

@description('Object id of the application\'s service principal in this tenant.')
output servicePrincipalId string = principal.id
