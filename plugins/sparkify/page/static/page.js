"use strict";
/* Asks the questions and shows the answers. A report has its answers with it; the page fetches. */

const MOST_ROWS = 200; // of a table that is read, not searched

const report = window.SPARKIFY_REPORT;
let days = {};
let asked = 0;

const address = (name, form) => `answers/${name}.${form}?` + new URLSearchParams(days);

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

async function answerTo(name, tries = 3) {
  if (report) return report.answers[name];
  const turn = asked;
  const response = await fetch(address(name, "json"));
  const retryAfter = response.headers.get("Retry-After");
  if (retryAfter && tries && turn === asked) {
    // Not all of the crowd at the same moment.
    await pause(Number(retryAfter) * (0.5 + Math.random()));
    return answerTo(name, tries - 1);
  }
  const answer = await response.json();
  if (response.status === 401 || answer.detail === "Invalid JWT token") {
    // The login has ended: asked for anew, the page leads there, and back to its range.
    location.reload();
    return new Promise(() => {});
  }
  if (!response.ok) throw new Error(typeof answer.detail === "string" ? answer.detail : response.statusText);
  return answer;
}

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function card(name, title) {
  const made = element("article", { className: "card", id: name },
    element("h3", { id: name + "-title", textContent: title }),
    element("p", { textContent: "" }),
    element("p", { className: "cut" }),
    element("div", { className: "chart" }),
    element("p", { className: "note" }),
    element("div", { className: "links" }));
  if (name === "hours") made.classList.add("wide");
  made.setAttribute("aria-labelledby", name + "-title");
  return made;
}

function links(name, title, answer) {
  const link = (href, text, attributes) => {
    const made = element("a", { href, textContent: text, ...attributes });
    made.setAttribute("aria-label", `${text} of ${title}`);
    return made;
  };
  if (!report) {
    const sql = link(address(name, "sql"), "SQL", { onclick: showSql });
    sql.setAttribute("aria-expanded", false);
    return [sql, link(address(name, "csv"), "CSV")];
  }
  const file = new Blob([answer.csv], { type: "text/csv" });
  return [link(URL.createObjectURL(file), "CSV", { download: answer.file })];
}

// In place of the whole page, which Airflow frames: there would be no way back but the browser's.
async function showSql(event) {
  const link = event.currentTarget;
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const place = link.closest(".card");
  const shown = place.querySelector("pre");
  link.setAttribute("aria-expanded", !shown);
  if (shown) {
    shown.remove();
    return;
  }
  const made = element("pre", { tabIndex: 0, textContent: "…", role: "region", ariaLabel: link.ariaLabel });
  link.parentElement.after(made);
  made.textContent = await (await fetch(link.href)).text();
}

function below(summary, name, ...content) {
  const made = element("div", { className: "rows", tabIndex: 0 }, ...content);
  made.setAttribute("role", "region");
  made.setAttribute("aria-label", name);
  return element("details", {}, element("summary", { textContent: summary }), made);
}

function table(answer) {
  const head = element("tr", {}, ...answer.columns.map((name) =>
    element("th", { scope: "col", textContent: name.replaceAll("_", " ") })));
  const rows = answer.rows.slice(0, MOST_ROWS).map((row) => element("tr", {}, ...row.map((value) =>
    element("td", { className: typeof value === "number" ? "number" : "", textContent: typeof value === "boolean" ? (value ? "yes" : "no") : value ?? "" }))));
  const made = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  if (answer.rows.length > MOST_ROWS) {
    made.prepend(element("caption", {
      textContent: `The first ${count(MOST_ROWS)} of ${count(answer.rows.length)} rows; the CSV has them all.`,
    }));
  }
  return below("As a table", "The rows of this chart", made);
}

function style(layout) {
  const css = getComputedStyle(document.documentElement);
  const of = (name) => css.getPropertyValue(name).trim();
  const axis = { gridcolor: of("--line"), zerolinecolor: of("--line"), linecolor: of("--line") };
  return {
    ...layout, margin: { l: 56, r: 12, t: 8, b: 44 }, height: 320, bargap: 0.25,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: of("--ink"), size: 12 }, legend: { orientation: "h", y: 1.12 },
    colorway: [FREE, PAID, "#3aa67a", "#c2557f"],
    xaxis: { ...axis, automargin: true, ...layout.xaxis },
    yaxis: { ...axis, automargin: true, ...layout.yaxis },
  };
}

async function show(name, title, drawing) {
  const turn = asked;
  const place = document.getElementById(name);
  const chart = place.querySelector(".chart");
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await answerTo(name);
    // Another range may have been picked meanwhile.
    if (turn === asked) draw(place, chart, answer, title, drawing);
  } catch (trouble) {
    if (turn === asked) {
      clear(place, chart);
      chart.replaceChildren(element("p", { className: "trouble", textContent: trouble.message }));
      place.querySelector(".links").replaceChildren(...links(name, title));
    }
  }
  if (turn === asked) place.removeAttribute("aria-busy");
}

// What is there of an earlier range.
function clear(place, chart) {
  for (const old of place.querySelectorAll("details, .legend, pre")) old.remove();
  place.querySelector(".note").textContent = "";
  Plotly.purge(chart);
  chart.removeAttribute("role");
  chart.removeAttribute("aria-label");
}

function draw(place, chart, answer, title, drawing) {
  place.querySelector("p").textContent = answer.description;
  place.querySelector(".cut").textContent = answer.cut
    ? `Only the first ${count(answer.rows.length)} rows, in the chart and in the CSV: a shorter range has all of its own.`
    : "";
  clear(place, chart);
  place.querySelector(".links").replaceChildren(...links(place.id, title, answer));
  if (report) place.append(below("SQL", "The SQL of this chart", element("pre", { textContent: answer.sql })));
  if (!answer.rows.length) {
    chart.replaceChildren(element("p", { className: "nothing", textContent: NOTHING[place.id] ?? "Nothing in this range." }));
    return;
  }
  chart.replaceChildren();
  const { traces, layout, labels = [], legend = [], note = "" } = drawing(answer);
  place.querySelector(".note").textContent = labels.length < answer.rows.length && labels.length
    ? `The chart has the first ${labels.length}; the table and the CSV have ${count(answer.rows.length)}.` : note;
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", `${title}, as a chart; its rows are in the table below`);
  Plotly.newPlot(chart, traces, style(layout), { displayModeBar: false, responsive: true });
  nameWhole(chart, labels);
  chart.on("plotly_afterplot", () => nameWhole(chart, labels));
  chart.after(element("ul", { className: "legend" }, ...legend.map(([colour, name, hours]) => {
    const swatch = element("span", { ariaHidden: "true" });
    swatch.style.background = colour;
    return element("li", {}, swatch, `${name}: ${count(hours)}`);
  })));
  place.append(table(answer));
}

// A label that is cut says all of itself to whoever points at it.
function nameWhole(chart, labels) {
  chart.querySelectorAll(".ytick text").forEach((tick, at) => {
    if (!labels[at] || tick.querySelector("title")) return;
    const title = document.createElementNS(tick.namespaceURI, "title");
    title.textContent = labels[at];
    tick.append(title);
    tick.style.pointerEvents = "all";
  });
}

const charts = Object.values(SECTIONS).flat();

async function showTotals() {
  const turn = asked;
  // What the warehouse does not answer, the charts say below.
  const answer = await answerTo("totals").catch(() => ({ columns: [] }));
  if (turn !== asked) return;
  document.getElementById("totals").replaceChildren(...answer.columns.map((name, at) => element("div", {},
    element("dt", { textContent: name.replaceAll("_", " ") }),
    element("dd", { textContent: answer.rows[0][at] === null ? "–" : count(answer.rows[0][at]) }))));
  const nothing = answer.rows && !answer.rows[0][0] ? "Nothing was played in this range. " : "";
  document.getElementById("meaning").textContent = nothing + (answer.description ?? "");
}

function showAll() {
  asked += 1;
  return Promise.all([showTotals(), ...charts.map((chart) => show(...chart))]);
}

function pick(first, last) {
  const form = document.forms.range;
  days = { first, last };
  [form.first.value, form.last.value] = [first, last];
  press();
  keep("?" + new URLSearchParams(days));
  return showAll();
}

// Whoever is sent the link, or reloads it, sees the same range.
function keep(query) {
  history.replaceState(null, "", query);
  try {
    // Airflow's own address ends with that of the page it frames; relative ones it takes from its root.
    const { history, location: outer } = parent;
    if (parent !== window && outer.pathname.endsWith(location.pathname)) {
      history.replaceState(history.state, "", outer.pathname + query);
    }
  } catch { /* framed by another site: its address is its own */ }
}

const before = (day, count) => {
  const moved = new Date(day + "T00:00:00Z");
  moved.setUTCDate(moved.getUTCDate() - count);
  return moved.toISOString().slice(0, 10);
};

function usual(loaded, count) {
  const [from, to] = [loaded.first_hour.slice(0, 10), loaded.last_hour.slice(0, 10)];
  const first = count ? before(to, count - 1) : from;
  return [first < from ? from : first, to];
}

// Shows which of the usual ranges it is, if it is one.
let press = () => {};

function listen(loaded) {
  const form = document.forms.range;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const backwards = form.first.value > form.last.value;
    form.last.setCustomValidity(backwards ? "The last day is before the first." : "");
    if (form.reportValidity()) pick(form.first.value, form.last.value);
  });
  form.addEventListener("input", () => form.last.setCustomValidity(""));
  const buttons = [...form.querySelectorAll("[data-days]")];
  const range = (button) => usual(loaded, Number(button.dataset.days));
  for (const button of buttons) button.addEventListener("click", () => pick(...range(button)));
  press = () => {
    // Where little is loaded, a year and all of it are the same days.
    const it = buttons.findLast((button) => String(range(button)) === String([days.first, days.last]));
    for (const button of buttons) button.setAttribute("aria-pressed", button === it);
  };
}

function theme() {
  let dark = matchMedia("(prefers-color-scheme: dark)").matches;
  try {
    // Airflow's own switch, when it frames this page.
    const chosen = parent !== window && parent.document.documentElement.classList;
    if (chosen && (chosen.contains("dark") || chosen.contains("light"))) dark = chosen.contains("dark");
  } catch { /* framed by another site: the system's theme it is */ }
  return dark ? "dark" : "light";
}

function followTheme() {
  const root = document.documentElement;
  const follow = () => {
    if (root.dataset.theme === theme()) return;
    root.dataset.theme = theme();
    for (const chart of document.querySelectorAll(".js-plotly-plot")) {
      Plotly.react(chart, chart.data, style(chart.layout));
    }
  };
  follow();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", follow);
  try {
    new MutationObserver(follow).observe(parent.document.documentElement, { attributeFilter: ["class"] });
  } catch { /* as above */ }
}

function lay() {
  for (const [title, cards] of Object.entries(SECTIONS)) {
    const id = title.toLowerCase().replaceAll(" ", "-");
    document.querySelector("nav").append(element("a", { href: "#" + id, textContent: title }));
    document.querySelector("main").append(
      element("h2", { id, textContent: title }),
      element("div", { className: "cards" }, ...cards.map(([name, heading]) => card(name, heading))));
  }
}

function told(loaded, asOf) {
  const [first, last] = [loaded.first_hour, loaded.last_hour].map((hour) => hour.slice(0, 10));
  const all = `${count(loaded.plays)} plays by ${count(loaded.users)} users are loaded, ` +
    `${first} to ${last}, from ${loaded.source ?? "an unknown source"}. Data as of ${minute(asOf)}.`;
  const about = report && (report.first || report.last)
    ? ` This is about ${report.first ?? first} to ${report.last ?? last}.` : "";
  // They may lie after the last play, where no range that is picked shows them.
  const mend = loaded.hours_to_mend
    ? ` Hours missing, failed, outdated, damaged or loaded in part, as of the last load at ${minute(loaded.hours_seen_at)}: ` +
      `${count(loaded.hours_to_mend)} ("airflow sparkify hours" names them, and compares with the files as they are now).` : "";
  return all + about + mend + (report ? ` Written ${minute(report.at)}.` : "");
}

async function begin() {
  followTheme();
  lay();
  // A report is about the range that it was written for.
  if (report) document.forms.range.remove();
  const said = document.getElementById("loaded");
  try {
    const answer = await answerTo("what_is_loaded");
    const loaded = Object.fromEntries(answer.columns.map((name, at) => [name, answer.rows[0][at]]));
    if (!loaded.first_hour) {
      said.textContent = "Nothing is loaded yet: run the DAG sparkify.";
      return;
    }
    said.textContent = told(loaded, answer.data_as_of);
    if (report) {
      await showAll();
      return;
    }
    listen(loaded);
    const wished = new URLSearchParams(location.search);
    const [from, to] = usual(loaded, 0);
    const [first, last] = ["first", "last"].map((name) => /^\d{4}-\d\d-\d\d$/.exec(wished.get(name))?.[0]);
    const all = (new Date(to) - new Date(from)) / DAY < 92;
    await pick(...(first || last ? [first ?? from, last ?? to] : usual(loaded, all ? 0 : 28)));
  } catch (trouble) {
    said.textContent = trouble.message;
  }
}

begin();
