"""One JSON object in, one mail out of your Microsoft 365 mailbox. Read the steps in order; they are the path of a mail.

parse    bytes -> MailRequest, every problem named at once
accept   MailRequest -> Receipt: record it, then queue it
deliver  queued mail -> Status: render, claim, send, record
render   template and variables -> what the mail says
send     RenderedMail -> Microsoft Graph

What the steps use: mail (values), lifecycle (statuses, lease, the Ledger), graph (Graph's wire format, no I/O),
ledger (Table Storage), outbox (queue), vault (Key Vault), credentials and tokens (Entra), settings, errors, health, and
wiring, which plugs the real parts together.
"""
