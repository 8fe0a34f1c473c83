"""Numbers to a bar chart."""
# ruff: noqa: RUF001 - letters as they are written are the fact itself

import io
import itertools

import pytest
from PIL import Image, ImageColor, ImageFont

from mailer.templating import chart
from mailer.templating.chart import draw_bars
from tests.contrast import contrast

WEEK = ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."]
VISITS = [1204, 1310, 1460, 1398, 1275, 820, 945]


def drawn_bytes(labels, values):
    written = tuple(f"{value:,}" for value in values)
    return draw_bars(tuple(labels), tuple(values), written=written, width=536, height=220)


def drawn(labels, values):
    return Image.open(io.BytesIO(drawn_bytes(labels, values))).convert("RGB")


def heights(values, colour=chart.BAR):
    """How many pixels of each bar are of this colour, in the column of its middle."""
    image = drawn([""] * len(values), values)
    slot = (image.width - 2 * chart.MARGIN) / len(values)
    middles = [int(chart.MARGIN + slot * (index + 0.5)) for index in range(len(values))]
    wanted = ImageColor.getrgb(colour)
    return [sum(image.getpixel((x, y)) == wanted for y in range(image.height)) for x in middles]


def ink(image, *, top, bottom):
    """The columns in which something is written between two heights."""
    rows = range(int(image.height * top), int(image.height * bottom))
    return {x for x in range(image.width) if any(min(image.getpixel((x, y))) > 150 for y in rows)}


def test_the_image_has_twice_the_pixels_of_its_place_in_the_mail():
    assert drawn(WEEK, VISITS).size == (1072, 440)


def test_the_same_numbers_make_the_same_bytes():
    assert drawn_bytes(WEEK, VISITS) == drawn_bytes(WEEK, VISITS)


def test_a_week_takes_less_than_ten_kilobytes():
    assert len(drawn_bytes(WEEK, VISITS)) < 10_000


def test_bars_are_as_high_as_their_values():
    one, two, four = heights([10, 20, 40])

    assert two == pytest.approx(2 * one, abs=3)
    assert four == pytest.approx(4 * one, abs=5)


def test_values_below_zero_go_down_in_another_colour():
    assert heights([10, -10, 5])[1] == 0
    below = heights([10, -10, 5], chart.BELOW_ZERO)
    assert [height > 0 for height in below] == [False, True, False]
    assert below[1] == pytest.approx(heights([10, -10, 5])[0], abs=3)


def test_equal_values_make_equal_bars():
    assert len(set(heights([7] * 7))) == 1
    assert heights([7] * 7)[0] > 200


@pytest.mark.parametrize("values", [[0], [0, 0, 0], [0.0, -0.0]])
def test_nothing_but_zeros_has_no_bars(values):
    assert set(heights(values)) == {0}


@pytest.mark.parametrize("values", [[], [5], [-3, -2], [1e300, 1], [0.001], list(range(200))])
def test_any_number_of_values_can_be_drawn(values):
    assert drawn([str(value) for value in values], values).size == (1072, 440)


def test_a_value_is_written_above_its_bar_where_all_of_them_fit():
    assert ink(drawn(["", ""], [0, 1000]), top=0, bottom=0.8)
    assert not ink(drawn([""] * 40, [0, *[1000] * 39]), top=0, bottom=0.8)


def test_long_labels_are_cut_and_do_not_meet():
    written = ink(drawn(["Wednesday the eighteenth"] * 5, [1] * 5), top=0.85, bottom=1)

    slot = (1072 - 2 * chart.MARGIN) / 5
    assert {int((x - chart.MARGIN) // slot) for x in written} == {0, 1, 2, 3, 4}
    borders = [round(chart.MARGIN + slot * number) for number in range(1, 5)]
    assert written.isdisjoint(x + away for x in borders for away in (-2, -1, 0, 1, 2))


def test_any_text_is_a_label():
    assert drawn(["one\ntwo", "x" * 1_000_000, "\x00\ud800"], [1, 2, 3]).size == (1072, 440)


def test_of_many_labels_as_many_are_written_as_have_room():
    written = sorted(ink(drawn([f"W{number}" for number in range(52)], [1] * 52), top=0.87, bottom=1))

    gaps = [after - before for before, after in itertools.pairwise(written)]
    assert 5 < sum(gap > 2 * chart.GAP for gap in gaps) < 30


@pytest.mark.parametrize("letter", "éàçœÉ€£¥«»’–…Łőßñ−Жω₪א")
def test_the_font_has_the_letters_of_many_languages(letter):
    assert bytes(ImageFont.truetype(chart.FONT, 40).getmask(letter))


def test_texts_and_bars_stand_out_from_the_card():
    assert contrast(chart.INK, chart.CARD) >= 4.5
    assert contrast(chart.BAR, chart.CARD) >= 3
    assert contrast(chart.BELOW_ZERO, chart.CARD) >= 3
