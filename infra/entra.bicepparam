// Parameters of entra.bicep. The first time CONNECTOR_IDENTITY_PRINCIPAL_ID is not set: the identity it
// names is made by main.bicep. The second time it is, and the registration learns whom to trust.

using 'entra.bicep'

param identityPrincipalId = readEnvironmentVariable('CONNECTOR_IDENTITY_PRINCIPAL_ID', '')

// 'none' is the narrow choice and takes four more commands in each customer's tenant; 'readWrite' is the
// one-click choice and opens every mailbox. docs/set-up.md, "Calendars", weighs them.
param calendarsInEntra = readEnvironmentVariable('CONNECTOR_CALENDARS_IN_ENTRA', 'none')
