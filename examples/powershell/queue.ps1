# One mail onto the queue, with rights of one's own. PowerShell 7; needs the Azure command line and `az login`.
$ErrorActionPreference = 'Stop'

$mail = @{
    to              = 'Ada <ada@example.com>'
    subject         = 'Your order 8'
    text            = 'Thank you, Ada. Your order 8 is on its way.'
    idempotency_key = 'order-8/confirmation'
} | ConvertTo-Json -Depth 10

# In base64 no quote has to survive a command line; mailer reads both.
$text = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($mail))
$url = [Uri]$env:QUEUE_URL
# -1: the message stays for as long as it takes, not for a week.
az storage message put --auth-mode login --account-name $url.Host.Split('.')[0] --queue-name $url.Segments[-1] `
    --content $text --time-to-live -1 --query id --output tsv
if ($LASTEXITCODE) { exit $LASTEXITCODE }   # $ErrorActionPreference is about PowerShell's own commands
