// A workbook with the questions people ask in the morning, each a saved query over the same events as the
// alerts. It names components and tenants, never people: those are not in the telemetry.

import { events, fields, rowsOf, textOf } from '../events.bicep'
import { tagSet } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags tagSet

@description('Suffix that makes names unique.')
param suffix string

@description('Name of the Application Insights component the workbook asks.')
param insightsName string

// The workbook's time picker limits every query; "ago" only keeps the shared part of them well formed.
var range = 'ago(90d)'

var questions = [
  {
    name: 'failed'
    title: 'What failed last night, and why'
    query: $'''
${rowsOf(events.componentFailed, range)}
| extend why = ${textOf(fields.why)}, component = ${textOf(fields.component)}
| summarize components = dcount(component), examples = make_set(component, 5), last_seen = max(timestamp)
    by tenant, why
| order by components desc'''
  }
  {
    name: 'policy'
    title: 'Whose tutors lack a policy, a mailbox or Teams (ask the tenant\'s check for the names)'
    query: $'''
${rowsOf(events.componentFailed, range)}
| extend why = ${textOf(fields.why)}, component = ${textOf(fields.component)}
| where why in ("not_permitted", "owner_without_teams", "owner_not_found")
| summarize components = make_set(component, 100), last_seen = max(timestamp) by tenant, why
| order by tenant asc, why asc'''
  }
  {
    name: 'sweeps'
    title: 'How long sweeps took'
    query: $'''
${rowsOf(events.tenantSweepFinished, range)}
| extend seconds = todouble(${textOf(fields.durationSeconds)})
| summarize sweeps = count(), median_s = percentile(seconds, 50), p95_s = percentile(seconds, 95),
    longest_s = max(seconds), last_seen = max(timestamp) by tenant
| order by longest_s desc'''
  }
  {
    name: 'nights'
    title: 'Attendance runs'
    query: $'''
${rowsOf(events.tenantNightFinished, range)}
| extend seconds = todouble(${textOf(fields.durationSeconds)})
| summarize nights = count(), longest_s = max(seconds), last_seen = max(timestamp) by tenant
| order by last_seen asc'''
  }
  {
    name: 'runs'
    title: 'Runs by function and outcome'
    query: $'''
${rowsOf(events.runFinished, range)}
| extend function_name = ${textOf(fields.functionName)}, outcome = ${textOf(fields.outcome)}
| extend seconds = todouble(${textOf(fields.durationSeconds)})
| summarize runs = count(), longest_s = max(seconds), last_seen = max(timestamp)
    by function_name, outcome
| order by function_name asc, outcome asc'''
  }
  {
    name: 'undelivered'
    title: 'Events the LMS has not taken'
    query: $'''
${rowsOf(events.lmsEventUndelivered, range)}
| extend age_hours = todouble(${textOf(fields.ageHours)})
| summarize tries = count(), oldest_hours = max(age_hours), last_seen = max(timestamp) by tenant
| order by oldest_hours desc'''
  }
  {
    name: 'aside'
    title: 'Put aside: parked events, poisoned work, brakes'
    query: $'''
union
  (${rowsOf(events.lmsEventParked, range)}
  | extend what = "event parked"),
  (${rowsOf(events.workPoisoned, range)}
  | extend what = "work poisoned"),
  (${rowsOf(events.tenantBraked, range)}
  | extend what = "brake on")
| summarize times = count(), last_seen = max(timestamp) by tenant, what
| order by last_seen desc'''
  }
  {
    name: 'exceptions'
    title: 'Exceptions nothing expected'
    query: '''
exceptions
| summarize times = count(), last_seen = max(timestamp), example = take_any(operation_Id)
    by problemId, type, operation_Name
| order by times desc'''
  }
]

var heading = [
  {
    type: 1
    name: 'heading'
    content: {
      json: '## Teams Communications Connector\n\nWhat each alert means and what to do is in `docs/alerts.md`. Details of one component, with the people in it, are at `GET /api/tenants/{tenantId}/components/{componentId}`.'
    }
  }
  {
    type: 9
    name: 'range'
    content: {
      version: 'KqlParameterItem/1.0'
      style: 'pills'
      queryType: 0
      resourceType: 'microsoft.insights/components'
      parameters: [
        {
          version: 'KqlParameterItem/1.0'
          id: guid('range')
          name: 'range'
          label: 'Time'
          type: 4
          isRequired: true
          value: {
            durationMs: 86400000
          }
          typeSettings: {
            allowCustom: true
            selectableValues: [
              {
                durationMs: 14400000
              }
              {
                durationMs: 86400000
              }
              {
                durationMs: 604800000
              }
              {
                durationMs: 2592000000
              }
            ]
          }
        }
      ]
    }
  }
]

var tables = [
  for question in questions: {
    type: 3
    name: question.name
    content: {
      version: 'KqlItem/1.0'
      title: question.title
      query: question.query
      size: 1
      timeContextFromParameter: 'range'
      queryType: 0
      resourceType: 'microsoft.insights/components'
      visualization: 'table'
      noDataMessage: 'Nothing.'
      noDataMessageStyle: 3
    }
  }
]

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // Workbooks are named by a GUID; the same one each time, or every deployment would add a workbook.
  name: guid(resourceGroup().id, suffix, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Teams Communications Connector'
    category: 'workbook'
    version: 'Notebook/1.0'
    sourceId: insights.id
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat(heading, tables)
      isLocked: false
      fallbackResourceIds: [
        insights.id
      ]
    })
  }
}

@description('Resource id of the workbook.')
output workbookId string = workbook.id
