"""What a caller asks for: bytes in, a checked request out, every problem named at once. No I/O.

json_object    bytes to one JSON object, and the habits by which something else was sent
events         the mail in an event of Event Grid or CloudEvents
parse          the object to a MailRequest; wording is how its problems are told
model          the request; members, address, attachment and value are its parts, mail_id its name; limits how much
rendered       what is made of it for Graph
characters     what no mail can hold; encoded_words and base64_text: how old programs write; media_types: what files are
"""
