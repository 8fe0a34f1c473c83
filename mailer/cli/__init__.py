"""The commands of `python -m mailer`, a file each, on typer and rich; the app never imports them.

setup, rotate, teardown   the app registration and all around it
doctor                    each link of the chain
send_test                 a mail in a person's own name
replay, templates         what an operator and an author of templates do
options, screen           what the commands share: flags, and how they show what they do
"""
