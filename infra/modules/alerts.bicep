// Alerts: ten questions asked of the telemetry at regular times, each of which a person can act on. What
// each one means and what to do is in docs/alerts.md, under the rule's name.

import { events, fields, rowsOf, textOf } from '../events.bicep'
import { tagSet } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags tagSet

@description('Suffix that makes names unique.')
param suffix string

@description('Name of the Application Insights component.')
param insightsName string

@description('Name of the workspace.')
param workspaceName string

@description('Addresses that are sent a mail for each alert.')
param emails string[]

@description('Action groups that exist already and are to be told as well.')
param actionGroupIds string[]

@description('Whether the alerts are switched on.')
param enabled bool

@description('How many exceptions, or 5xx answers, in a quarter of an hour raise an alert.')
param faultThreshold int

// A tenant is overdue when its last finished run is too old. When everybody is, one row says so instead of
// one per tenant; it also says so when nothing has finished for so long that no tenant is left to name.
func overdue(event string, hours int) string =>
  $'''
let finished = ${rowsOf(event, 'ago(2d)')}
| summarize last_seen = max(timestamp) by tenant;
let newest = toscalar(finished | summarize max(last_seen));
let silent = isnull(newest) or newest < ago(${hours}h);
union
  (finished | where not(silent) and last_seen < ago(${hours}h)),
  (print tenant = "(every tenant)", last_seen = newest | where silent)
| project tenant, hours_since = datetime_diff("hour", now(), last_seen)'''

type rule = {
  @description('The rule\'s name, and its heading in docs/alerts.md.')
  name: string

  @description('What a person reads in the mail.')
  description: string

  @description('1: no work is done; 2: some is lost or late; 3: a person is asked to look.')
  severity: 1 | 2 | 3

  @description('How often the question is asked.')
  every: string

  @description('How far back the answer looks.')
  over: string

  @description('How far back the data reaches, where that is further than `over`.')
  dataSince: string?

  @description('Rows of the answer are what the alert is about.')
  query: string

  @description('The alert is raised by more rows than this.')
  moreThan: int

  @description('Whether each tenant has an alert of its own: the answer has a column "tenant".')
  byTenant: bool

  @description('What is asked: the application\'s telemetry or the workspace.')
  asked: 'insights' | 'workspace'
}

var rules rule[] = [
  {
    name: 'sweep-overdue'
    description: 'No sweep has been finished for this tenant for 4 hours; they are due every 3.'
    severity: 1
    every: 'PT30M'
    over: 'PT4H'
    dataSince: 'P2D'
    query: overdue(events.tenantSweepFinished, 4)
    moreThan: 0
    byTenant: true
    asked: 'insights'
  }
  {
    name: 'attendance-overdue'
    description: 'No attendance run has been finished for this tenant for 26 hours; they are nightly.'
    severity: 1
    every: 'PT1H'
    over: 'P1D'
    dataSince: 'P2D'
    query: overdue(events.tenantNightFinished, 26)
    moreThan: 0
    byTenant: true
    asked: 'insights'
  }
  {
    name: 'lms-events-undelivered'
    description: 'Events for this tenant\'s LMS have been waiting for more than 6 hours.'
    severity: 2
    every: 'PT30M'
    over: 'PT4H'
    query: $'''
${rowsOf(events.lmsEventUndelivered, 'ago(4h)')}
| extend age_hours = todouble(${textOf(fields.ageHours)})
| where age_hours > 6
| summarize oldest_hours = max(age_hours) by tenant'''
    moreThan: 0
    byTenant: true
    asked: 'insights'
  }
  {
    name: 'lms-events-parked'
    description: 'Events for this tenant\'s LMS were given up and wait for redeliver.'
    severity: 2
    every: 'PT15M'
    over: 'PT1H'
    query: $'''
${rowsOf(events.lmsEventParked, 'ago(1h)')}
| summarize parked = count() by tenant'''
    moreThan: 0
    byTenant: true
    asked: 'insights'
  }
  {
    name: 'components-failed'
    description: 'Components of this tenant need a person before their meetings can be made.'
    severity: 3
    every: 'PT30M'
    // Each sweep, every 3 hours, names what is still failed: one alert as long as it lasts.
    over: 'PT4H'
    query: $'''
${rowsOf(events.componentFailed, 'ago(4h)')}
| extend why = ${textOf(fields.why)}, component = ${textOf(fields.component)}
| summarize components = dcount(component) by tenant, why'''
    moreThan: 0
    byTenant: true
    asked: 'insights'
  }
  {
    name: 'tenant-braked'
    description: 'Many of this tenant\'s events vanished at once; nothing is cancelled until released.'
    severity: 1
    every: 'PT15M'
    over: 'PT1H'
    query: $'''
${rowsOf(events.tenantBraked, 'ago(1h)')}
| summarize times = count() by tenant'''
    moreThan: 0
    byTenant: true
    asked: 'insights'
  }
  {
    name: 'work-poisoned'
    description: 'A piece of work failed on every try and was put aside; the next sweep does it again.'
    severity: 2
    every: 'PT15M'
    over: 'PT1H'
    query: $'''
${rowsOf(events.workPoisoned, 'ago(1h)')}
| summarize pieces = count() by tenant'''
    moreThan: 0
    byTenant: true
    asked: 'insights'
  }
  {
    name: 'exceptions'
    description: 'The app raised exceptions that nothing in it expected.'
    severity: 2
    every: 'PT15M'
    over: 'PT15M'
    query: '''
exceptions
| where timestamp > ago(15m)
| project timestamp, operation_Name, type, problemId, operation_Id'''
    moreThan: faultThreshold
    byTenant: false
    asked: 'insights'
  }
  {
    name: 'server-errors'
    description: 'The app answered with 5xx; a 503 means that a webhook could not be stored.'
    severity: 1
    every: 'PT15M'
    over: 'PT15M'
    query: '''
requests
| where timestamp > ago(15m)
| where toint(resultCode) between (500 .. 599)
| project timestamp, name, resultCode, operation_Id'''
    moreThan: faultThreshold
    byTenant: false
    asked: 'insights'
  }
  {
    name: 'telemetry-capped'
    description: 'The daily cap on telemetry was reached; until tomorrow the other alerts are blind.'
    severity: 2
    every: 'PT1H'
    over: 'PT1H'
    query: '''
_LogOperation
| where TimeGenerated > ago(1h)
| where Category =~ "Ingestion" and Detail has "OverQuota"
| project TimeGenerated, Level, Detail'''
    moreThan: 0
    byTenant: false
    asked: 'workspace'
  }
]

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: workspaceName
}

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-connector-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    // What a text message calls the sender: 12 characters at most.
    groupShortName: 'connector'
    enabled: true
    emailReceivers: [
      for (email, index) in emails: {
        name: 'email-${index}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alert 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in rules: {
    name: '${rule.name}-${suffix}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Connector: ${rule.name}'
      description: rule.description
      enabled: enabled
      severity: rule.severity
      scopes: [
        rule.asked == 'insights' ? insights.id : workspace.id
      ]
      evaluationFrequency: rule.every
      windowSize: rule.over
      overrideQueryTimeRange: rule.?dataSince
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: rule.moreThan
            dimensions: rule.byTenant
              ? [
                  {
                    name: 'tenant'
                    operator: 'Include'
                    values: [
                      '*'
                    ]
                  }
                ]
              : []
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      // An alert closes itself when its question is no longer answered with rows.
      autoMitigate: true
      // On the first day the tables asked are still empty, which the check takes for an error.
      skipQueryValidation: true
      actions: {
        actionGroups: concat([group.id], actionGroupIds)
      }
    }
  }
]

@description('Resource id of the action group, to add receivers to.')
output actionGroupId string = group.id
