"""One JSON object in, one mail out of your Microsoft 365 mailbox. Read the steps in order; they are the path of a mail.

parse    bytes -> MailRequest, every problem named at once
accept   MailRequest -> Receipt: record it, then queue it; prefer delivers before answering
deliver  queued mail -> Status: compose, screen, claim, send; settle records how it ended, doubt what nobody knows
compose  MailRequest -> RenderedMail: what it says (render: template and variables) and its files, if they may be sent
gate     screens whom the mail of a staging app may reach
send     RenderedMail -> Microsoft Graph; upload takes what one call cannot carry
amend    replay, reschedule, cancel; sweep clears up after crashes

What the steps use. Values and rules: address, attachment, mail, mail_id, message (a mail on the queue), lifecycle
(statuses, lease, the Ledger), claim, graph and draft (Graph's wire format, no I/O), plain_text, errors, settings.
Edges: ledger, alarms and tables (Table Storage), outbox (queue), bodies and blobs (Blob Storage), vault (Key Vault),
credentials, tokens and network (Entra). In memory: throttle, health. What templates are made with: templating. And
wiring, which plugs the real parts together.
"""
