"""When a mail may go.

throttle   how many requests of a mailbox are under way, and which mailbox has been told to wait
"""
