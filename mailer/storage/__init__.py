"""The storage account: the only room that knows Table, Queue and Blob Storage.

clients           the SDKs' clients, made from the settings
signed            requests over a kept session; kept_table and kept_queue the calls that every mail makes
entity_json       rows as they travel; entity_batch several changes of them in one request
records           a mail's record, and the idempotency keys; tables asks a table for anything
record_pages      the records of a day, filtered, for lists; recipients by which addresses a record is found
job_rows          replays and retries by cause that go on in the background
later_rows        messages that wait for their minute
queues            messages onto the queue
request_blobs     requests kept outside of a message; attachment_blobs files that callers have uploaded
template_blobs    templates in a container
alarms            what only a person can mend
clean_up          what the clean-up reads and deletes, page by page
"""
