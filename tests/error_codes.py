"""A check for schemathesis: an error's code is one of those that the description names for the call and its status."""

import schemathesis


@schemathesis.check
def error_code_is_described(ctx, response, case):
    described = case.operation.definition.raw["responses"].get(str(response.status_code), {})
    if "x-error-codes" in described and response.content:
        code = response.json()["error"]["code"]
        assert code in described["x-error-codes"], f"{code} is none of {described['x-error-codes']}"
