"""mailer's functions: every door is registered here and stands in mailer/doors."""

import os

import azure.functions as func

from mailer.doors.console import console
from mailer.doors.emails import emails
from mailer.doors.operations import operations
from mailer.doors.queues import queues
from mailer.doors.templates import templates
from mailer.doors.timers import timers

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for door in (emails, templates, operations, console, timers, queues(os.environ)):
    app.register_functions(door)
