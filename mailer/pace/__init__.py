"""When a mail may go: one pace for all instances.

pace       a mail's turn: pauses, the day's recipients and slots together, over the mailboxes of a pool
grid       a mailbox's slots in time, pure arithmetic; slots one for each mail, by rows that are only inserted
search     for a slot that is free, by few calls
quota      how many recipients a mailbox reaches in 24 hours
allowances how many a caller does
pauses     which mailboxes have been told to wait; their slots are left empty meanwhile
throttle   how many requests of a mailbox are under way in this worker
later      what is due soon lies on the queue, all else in the table until its minute
"""
