"""Microsoft Graph: the bytes apart from the socket.

wire        what Graph is sent, and what it replies; drafts the same for mails above 4 MB. No I/O
verdicts    what a refusal means for the mail. No I/O
connection  moves the bytes, within the limits of whole_answer; upload brings a large mail into a draft and sends it
"""
