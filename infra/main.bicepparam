// Parameters of main.bicep, taken from the environment so that one file serves `az`, `azd` and a pipeline:
//
//   export CONNECTOR_CLIENT_ID=<application id>
//   export CONNECTOR_SIGNING_KEY="$(openssl rand -base64 48)"   # the first time, and to rotate
//   az deployment group create --resource-group <group> --parameters infra/main.bicepparam
//
// Anything else that differs from the defaults of main.bicep is written here.

using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'production')

// Zeros stand for "not registered yet": all of Azure can be made before the app registration is, and the
// tenant's check then says that the application is unknown.
param connectorClientId = readEnvironmentVariable(
  'CONNECTOR_CLIENT_ID',
  '00000000-0000-0000-0000-000000000000'
)

// Never written into a file. When it is empty the vault's present key stays.
param signingKey = readEnvironmentVariable('CONNECTOR_SIGNING_KEY', '')

// Comma separated, so that it can be one variable.
param alertEmails = filter(
  split(readEnvironmentVariable('CONNECTOR_ALERT_EMAILS', ''), ','),
  email => !empty(email)
)

param privateNetworking = bool(readEnvironmentVariable('CONNECTOR_PRIVATE_NETWORKING', 'false'))

param tags = {
  application: 'teams-communications-connector'
}
