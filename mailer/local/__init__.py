"""Everything that mailer talks to, on one machine: storage, mailbox, Microsoft's cloud, function host. Not deployed."""
