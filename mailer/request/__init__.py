"""What a caller asks for: bytes in, a checked request out, every problem named at once. No I/O.

model       the request and what is made of it; address and attachment are its parts; mail_id its name
parse       bytes to a MailRequest
"""
