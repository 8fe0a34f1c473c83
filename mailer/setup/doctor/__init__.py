"""Each link of the chain from a setting to a mail, tested in order; every fault named with its reason and cure.

findings    what a check says
chain       the checks in their order, and what one leaves to the next
basics      settings, templates, clock
storage     the account's services by doing, the queues' lengths
secret      the vault, and the secret's dates there and at Entra
access      the token, and what it opens: sending, large mails, reading, and what it must not open
real_mail   a real mail, followed until it is sent
"""
