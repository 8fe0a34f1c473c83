"""One JSON object in, one mail out of your Microsoft 365 mailbox. The rooms, in the order in which a mail passes them.

doors       Azure Functions triggers: HTTP, queue, timers
request     bytes to a checked request
delivery    accept, deliver, amend, clean up: the life of a mail
templating  what a mail says
pace        when it may go
graph       Microsoft Graph
storage     records, queue and blobs
identity    the token for Graph

wiring plugs the real parts together; settings, errors and health serve all rooms. local is everything on one machine,
and is not deployed.
"""
