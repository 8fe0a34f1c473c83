# One mail by HTTP. PowerShell 7; no modules.
$ErrorActionPreference = 'Stop'

$mail = @{
    to              = 'Ada <ada@example.com>'
    subject         = 'Your order 7'
    html            = '<p>Thank you, Ada. Your order 7 is on its way.</p>'
    tags            = @{ flow = 'checkout' }
    # With it the request can be repeated after any doubt, and makes no second mail.
    idempotency_key = 'order-7/order-confirmation'
}

$request = @{
    Method            = 'Post'
    Uri               = "$env:MAILER_URL/emails"
    Headers           = @{ 'x-functions-key' = "$env:MAILER_KEY" }
    ContentType       = 'application/json; charset=utf-8'
    Body              = $mail | ConvertTo-Json -Depth 10   # the default of 2 turns what lies deeper into text
    TimeoutSec        = 30
    MaximumRetryCount = 3   # also of a request that is refused for good, which is refused again
    RetryIntervalSec  = 2
}
$answer = Invoke-RestMethod @request
"$($answer.id) $($answer.status)"
