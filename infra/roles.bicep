// Azure's built-in roles that this deployment hands out, each with its reason. The GUIDs are the same in
// every tenant and cloud. A test holds this table to a copy of its own, so that a slip of one digit,
// which the compiler cannot see, does not hand out some other role.

@export()
@description('Role definition GUIDs by the name Azure gives the role.')
var roles = {
  // The Functions host keeps its keys, timer leases and the deployed package in blobs.
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  // Fan-out: timers put hints on the queue, the queue trigger takes them off and may park one as poison.
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  // The connector's state.
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  // Telemetry goes to Application Insights with a token, not with the instrumentation key.
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  // The platform resolves the reference in SIGNING_KEY as this identity.
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
}
