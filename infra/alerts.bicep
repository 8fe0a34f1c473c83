// Alerts on what mailer and the host write to the log; docs/operations.md says what to do about each.
param location string
param tags object
param workspaceId string
param actionGroupId string

var alerts = [
  {
    name: 'mail-failed'
    title: 'Mails failed'
    description: 'Graph or mailer refused mails for good. Mend the cause, then replay them: python -m mailer replay.'
    severity: 2
    query: 'AppTraces | where Message startswith "mail_failed " | summarize lines = count()'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'dead-letters'
    title: 'Mails wait for a person'
    description: 'Mails are in doubt, held as a caller\'s surplus, or were given up by the host. Replay, release or cancel them.'
    severity: 2
    query: 'AppTraces | where Message startswith "mail_uncertain " or Message startswith "mail_settled " or Message startswith "mail_held " | summarize lines = count()'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'needs-mending'
    title: 'Nothing is sent until somebody mends it'
    description: 'A permission, a secret, a mailbox or a setting is wrong; the line in the log names the remedy. Mails wait.'
    severity: 1
    query: 'AppTraces | where Message startswith "needs_mending " or Message startswith "setting_wrong " | summarize lines = count()'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'secret-expires'
    title: 'The client secret runs out'
    description: 'Make the next one: python -m mailer rotate. No restart is needed.'
    severity: 2
    query: 'AppTraces | where Message startswith "secret_expires " or Message startswith "secret_not_renewed " | summarize lines = count()'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'no-heartbeat'
    title: 'mailer does not run'
    description: 'No timer of mailer has run for 15 minutes. Look at the function app and at /api/health.'
    severity: 1
    query: 'AppRequests | where Name in ("release", "sweep", "carry_on") | summarize lines = count()'
    operator: 'LessThan'
    threshold: 1
  }
]

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for alert in alerts: {
  name: 'mailer-${alert.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: alert.title
    description: alert.description
    severity: alert.severity
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    criteria: {
      allOf: [
        {
          query: alert.query
          timeAggregation: 'Total'
          metricMeasureColumn: 'lines'
          operator: alert.operator
          threshold: alert.threshold
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    // On a fresh workspace the tables come with the first line; the query would be refused before.
    skipQueryValidation: true
    actions: {
      actionGroups: [
        actionGroupId
      ]
    }
  }
}]
