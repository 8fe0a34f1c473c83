"""What all answers have in common."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

Instant = Annotated[
    datetime,
    PlainSerializer(lambda instant: instant.isoformat(timespec="milliseconds"), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
MailId = Annotated[str, Field(description="The mail's id: a UUID of version 7.", json_schema_extra={"format": "uuid"})]
Code = Annotated[str, Field(description="For programs: mailer's own, in snake_case, or one of Graph's or Entra's.")]
Message = Annotated[str, Field(description="For people: what happened, why, and what to do.")]


class Answer(BaseModel):
    """What a call answers."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
