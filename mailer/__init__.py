"""One JSON object in, one mail out of your Microsoft 365 mailbox. Read the steps in order; they are the path of a mail.

parse    bytes -> MailRequest, every problem named at once
accept   MailRequest -> Receipt: record it, then queue it; prefer delivers before answering
deliver  queued mail -> Status: render, claim, send; settle records how it ended, doubt settles what nobody knows
render   template and variables -> what the mail says
send     RenderedMail -> Microsoft Graph
amend    replay, reschedule, cancel; sweep clears up after crashes

What the steps use. Values and rules: address, mail, mail_id, message (a mail on the queue), lifecycle (statuses, lease,
the Ledger), graph (Graph's wire format, no I/O), variables, errors, settings. Edges: ledger, alarms and tables (Table
Storage), outbox (queue), bodies (blobs), vault (Key Vault), credentials, tokens and network (Entra). In memory:
throttle, health. And wiring, which plugs the real parts together.
"""
