"""What works and what does not, for the health page and for the doctor.

parts       each part's finding, remembered for a moment
mailboxes   whether the app may send from its mailboxes, asked of Graph
permission  what Graph's answer to a mail to nobody says of the right to send
clock       this machine's clock against another
"""
