"""All blueprints with calls by HTTP."""

from mailer.doors.batch import batch
from mailer.doors.console import console
from mailer.doors.emails import emails
from mailer.doors.failures import failures
from mailer.doors.operations import operations
from mailer.doors.suppressions import suppressions
from mailer.doors.templates import templates

HTTP = (emails, batch, failures, suppressions, templates, operations, console)
