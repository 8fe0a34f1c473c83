"""Numbers to a bar chart: a PNG on a card of its own, so that it shows in light and dark mails. Reads its font only."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

# The Latin, Greek, Cyrillic and Hebrew letters and the currency signs of Arimo 1.341; Pillow's own font has no é.
FONT = Path(__file__).parent / "fonts" / "Arimo-Regular.ttf"
SCALE = 2  # pixels for each of the mail's, for dense screens
TEXT = 17 * SCALE  # legible also where a telephone shows the mail at two thirds of its width
MARGIN = 16 * SCALE
GAP = 6 * SCALE
WIDEST_BAR = 48 * SCALE
LABEL = 40 * SCALE  # a label with less room than this shares it with its neighbours
LONGEST = 100  # characters of a label that are looked at; no image is as wide

CARD, BAR, BELOW_ZERO, INK, ZERO = "#22304a", "#7fb2f0", "#f2b584", "#e9eff8", "#7d8da8"


def draw_bars(
    labels: Sequence[str], values: Sequence[float], *, written: Sequence[str], width: int, height: int
) -> bytes:
    """A PNG with a bar for each value, the value as it is written above it, the label below; both where there is room.

    `width` and `height` are the mail's pixels; the image has twice as many.
    """
    image = Image.new("RGB", (width * SCALE, height * SCALE), CARD)
    draw = ImageDraw.Draw(image)
    draw.font = ImageFont.truetype(FONT, TEXT)
    slot = (image.width - 2 * MARGIN) / max(len(values), 1)
    _draw_values(draw, values, written, slot)
    _draw_labels(draw, [" ".join(label[:LONGEST].split()) for label in labels], slot, image.height - MARGIN)
    png = io.BytesIO()
    image.quantize(32).save(png, "PNG", optimize=True)
    return png.getvalue()


def _draw_values(draw: ImageDraw.ImageDraw, values: Sequence[float], texts: Sequence[str], slot: float) -> None:
    width, height = draw.im.size
    highest, lowest = max([0, *values]), min([0, *values])
    with_texts = all(draw.textlength(text) + GAP <= slot for text in texts)
    line = (TEXT + GAP) * with_texts
    top = MARGIN + line
    bottom = height - MARGIN - TEXT - 2 * GAP - line * (lowest < 0)
    unit = (bottom - top) / ((highest - lowest) or 1)
    zero = bottom + lowest * unit
    bar = min(slot * 0.7, WIDEST_BAR)
    for index, (value, text) in enumerate(zip(values, texts, strict=True)):
        middle = MARGIN + slot * (index + 0.5)
        end = zero - value * unit
        box = (middle - bar / 2, min(end, zero), middle + bar / 2, max(end, zero))
        draw.rectangle(box, fill=BAR if value > 0 else BELOW_ZERO if value < 0 else None)
        if with_texts:
            below = value < 0
            draw.text((middle, end + GAP if below else end - GAP), text, INK, anchor="mt" if below else "ms")
    draw.line((MARGIN, zero, width - MARGIN, zero), fill=ZERO, width=SCALE)


def _draw_labels(draw: ImageDraw.ImageDraw, labels: Sequence[str], slot: float, baseline: int) -> None:
    widest = max((draw.textlength(label) for label in labels), default=0)
    each = math.ceil(min(widest + GAP, LABEL) / slot)
    for index in range(0, len(labels), each):
        text = _cut(draw, labels[index], slot * each - GAP)
        draw.text((MARGIN + slot * (index + 0.5), baseline), text, INK, anchor="ms")


def _cut(draw: ImageDraw.ImageDraw, text: str, room: float) -> str:
    if draw.textlength(text) <= room:
        return text
    while text and draw.textlength(f"{text}…") > room:
        text = text[:-1].rstrip()
    return f"{text}…" if text else ""
