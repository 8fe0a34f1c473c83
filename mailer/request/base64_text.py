"""Base64 as people send it: in lines, or in one of the forms that only look like it. RFC 4648."""

import binascii
import re

PYTHON_BYTES = "this is Python's b'…', neither JSON nor base64: send what stands between the quotes"

OBJECT_BEGINS = re.compile("e[wy3]|77u[/_]")  # how JSON's `{`, or the byte order mark before it, looks in base64


def read_base64(text: str) -> bytes:
    """The bytes of a text in base64, whose lines may be broken as MIME does. Raises ValueError, which tells a habit."""
    joined = "".join(text.split())
    try:
        return binascii.a2b_base64(joined, strict_mode=True)
    except ValueError:
        raise ValueError(_habit(joined)) from None


def _habit(text: str) -> str:
    """What the text is instead, where that is known; else nothing."""
    if text.startswith(("b'", 'b"')):
        return PYTHON_BYTES
    if text.startswith("data:"):
        return "this begins with `data:`: leave out all up to the comma"
    if not re.fullmatch(r"[0-9A-Za-z+/_-]*={0,2}", text):
        return ""
    if re.search("[_-]", text):
        return "this is URL-safe base64: use + and / in place of - and _, and = at the end"
    return "this is base64 without the = at its end, or cut off" if len(text) % 4 else ""
