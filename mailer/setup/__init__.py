"""From nothing to an app that may send, and back; and a doctor that tests each link of the chain.

steps        what is told of a step, and what stops one
place        where: tenant, authority, Graph, vault
person       who: somebody who signs in by az, a browser or a device code
api          Graph's directory calls, which wait until Entra has replicated what was just made
refusals     what a refusal means, and who can help
directory    the app registration, its principal, its permissions
permission   all mailboxes or some
exchange     mailboxes one by one: RBAC for Applications
credentials  client secret, certificate, federated credential, and the tenant's policy about them
vault        the secret in Key Vault, with its expiry
local_file   settings in a local.settings.json
course       what the courses of steps share: set_up, rotate, tear_down
delegated    a test mail in a person's own name
doctor/      the checks

Runs on a person's machine, never in the deployed app.
"""
