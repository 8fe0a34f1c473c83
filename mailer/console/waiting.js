// What waits and when it leaves, a small chart for each mailbox.
import { list } from "./api.js";
import { h, svg } from "./dom.js";
import { clock, moment, w } from "./words.js";

const MOST_CALLS = 5; // for each status, of a hundred mails
const MINUTE = 60_000;
const STEPS = [1, 5, 15, 30, 60, 180, 360, 720, 1440, 7 * 1440, 30 * 1440]; // minutes
const MOST_BARS = 30;
const [WIDTH, HEIGHT] = [600, 90];

export async function waiting() {
  const kinds = await Promise.all(["queued", "scheduled"].map((status) => list("emails", { status, limit: "100" }, { calls: MOST_CALLS })));
  const mails = kinds.flatMap((kind) => kind.found).filter((mail) => mail.expected_at);
  if (!mails.length) return [h("p.calm", {}, w.nothingWaits)];
  const boxes = new Map();
  for (const mail of mails) boxes.set(mail.from, [...(boxes.get(mail.from) ?? []), new Date(mail.expected_at)]);
  return [
    h("div.charts", {}, [...boxes].map(([mailbox, dues]) => chart(mailbox ?? "–", dues))),
    kinds.some((kind) => kind.partial && kind.found.length) ? h("p.hint", {}, w.atLeast(mails.length)) : null,
  ];
}

function chart(mailbox, dues) {
  const now = Date.now();
  const last = Math.max(...dues, now);
  const step = STEPS.find((minutes) => (last - now) / (minutes * MINUTE) < MOST_BARS) ?? STEPS.at(-1);
  const bars = new Array(Math.max(10, Math.floor((last - now) / (step * MINUTE)) + 1)).fill(0);
  for (const due of dues) bars[Math.min(bars.length - 1, Math.max(0, Math.floor((due - now) / (step * MINUTE))))] += 1;
  const told = w.waits(dues.length, moment(last));
  const at = (index) => new Date(now + index * step * MINUTE);
  return h(
    "figure",
    {},
    h("figcaption", {}, h("strong", {}, mailbox), " ", told),
    drawn(bars, at, step, `${mailbox}: ${told}`),
    h("details", {}, h("summary", {}, w.figures), h("table", {}, h("tbody", {}, rows(bars, at)))),
  );
}

function drawn(bars, at, step, label) {
  const most = Math.max(...bars);
  const wide = WIDTH / bars.length;
  const rects = bars.map((count, index) => {
    const high = (count / most) * HEIGHT;
    return count && svg("rect", { x: index * wide + 1, y: HEIGHT - high + 14, width: Math.max(wide - 2, 1), height: high, rx: 2 });
  });
  const ticks = [0, Math.floor(bars.length / 2), bars.length].map((index, place) =>
    svg("text", { x: index * wide, y: HEIGHT + 30, "text-anchor": ["start", "middle", "end"][place] }, tick(at(index), step * bars.length)),
  );
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT + 36}`, role: "img", "aria-label": label },
    svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT + 14.5, y2: HEIGHT + 14.5 }),
    rects.filter(Boolean),
    ticks,
    svg("text", { x: 0, y: 9 }, `${most} ${w.each(spanOf(step))}`),
  );
}

function rows(bars, at) {
  return bars.map((count, index) => count && h("tr", {}, h("th", { scope: "row" }, moment(at(index))), h("td", {}, String(count))));
}

const tick = (date, minutes) => (minutes > 1440 ? moment(date).replace(/:\d\d(?=\D*$)/, "") : clock(date));

function spanOf(minutes) {
  if (minutes >= 1440) return w.days(minutes / 1440);
  return minutes >= 60 ? w.hours(minutes / 60) : w.minutes(minutes);
}
