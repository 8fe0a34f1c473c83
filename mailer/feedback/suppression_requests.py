"""What callers ask of the list of suppressed addresses."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from mailer.delivery.search import MOST, AddressText, read_parameters
from mailer.request.json_object import read_object
from mailer.request.value import Line, Value


def _without_address(text: str) -> str:
    if re.search(r"\S@\S", text):
        message = "must hold no e-mail address: of suppressed addresses only hashes are kept"
        raise ValueError(message)
    return text


Address = Annotated[AddressText, Field(description="The address, `a@b.com`.")]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class SuppressionRequest(Value):
    """An address that is to get no mail any more, and why, in a few words that name nobody."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"address": "bob@example.com", "reason": "asked for it by phone"}]}
    )

    address: Address
    reason: Annotated[Line, Field(min_length=1, max_length=200), AfterValidator(_without_address)] | None = None


class SuppressionQuery(Value):
    """The parameters of the list: one address, or all entries by pages."""

    address: Annotated[AddressText | None, Field(description="Only this address's entry, if it has one.")] = None
    limit: Annotated[int, Field(strict=False, ge=1, le=MOST, description="The most entries on a page.")] = 50
    cursor: Annotated[Hash | None, Field(description="Where the list goes on; `nextLink` has it.")] = None


class LiftQuery(Value):
    """The parameter of a lift."""

    address: Address


def read_suppression_request(body: bytes) -> SuppressionRequest:
    """The request in this body. Raises InvalidRequest with all that is wrong."""
    return read_parameters(SuppressionRequest, read_object(body))


def read_suppression_query(parameters: Mapping[str, str]) -> SuppressionQuery:
    """The query in these parameters. Raises InvalidRequest with all that is wrong."""
    return read_parameters(SuppressionQuery, parameters)


def read_lift_query(parameters: Mapping[str, str]) -> LiftQuery:
    """The query in these parameters. Raises InvalidRequest with all that is wrong."""
    return read_parameters(LiftQuery, parameters)
