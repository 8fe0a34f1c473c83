"""mailer's functions: every door is registered here and stands in mailer/doors."""

import os

import azure.functions as func

<<<<<<< HEAD
from mailer.doors.console import console
from mailer.doors.emails import emails
from mailer.doors.operations import operations
=======
from mailer.doors.http import HTTP
>>>>>>> main
from mailer.doors.queues import queues
from mailer.doors.timers import timers

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
<<<<<<< HEAD
for door in (emails, templates, operations, console, timers, queues(os.environ)):
=======
for door in (*HTTP, timers, queues(os.environ)):
>>>>>>> main
    app.register_functions(door)
