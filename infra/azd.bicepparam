// Parameters of azd.bicep. azd sets the AZURE_ ones; `azd env set CONNECTOR_CLIENT_ID …` keeps the others
// in the environment's file. CONNECTOR_SIGNING_KEY is a secret and is exported in the shell instead.

using 'azd.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'production')
param location = readEnvironmentVariable('AZURE_LOCATION', 'uksouth')

// Zeros stand for "not registered yet", as in main.bicepparam.
param connectorClientId = readEnvironmentVariable(
  'CONNECTOR_CLIENT_ID',
  '00000000-0000-0000-0000-000000000000'
)
param signingKey = readEnvironmentVariable('CONNECTOR_SIGNING_KEY', '')
param alertEmails = filter(
  split(readEnvironmentVariable('CONNECTOR_ALERT_EMAILS', ''), ','),
  email => !empty(email)
)
param privateNetworking = bool(readEnvironmentVariable('CONNECTOR_PRIVATE_NETWORKING', 'false'))
