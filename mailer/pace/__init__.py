"""When a mail may go.

later      what is due soon lies on the queue, all else in the table until its minute
throttle   how many requests of a mailbox are under way, and which mailbox has been told to wait
"""
