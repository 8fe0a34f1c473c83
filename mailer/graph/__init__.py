"""Microsoft Graph: the bytes apart from the socket.

wire        what Graph is sent, and what each of its replies means; drafts the same for mails above 4 MB. No I/O
connection  moves the bytes; upload brings a large mail into a draft and sends it
"""
