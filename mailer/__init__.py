"""One JSON object in, one mail out of your Microsoft 365 mailbox. The rooms, in the order in which a mail passes them.

doors       Azure Functions triggers: HTTP, queue, timers
request     bytes to a checked request
delivery    accept, deliver, amend, clean up: the life of a mail
templating  what a mail says
pace        when it may go
graph       Microsoft Graph
storage     records, queue and blobs
identity    the token for Graph

console     the operator's page, which a door serves

wiring plugs the real parts together; settings, errors, health, gather and http_session serve all rooms.

Not deployed, for people's machines only: setup, from nothing to an app that may send, with a doctor for each link of
the chain; cli, the commands; local, everything on one machine.
"""

__version__ = "0.1.0"
