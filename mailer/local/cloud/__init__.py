"""A strict local imitation of the Microsoft services that mailer calls, on one HTTPS port of 127.0.0.1.

It knows: the managed identity endpoint of Azure Functions (one identity, named or not, for Key Vault and the token
exchange); Entra's discovery, keys and client credentials grant with a client secret, a registered certificate or a
federated credential; one person who signs in by device code, by browser with PKCE or through az (mailer.local.az), with
the Entra roles that a test gives; Key Vault's secrets, read and written, deleted, recovered and purged; Graph's
directory: applications by uniqueName, their secrets, certificates and federated credentials, the policy about secrets,
service principals, app roles, delegated grants, and Exchange's role assignments in beta; Graph's sendMail in JSON with
file attachments; drafts, which take small files one by one and large ones by upload sessions, and are sent or deleted;
Sent Items and Drafts by internetMessageId. Accepted mails go to MailDev by SMTP.

It refuses, saying so: MIME mails, item and reference attachments, other filters and query options.

It shows a new directory object to other calls after `replication_delay`, as Entra does after seconds to minutes.

It does not know: reading, changing or listing single messages and attachments, immutable ids, batches, bounces, flags
and extended properties (their form is checked, then they are dropped), limits other than four requests at once, 500
recipients, 4 MB for a request and a mailbox's largest mail, user-assigned identities, refresh tokens, deleted directory
objects, groups and other scopes of Exchange than a user or all, national clouds.

Guessed, for want of a source: the status for a wrong X-IDENTITY-HEADER (401) and for an unknown resource there (500);
the codes for more than 500 recipients (ErrorRecipientLimitExceeded), for a missing parameter (BadRequest), for a wrong
content type (UnsupportedMediaType) and for a missing Content-Length (LengthRequired). Of uploads: every refusal of a
piece, a session's status by GET and its hour of life, 404 for one that is finished, expired or unknown, and what the
megabytes of their limits are. That a mail's size is checked when it is sent, and that a draft sent twice is not found.
Of the directory: that a uniqueName is free once its application is deleted; the codes of Exchange's beta for an unknown
scope (BadRequest) and for a second assignment (Conflict); that Exchange takes a service principal which nobody
registered there.

It keeps the CA and the server certificate in its folder; all else is in memory and gone at the end.
"""
