"""The life of an accepted mail, step by step. What the steps need of the world is handed to them.

accept     MailRequest to Receipt: record it, then put its message; prefer delivers before the caller is answered
batch      several requests at once
deliver    queued mail to its next status: opening reads the message, decide says what comes next, attempt asks Graph;
           put_back where it cannot be taken now
turns      a mail's mailbox, priority and slot, as its record keeps them; mailer.pace gives them
decide     the one place where it is decided what comes next for a mail; event is what can happen to one
tell       who hears of a mail's move: people, metrics, log
compose    MailRequest to RenderedMail: its content and files; gate whom the mail of a staging app may reach
amend      replay, move, cancel
sweep      the clean-up
search     lists of mails; failures groups them by cause, with cures; by_cause replays and retries a group

record     a mail's statuses and record; mail one in delivery; stores where it is kept; rules what the settings allow
message    how a mail lies on the queue; envelope what mailer writes beside it
"""
