"""The chaos run: the real stack under crashes and faults, then the ledger against the cloud's own list of mails.

    python -m tests.chaos --seed 7 --mails 1000 --policy hold

It runs Azurite, the local cloud and the embedded host with the app's own code, feeds mails through both doors as
sensible clients do, kills the host with SIGKILL at random and at each step of a mail, restarts Azurite, and lets the
cloud throttle, fail, hang and cut connections. Time passes too, on a scaled clock: hours without Graph, storage or app,
settings that are wrong, mails that are scheduled past the retention, moved, canceled, or given up by the host, and
records that the clean-up takes. Then all faults end, and when nothing moves any more every mail that was accepted has
to be accounted for. It ends with exit code 1 when a promise is broken.

The seed fixes the mails, the order of the episodes and the dice of the faults; threads and processes keep a timing of
their own. Read in this order: episodes and outages (what goes wrong), audit (what must hold), then

mails     what is sent         producers  how clients send it          books  what is there in the end, by mail
app       its times shortened  archive    what storage has and had     steps  where each step of a mail can be seen
mischief  what is done there   proxy      the way to the storage       stage  the programs      run  one run
"""
