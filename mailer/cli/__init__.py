"""The commands of `python -m mailer`, a file each, on typer and rich; the app never imports them.

send, show, listing, failures           mails, and what became of them
replay, retry, cancel, release          what is done to them; changes is what these share
suppress                                who gets no mail any more
console, console_server                 the operator's page on this machine
health, callers                         what works and what does not; who may do what
setup, rotate, teardown, course         the app registration and all around it
doctor, send_test                       each link of the chain; a mail in a person's own name
templates, completion                   what an author of templates does; what a shell is told
client, reach                           the API that the commands call, and where it is
options, times, screen, output, mail    what the commands share: flags, and how they show what they do
"""
