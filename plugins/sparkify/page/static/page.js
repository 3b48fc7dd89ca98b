"use strict";
/* Shows the answers to the questions: a report contains them, the page fetches them. */

const MAX_TABLE_ROWS = 200; // the table is for reading, not for searching

const report = window.SPARKIFY_REPORT;
let filters = {};
let generation = 0;

const address = (name, form) => `answers/${name}.${form}?` + new URLSearchParams(filters);

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

async function fetchAnswer(name, tries = 3) {
  if (report) return report.answers[name];
  const started = generation;
  const response = await fetch(address(name, "json"));
  const retryAfter = response.headers.get("Retry-After");
  if (retryAfter && tries && started === generation) {
    // Jitter, so that clients do not retry at once.
    await pause(Number(retryAfter) * (0.5 + Math.random()));
    return fetchAnswer(name, tries - 1);
  }
  const answer = await response.json();
  if (response.status === 401 || answer.detail === "Invalid JWT token") {
    // The session expired: a reload leads to the login, and back to this range.
    location.reload();
    return new Promise(() => {});
  }
  if (!response.ok) throw new Error(typeof answer.detail === "string" ? answer.detail : response.statusText);
  return answer;
}

function element(name, attributes = {}, ...children) {
  const node = Object.assign(document.createElement(name), attributes);
  node.append(...children);
  return node;
}

function card(name, title, drawing) {
  const node = element("article", { className: "card", id: name },
    element("h3", { id: name + "-title", textContent: title }),
    element("p", { textContent: "" }),
    element("p", { className: "cut" }),
    element("div", { className: "chart" }),
    element("p", { className: "note" }),
    element("div", { className: "links" }));
  if (name === "hours" || drawing === AS_TABLE) node.classList.add("wide");
  node.setAttribute("aria-labelledby", name + "-title");
  return node;
}

function links(name, title, answer) {
  const link = (href, text, attributes) => {
    const node = element("a", { href, textContent: text, ...attributes });
    node.setAttribute("aria-label", `${text} of ${title}`);
    return node;
  };
  if (!report) {
    const sql = link(address(name, "sql"), "SQL", { onclick: showSql });
    sql.setAttribute("aria-expanded", false);
    return [sql, link(address(name, "csv"), "CSV")];
  }
  const file = new Blob([answer.csv], { type: "text/csv" });
  return [link(URL.createObjectURL(file), "CSV", { download: answer.file })];
}

// Inline, as in Airflow's frame the link would replace the page without a way back.
async function showSql(event) {
  const link = event.currentTarget;
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const place = link.closest(".card");
  const open = place.querySelector("pre");
  link.setAttribute("aria-expanded", !open);
  if (open) {
    open.remove();
    return;
  }
  const node = element("pre", { tabIndex: 0, textContent: "…", role: "region", ariaLabel: link.ariaLabel });
  link.parentElement.after(node);
  node.textContent = await (await fetch(link.href)).text();
}

function region(name, ...content) {
  const node = element("div", { className: "rows", tabIndex: 0 }, ...content);
  node.setAttribute("role", "region");
  node.setAttribute("aria-label", name);
  return node;
}

const disclosure = (label, content) => element("details", {}, element("summary", { textContent: label }), content);

function table(answer) {
  const head = element("tr", {}, ...answer.columns.map((name) =>
    element("th", { scope: "col", textContent: name.replaceAll("_", " ") })));
  const rows = answer.rows.slice(0, MAX_TABLE_ROWS).map((row) => element("tr", {}, ...row.map((value) =>
    element("td", { className: typeof value === "number" ? "number" : "", textContent: typeof value === "boolean" ? (value ? "yes" : "no") : value ?? "" }))));
  const node = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  if (answer.rows.length > MAX_TABLE_ROWS) {
    node.prepend(element("caption", {
      textContent: `The first ${count(MAX_TABLE_ROWS)} of ${count(answer.rows.length)} rows; the CSV has them all.`,
    }));
  }
  return node;
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
  const started = generation;
  const place = document.getElementById(name);
  const chart = place.querySelector(".chart");
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetchAnswer(name);
    // Another range may have been picked since.
    if (started === generation) draw(place, chart, answer, title, drawing);
    if (name === "listeners_by_place" && !filters.place) offerPlaces(column(answer, "place"));
  } catch (error) {
    if (started === generation) {
      clear(place, chart);
      chart.replaceChildren(element("p", { className: "error", textContent: error.message }));
      place.querySelector(".links").replaceChildren(...links(name, title));
    }
  }
  if (started === generation) place.removeAttribute("aria-busy");
}

// Those of the range: any other place can be typed.
function offerPlaces(places) {
  document.getElementById("places")?.replaceChildren(...places.map((value) => element("option", { value })));
}

// Removes what an earlier range left.
function clear(place, chart) {
  for (const old of place.querySelectorAll("details, .legend, pre")) old.remove();
  place.querySelector(".note").textContent = "";
  Plotly.purge(chart);
  chart.removeAttribute("role");
  chart.removeAttribute("aria-label");
}

function draw(place, chart, answer, title, drawing) {
  place.querySelector("p").textContent = answer.description + (answer.unfiltered ? " Of all levels and places." : "");
  place.querySelector(".cut").textContent = answer.cut
    ? `Only the first ${count(answer.rows.length)} rows are in the chart and the CSV; a shorter range has all its rows.`
    : "";
  clear(place, chart);
  place.querySelector(".links").replaceChildren(...links(place.id, title, answer));
  if (report) place.append(disclosure("SQL", region("The SQL of this chart", element("pre", { textContent: answer.sql }))));
  if (!answer.rows.length) {
    chart.replaceChildren(element("p", { className: "nothing", textContent: NOTHING[place.id] ?? "Nothing in this range." }));
    return;
  }
  if (drawing === AS_TABLE) {
    chart.replaceChildren(region(title, table(answer)));
    return;
  }
  chart.replaceChildren();
  const { traces, layout, labels = [], legend = [], note = "" } = drawing(answer);
  place.querySelector(".note").textContent = labels.length < answer.rows.length && labels.length
    ? `The chart has the first ${labels.length}; the table and the CSV have ${count(answer.rows.length)}.` : note;
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", `Chart of ${title}; the table below has its rows`);
  Plotly.newPlot(chart, traces, style(layout), { displayModeBar: false, responsive: true });
  addTooltips(chart, labels);
  chart.on("plotly_afterplot", () => addTooltips(chart, labels));
  chart.after(element("ul", { className: "legend" }, ...legend.map(([colour, name, hours]) => {
    const swatch = element("span", { ariaHidden: "true" });
    swatch.style.background = colour;
    return element("li", {}, swatch, `${name}: ${count(hours)}`);
  })));
  place.append(disclosure("As a table", region("The rows of this chart", table(answer))));
}

// Shows the full text of a truncated label on hover.
function addTooltips(chart, labels) {
  chart.querySelectorAll(".ytick text").forEach((tick, at) => {
    if (!labels[at] || tick.querySelector("title")) return;
    const title = document.createElementNS(tick.namespaceURI, "title");
    title.textContent = labels[at];
    tick.append(title);
    tick.style.pointerEvents = "all";
  });
}

const charts = Object.values(SECTIONS).flat();

const listeners = ({ level, place }) => [level && `at level ${level}`, place && `from ${place}`].filter(Boolean).join(" ");

function total(name, value) {
  const share = { style: "percent", maximumSignificantDigits: 3 };
  const text = name.endsWith("_rate") ? value?.toLocaleString("en", share) : value?.toLocaleString("en");
  return element("div", {},
    element("dt", { textContent: name.replaceAll("_", " ") }), element("dd", { textContent: text ?? "–" }));
}

async function showTotals() {
  const started = generation;
  // The charts show the errors of the warehouse.
  const answers = await Promise.all(TOTALS.map((name) => fetchAnswer(name).catch(() => ({ columns: [] }))));
  if (started !== generation) return;
  document.getElementById("totals").replaceChildren(
    ...answers.flatMap(({ columns, rows }) => columns.map((name, at) => total(name, rows[0][at]))));
  const nothing = answers[0].rows && !answers[0].rows[0][0] ? "Nothing was played in this range." : "";
  const chosen = listeners(report?.filters ?? filters);
  const only = chosen && `Only plays ${chosen} count, as if there were no others.`;
  document.getElementById("meaning").textContent =
    [nothing, only, ...answers.map((answer) => answer.description)].filter(Boolean).join(" ");
}

function showAll() {
  generation += 1;
  return Promise.all([showTotals(), ...charts.map((chart) => show(...chart))]);
}

function pick(first, last) {
  const form = document.forms.filters;
  [form.first.value, form.last.value] = [first, last];
  filters = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
  markPreset();
  updateLink("?" + new URLSearchParams(filters));
  return showAll();
}

// A shared or reloaded link shows the same.
function updateLink(query) {
  history.replaceState(null, "", query);
  try {
    // Airflow's address ends with that of the framed page, but it resolves relative ones from its root.
    const { history, location: outer } = parent;
    if (parent !== window && outer.pathname.endsWith(location.pathname)) {
      history.replaceState(history.state, "", outer.pathname + query);
    }
  } catch { /* framed by another site: leave its address alone */ }
}

const before = (day, count) => {
  const moved = new Date(day + "T00:00:00Z");
  moved.setUTCDate(moved.getUTCDate() - count);
  return moved.toISOString().slice(0, 10);
};

function presetRange(loaded, count) {
  const [from, to] = [loaded.first_hour.slice(0, 10), loaded.last_hour.slice(0, 10)];
  const first = count ? before(to, count - 1) : from;
  return [first < from ? from : first, to];
}

// Highlights the preset of the current range, if any.
let markPreset = () => {};

function bindForm(loaded) {
  const form = document.forms.filters;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const backwards = form.first.value > form.last.value;
    form.last.setCustomValidity(backwards ? "The last day is before the first." : "");
    if (form.reportValidity()) pick(form.first.value, form.last.value);
  });
  form.addEventListener("input", () => form.last.setCustomValidity(""));
  const buttons = [...form.querySelectorAll("[data-days]")];
  const range = (button) => presetRange(loaded, Number(button.dataset.days));
  for (const button of buttons) button.addEventListener("click", () => pick(...range(button)));
  markPreset = () => {
    // With little data, one year and all of it are the same days.
    const current = buttons.findLast((button) => String(range(button)) === String([filters.first, filters.last]));
    for (const button of buttons) button.setAttribute("aria-pressed", button === current);
  };
}

function theme() {
  let dark = matchMedia("(prefers-color-scheme: dark)").matches;
  try {
    // Airflow's own setting, if it frames this page.
    const chosen = parent !== window && parent.document.documentElement.classList;
    if (chosen && (chosen.contains("dark") || chosen.contains("light"))) dark = chosen.contains("dark");
  } catch { /* framed by another site: use the system's theme */ }
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

function buildPage() {
  for (const [title, cards] of Object.entries(SECTIONS)) {
    const id = title.toLowerCase().replaceAll(" ", "-");
    document.querySelector("nav").append(element("a", { href: "#" + id, textContent: title }));
    document.querySelector("main").append(
      element("h2", { id, textContent: title }),
      element("div", { className: "cards" }, ...cards.map((one) => card(...one))));
  }
}

function summary(loaded, asOf) {
  const [first, last] = [loaded.first_hour, loaded.last_hour].map((hour) => hour.slice(0, 10));
  const all = `${count(loaded.plays)} plays by ${count(loaded.users)} users are loaded, ` +
    `${first} to ${last}, from ${loaded.source ?? "an unknown source"}. Data as of ${toMinute(asOf)}.`;
  const limited = report && Object.values(report.filters).some(Boolean);
  const covered = limited
    ? ` This report covers ${[`${report.filters.first ?? first} to ${report.filters.last ?? last}`, listeners(report.filters)].filter(Boolean).join(", ")}.` : "";
  // They may be after the last play, where no preset range shows them.
  const incomplete = loaded.hours_to_repair
    ? ` Hours that need action, as of the last load at ${toMinute(loaded.hours_seen_at)}: ` +
      `${count(loaded.hours_to_repair)} ("airflow sparkify hours" lists them, compared with the current files).` : "";
  return all + covered + incomplete + (report ? ` Written ${toMinute(report.at)}.` : "");
}

async function start() {
  followTheme();
  buildPage();
  // A report has its filters in its answers.
  if (report) document.forms.filters.remove();
  const status = document.getElementById("loaded");
  try {
    const answer = await fetchAnswer("what_is_loaded");
    const loaded = Object.fromEntries(answer.columns.map((name, at) => [name, answer.rows[0][at]]));
    if (!loaded.first_hour) {
      status.textContent = "Nothing is loaded yet: run the sparkify DAG.";
      return;
    }
    status.textContent = summary(loaded, answer.data_as_of);
    if (report) {
      await showAll();
      return;
    }
    bindForm(loaded);
    const params = new URLSearchParams(location.search);
    for (const name of ["level", "place"]) document.forms.filters[name].value = params.get(name) ?? "";
    const [from, to] = presetRange(loaded, 0);
    const [first, last] = ["first", "last"].map((name) => /^\d{4}-\d\d-\d\d$/.exec(params.get(name))?.[0]);
    const all = (new Date(to) - new Date(from)) / DAY < 92;
    await pick(...(first || last ? [first ?? from, last ?? to] : presetRange(loaded, all ? 0 : 28)));
  } catch (error) {
    status.textContent = error.message;
  }
}

start();
