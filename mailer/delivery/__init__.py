"""The life of an accepted mail, step by step. What the steps need of the world is handed to them.

accept    MailRequest to Receipt: record it, then queue it; prefer delivers before the caller is answered
deliver   queued mail to Status: compose, screen, claim, send; settle records how it ended, doubt what nobody knows
compose   MailRequest to RenderedMail: its content and files
gate      whom the mail of a staging app may reach
amend     replay, move, cancel; sweep clears up
record    a mail's statuses and record; message how it lies on the queue
"""
