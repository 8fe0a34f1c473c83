"""Triggers in, replies out: the only room that knows azure.functions. Each file is a blueprint; all of them are thin.

emails        mails by HTTP: accept one, show it, move it, cancel it, send it again
batch         several mails by one call
failures      mails by what went wrong: shown, replayed, retried
queues        mails from the queue
templates     the templates, shown and previewed
suppressions  who gets no mail any more
operations    what an operator asks
console       the operator's page
timers        what happens by the clock
http          all of these that are called by HTTP
door          the one way in by HTTP: asks who calls, and tells what went wrong
openapi       the description of all calls: shapes has what each takes and gives, schemas those of models; answer,
              answers, failure_answers and feedback_answers what they give
replies       how an answer and an error look
"""
