// What waits and when it leaves, a small chart for each mailbox.
import { list } from "./api.js";
import { h, svg } from "./dom.js";
import { clock, moment, w } from "./words.js";

const MOST_CALLS = 5; // for each status, of a hundred mails
const MINUTE = 60_000;
const STEPS = [1, 5, 15, 30, 60, 180, 360, 720, 1440, 7 * 1440, 30 * 1440]; // minutes
const MOST_BARS = 30;
const [WIDTH, HEIGHT] = [20, 100]; // of a bar, in units of the drawing

export async function waiting() {
  const kinds = await Promise.all(["queued", "scheduled"].map((status) => list("emails", { status, limit: "100" }, { calls: MOST_CALLS })));
  const mails = kinds.flatMap((kind) => kind.found).filter((mail) => mail.expected_at);
  if (!mails.length) return [h("p.calm", {}, w.nothingWaits)];
  const boxes = new Map();
  for (const mail of mails) {
    const from = mail.from ?? mail.pool; // a pool's mail has its mailbox from its turn on
    boxes.set(from, [...(boxes.get(from) ?? []), new Date(mail.expected_at)]);
  }
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
    h("p.scale", { "aria-hidden": "true" }, w.each(Math.max(...bars), spanOf(step))),
    drawn(bars, `${mailbox}: ${told}`),
    h("p.axis", { "aria-hidden": "true" }, [0, bars.length / 2, bars.length].map((index) => h("span", {}, tick(at(index), step * bars.length)))),
    h("details", {}, h("summary", {}, w.figures), h("table", {}, h("tbody", {}, rows(bars, at)))),
  );
}

/** The bars alone, which stretch with the page; words beside them keep their size. */
function drawn(bars, label) {
  const most = Math.max(...bars);
  const rects = bars.map((count, index) => {
    const high = (count / most) * HEIGHT;
    return count && svg("rect", { x: index * WIDTH + 1, y: HEIGHT - high, width: WIDTH - 2, height: high });
  });
  const box = `0 0 ${bars.length * WIDTH} ${HEIGHT}`;
  return svg("svg", { viewBox: box, preserveAspectRatio: "none", role: "img", "aria-label": label }, rects.filter(Boolean));
}

function rows(bars, at) {
  return bars.map((count, index) => count && h("tr", {}, h("th", { scope: "row" }, moment(at(index))), h("td", {}, String(count))));
}

const tick = (date, minutes) => (minutes > 1440 ? moment(date).replace(/:\d\d(?=\D*$)/, "") : clock(date));

function spanOf(minutes) {
  if (minutes >= 1440) return w.days(minutes / 1440);
  return minutes >= 60 ? w.hours(minutes / 60) : w.minutes(minutes);
}
