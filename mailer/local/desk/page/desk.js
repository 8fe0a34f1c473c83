// The template desk: asks the server for templates and mails, and again when a file is saved or a sample is edited.

const VIEWS = { sample: "Sample", wide: "Wide", narrow: "Narrow", dark: "Dark", bare: "Images off", text: "Text", source: "Source" };
const FRAMES = { wide: ["light", 800], narrow: ["light", 375], dark: ["dark", 800], bare: ["bare", 800] };
const SIZES = [["0.5", "50 %"], ["0.7", "70 %"], ["1", "100 %"]];
const TYPING = 250; // milliseconds without a key before a mail is drawn anew

const at = (selector, within = document) => within.querySelector(selector);
const wishes = { views: Object.keys(VIEWS), size: "0.7", ...JSON.parse(localStorage.getItem("wishes") ?? "{}") };
const edited = new Map(); // what somebody typed in place of a sample, by template and language
let mails = [];

/** One template in one language: its row on the page, and the drawing of it. */
class Mail {
  constructor(template, { locale, sample }) {
    Object.assign(this, { id: template.id, locale, sample, key: `${template.id} ${locale}`, drawings: 0, seen: false });
    this.row = at("#mail").content.firstElementChild.cloneNode(true);
    this.editor = at("textarea", this.row);
    at(".locale", this.row).textContent = locale;
    at(".strip", this.row).setAttribute("aria-label", `${template.id} in ${locale}`);
    this.editor.setAttribute("aria-label", `Sample of ${template.id} in ${locale}`);
    for (const [view, [, width]] of Object.entries(FRAMES)) {
      const frame = element("iframe", { title: `${template.id}, ${locale}, ${VIEWS[view]}`, width, height: 900 });
      // Measured from here, which needs the same origin; without allow-scripts nothing runs in it.
      frame.sandbox = "allow-same-origin";
      frame.addEventListener("load", () => fit(frame));
      at(`[data-view=${view}]`, this.row).append(element("div", { className: "frame" }, frame));
    }
    let timer;
    this.editor.addEventListener("input", () => {
      edited.set(this.key, this.editor.value);
      clearTimeout(timer);
      timer = setTimeout(() => this.draw(), TYPING);
    });
    at(".reset", this.row).addEventListener("click", () => {
      edited.delete(this.key);
      this.update(template, { sample: this.sample });
    });
    this.update(template, { sample });
  }

  /** Take over what is saved; what somebody has typed stays. */
  update(template, { sample }) {
    this.sample = sample;
    const text = edited.get(this.key) ?? sample;
    if (this.editor.value !== text) this.editor.value = text;
    at("summary", this.row).textContent = `${template.variables.length} variables`;
    at("tbody", this.row).replaceChildren(...template.variables.map((variable) => {
      const type = variable.optional ? `${variable.type}, optional` : variable.type;
      return element("tr", { title: variable.description ?? "" }, element("td", {}, variable.path), element("td", {}, type));
    }));
    if (this.seen) this.draw();
  }

  async draw() {
    this.seen = true;
    at(".reset", this.row).hidden = !edited.has(this.key);
    const drawing = ++this.drawings;
    const address = `/templates/${encodeURIComponent(this.id)}/mail?locale=${encodeURIComponent(this.locale)}`;
    const answer = await fetch(address, { method: "POST", body: this.editor.value });
    const mail = await answer.json();
    if (drawing !== this.drawings) return; // a newer one is under way
    const problems = mail.problems ?? [];
    this.row.dataset.state = problems.length ? "wrong" : "drawn";
    at(".problems", this.row).replaceChildren(...problems.map(({ target, message }) =>
      element("li", {}, ...(target ? [element("code", {}, target)] : []), message)));
    if (problems.length) return; // the last good mail stays
    at(".subject", this.row).textContent = mail.subject;
    for (const [view, [pane]] of Object.entries(FRAMES)) {
      const frame = at(`[data-view=${view}] iframe`, this.row);
      if (frame.srcdoc !== mail.panes[pane]) frame.srcdoc = mail.panes[pane];
    }
    at("[data-view=text] pre", this.row).textContent = mail.text;
    at("[data-view=source] pre", this.row).textContent = mail.source;
    at("[data-view=source] small", this.row).textContent = `${Math.ceil(new Blob([mail.source]).size / 1024)} KB`;
  }
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Give a frame the height of its mail, and the size that is wished for. */
function fit(frame) {
  if (!frame.getClientRects().length) return; // not shown
  const box = frame.parentElement;
  if (frame.srcdoc) {
    frame.height = 0; // or it would never shrink
    frame.height = Math.max(frame.contentDocument?.documentElement.scrollHeight ?? 0, 80);
  }
  frame.style.transform = `scale(${wishes.size})`;
  box.style.width = `${Math.round(frame.width * wishes.size)}px`;
  box.style.height = `${Math.round(frame.height * wishes.size)}px`;
}

/** Show the views and the size that are wished for. */
function arrange() {
  localStorage.setItem("wishes", JSON.stringify(wishes));
  for (const button of document.querySelectorAll("#views button")) button.ariaPressed = wishes.views.includes(button.value);
  for (const button of document.querySelectorAll("#sizes button")) button.ariaPressed = wishes.size === button.value;
  for (const pane of document.querySelectorAll(".pane")) pane.hidden = !wishes.views.includes(pane.dataset.view);
  for (const frame of document.querySelectorAll("iframe")) fit(frame);
}

function choice(value, label, choose) {
  const button = element("button", { type: "button", value }, label);
  button.addEventListener("click", () => {
    choose(value);
    arrange();
  });
  return button;
}

// Mails far down are drawn when they come near.
const watcher = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    const mail = mails.find(({ row }) => row === target);
    if (isIntersecting && mail && !mail.seen) mail.draw();
  }
}, { rootMargin: "800px" });

// The list on the left marks the template at the top of the window.
const reader = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    for (const link of document.querySelectorAll("#list a")) {
      if (link.hash === `#${target.id}`) link.ariaCurrent = "true";
      else link.removeAttribute("aria-current");
    }
  }
}, { rootMargin: "-100px 0px -75% 0px" });

function section(template, kept) {
  const made = at("#section").content.firstElementChild.cloneNode(true);
  made.id = `template-${template.id}`; // the page has ids of its own
  at("h2", made).textContent = template.id;
  for (const one of template.mails) {
    const mail = kept.get(`${template.id} ${one.locale}`) ?? new Mail(template, one);
    mails.push(mail);
    at(".mails", made).append(mail.row);
  }
  return made;
}

function link({ id, faults }) {
  const count = faults.length ? [element("span", { className: "count", title: "faults" }, String(faults.length))] : [];
  return element("a", { href: `#template-${id}` }, id, ...count);
}

async function load() {
  const { folder, templates, faults } = await (await fetch("/templates")).json();
  at("#folder").textContent = folder;
  const shown = JSON.stringify(templates.flatMap(({ id, mails: all }) => all.map(({ locale }) => `${id} ${locale}`)));
  if (at("#desk").dataset.shown !== shown) {
    const kept = new Map(mails.map((mail) => [mail.key, mail]));
    mails = [];
    at("#desk").replaceChildren(...templates.map((template) => section(template, kept)));
    at("#desk").dataset.shown = shown;
    if (!templates.length) at("#desk").append(element("p", { className: "nothing" }, "There is no template in this folder."));
    mails.forEach(({ row }) => watcher.observe(row));
    for (const one of document.querySelectorAll("section")) reader.observe(one);
  }
  at("#list").replaceChildren(...templates.map(link));
  for (const template of templates) {
    const all = [...template.faults, ...faults];
    at(".faults", document.getElementById(`template-${template.id}`)).replaceChildren(...all.map((fault) => element("li", {}, fault)));
    for (const one of template.mails) mails.find(({ key }) => key === `${template.id} ${one.locale}`).update(template, one);
  }
  arrange();
}

function live() {
  const show = (state, words) => Object.assign(at("#live"), { textContent: words }).setAttribute("data-state", state);
  const changes = new EventSource("/changes");
  changes.addEventListener("open", () => {
    show("live", "redrawn when a file is saved");
    load(); // which may have changed meanwhile
  });
  changes.addEventListener("message", load);
  changes.addEventListener("error", () => show("lost", "the desk has stopped"));
}

for (const [view, label] of Object.entries(VIEWS)) {
  at("#views").append(choice(view, label, () => {
    wishes.views = Object.keys(VIEWS).filter((one) => (one === view) !== wishes.views.includes(one));
  }));
}
for (const [size, label] of SIZES) {
  at("#sizes").append(choice(size, label, () => {
    wishes.size = size;
  }));
}
live();
