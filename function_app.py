"""mailer's functions: every door is registered here and stands in mailer/doors."""

import os

import azure.functions as func

from mailer.doors.http import HTTP
from mailer.doors.queues import queues
from mailer.doors.timers import timers

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for door in (*HTTP, timers, queues(os.environ)):
    app.register_functions(door)
