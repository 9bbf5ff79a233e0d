// What the connector logs, as far as alerts and the workbook rely on it: the one place in the
// infrastructure that knows an event's name. A test compares these names with what the code logs, so
// that an alert can never wait for an event that nobody writes.
//
// An event is a log record whose message is the event's name (noun.verb_past) and whose details are
// fields. Application Insights shows a record as a row of `traces`.

@export()
@description('Names of the log events that alerts and saved queries look for.')
var events = {
  tenantSweepFinished: 'tenant_sweep.finished'
  tenantNightFinished: 'tenant_night.finished'
  runFinished: 'run.finished'
  lmsEventUndelivered: 'lms_event.undelivered'
  lmsEventParked: 'lms_event.parked'
  componentFailed: 'component.failed'
  workPoisoned: 'work.poisoned'
  tenantBraked: 'tenant.braked'
}

@export()
@description('Names of the fields of those events that alerts and saved queries read.')
var fields = {
  tenant: 'tenant'
  ageHours: 'age_hours'
  component: 'component'
  why: 'why'
  functionName: 'function'
  outcome: 'outcome'
  durationSeconds: 'duration_s'
}

// Fields reach Application Insights in one of two ways, and the queries take both. Exported by
// OpenTelemetry they are custom dimensions, and the message is the bare name. Forwarded by the Functions
// host, which carries nothing of a Python record but its text, they follow the name as one JSON object.

@export()
@description('KQL for the rows of one event since a KQL point in time, with its tenant as a column.')
func rowsOf(event string, since string) string =>
  $'''
traces
| where timestamp > ${since}
| where message == "${event}" or message startswith "${event} {"
| extend body = parse_json(extract(@"\{.*\}$", 0, message))
| extend tenant = ${textOf(fields.tenant)}'''

@export()
@description('KQL for one field of an event as text, wherever it arrived.')
func textOf(field string) string =>
  'coalesce(tostring(customDimensions["${field}"]), tostring(body["${field}"]))'
