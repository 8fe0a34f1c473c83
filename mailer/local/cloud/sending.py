"""Microsoft Graph: sendMail, and sending a draft. Both end in Exchange's transport, which checks more than Graph.

https://learn.microsoft.com/graph/api/user-sendmail
https://learn.microsoft.com/graph/api/message-send
"""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from mailer.local.cloud.calls import Refusal
from mailer.local.cloud.drafts import find_draft
from mailer.local.cloud.graph import correlation, enter, read_parameters
from mailer.local.cloud.message import take_message
from mailer.local.cloud.model import AcceptedMail, Content, Mailbox, Message
from mailer.local.cloud.state import Cloud

MOST_RECIPIENTS = 500


async def send_mail(cloud: Cloud, request: Request) -> Response:
    """Accept a mail: 202 with an empty body. Delivery comes later, and its failure is told to nobody."""
    mailbox = await enter(cloud, request, need={"Mail.Send"})
    parameters = await read_parameters(request, "sendMail", required="Message")
    message, contents = take_message(parameters["Message"], mailbox)
    submit(cloud, request, mailbox, message, contents, save=parameters.get("SaveToSentItems") is not False)
    return Response(status_code=202, headers=correlation(request))


async def send_draft(cloud: Cloud, request: Request) -> Response:
    """Accept a draft as it is: a file whose upload is not finished stays behind, and nobody is told."""
    mailbox = await enter(cloud, request, need={"Mail.Send"})
    if "content-length" not in request.headers:
        raise Refusal(411, "LengthRequired", "A request without a body says Content-Length: 0.")
    if await request.body():
        raise Refusal(400, "BadRequest", "Sending a draft takes no body.")
    draft = find_draft(cloud, request, mailbox)
    submit(cloud, request, mailbox, draft.message, draft.contents, save=True)
    del cloud.drafts[draft.message.id]
    return Response(status_code=202, headers=correlation(request))


def submit(
    cloud: Cloud, request: Request, mailbox: Mailbox, message: Message, contents: list[Content], *, save: bool
) -> None:
    """Take a message for delivery; raises Refusal."""
    check_number(message)
    check_size(message, mailbox)
    mail = AcceptedMail(
        **{name: getattr(message, name) for name in Message.model_fields},
        client_request_id=request.headers.get("client-request-id"),
        save_to_sent_items=save,
        accepted_at=datetime.now(UTC),
    )
    cloud.mails.append(mail)
    cloud.courier.hand_over(mail, contents)


def check_number(message: Message) -> None:
    """Refuse a mail to nobody, and one to more than a mailbox may write to at once."""
    number = len(message.to + message.cc + message.bcc)
    if number == 0:
        text = "At least one recipient is not valid., A message can't be sent because it contains no recipients."
        raise Refusal(400, "ErrorInvalidRecipients", text)
    if number > MOST_RECIPIENTS:
        # No source names the code for certain; this is the one that a relay assumes.
        text = f"The message has {number} recipients; the mailbox allows {MOST_RECIPIENTS}."
        raise Refusal(400, "ErrorRecipientLimitExceeded", text)


def check_size(message: Message, mailbox: Mailbox) -> None:
    """Refuse a mail that is larger than its mailbox may send, counted as it goes over the wire."""
    files = sum(-(-attachment.size // 3) * 4 for attachment in message.attachments)
    if len(message.body.encode()) + files > mailbox.largest_mail:
        raise Refusal(400, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
