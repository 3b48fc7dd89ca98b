"use strict";
/* Asks the questions and draws the answers. A report has its answers with it; the page fetches. */

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MOST_ROWS = 200; // of a table that is read, not searched
// Told apart by lightness too, not by colour alone.
const STATES = {
  loaded: "#2a9d6f", quiet: "#a9d8c3", missing: "#f0b429", outdated: "#d9772b", failed: "#b3202c",
  partial: "#7d6bb5", "under way": "#8c96a3",
};

const FREE = "#3b8fd9";
const PAID = "#e08a2b";

// A song title may hold what Plotly takes for markup.
const plain = (value) => String(value ?? "(none)").replace(/&/g, "&amp;").replace(/</g, "&lt;");
// On a telephone the bars need the room more than the names do.
const short = (text, most = innerWidth < 600 ? 24 : 44) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
const count = (number) => number.toLocaleString("en");
const column = (answer, name) => answer.rows.map((row) => row[answer.columns.indexOf(name)]);

const ranked = (value, ...names) => (answer) => {
  const top = { ...answer, rows: answer.rows.slice(0, 12) };
  const labels = top.rows.map((_, at) =>
    names.map((name) => column(top, name)[at] ?? "(none)").join(" · "));
  return {
    traces: [{
      type: "bar", orientation: "h", x: column(top, value), y: labels.map((_, at) => at),
      text: column(top, value).map(count), customdata: labels.map(plain),
      hovertemplate: "%{customdata}: %{x}<extra></extra>", textposition: "outside", cliponaxis: false,
    }],
    layout: {
      yaxis: {
        tickmode: "array", tickvals: labels.map((_, at) => at), ticktext: labels.map((label) => plain(short(label))),
        autorange: "reversed", automargin: true, showgrid: false,
      },
      xaxis: {
        title: { text: value.replaceAll("_", " ") }, ...whole(column(top, value)),
        // With room for the longest bar's figure.
        range: [0, 1.15 * Math.max(...column(top, value))],
      },
      showlegend: false,
    },
  };
};

const DAY = 864e5;
const day = (text) => Date.parse(text.slice(0, 10) + "T00:00:00Z");
const iso = (moment) => new Date(moment).toISOString().slice(0, 10);

// Every day from the first to the last: one on which nothing happened has no row.
function calendarDays(texts) {
  const first = Math.min(...texts.map(day));
  const last = Math.max(...texts.map(day));
  return Array.from({ length: (last - first) / DAY + 1 }, (_, at) => iso(first + at * DAY));
}

// There is no half user, though an axis of few has room for it.
const whole = (counts) => (Math.max(...counts.map(Math.abs)) <= 6 ? { dtick: 1 } : {});

// Of a few days Plotly would show the hours, and of a single one milliseconds.
const daysAxis = (days) => (days.length > 10 ? { type: "date" } : {
  type: "date", tickformat: "%b %-d\n%Y", dtick: DAY, tick0: days[0],
  range: [iso(day(days[0]) - DAY), iso(day(days.at(-1)) + DAY)],
});

const overTime = (kinds, form = {}) => (answer) => {
  const days = calendarDays(column(answer, "day"));
  const of = Object.fromEntries(answer.rows.map((row) => [row[answer.columns.indexOf("day")], row]));
  const counts = Object.keys(kinds).flatMap((name) => column(answer, name));
  return {
    traces: Object.entries(kinds).map(([name, [title, colour]]) => ({
      type: form.type ?? "bar", mode: "lines+markers", name: title, marker: { color: colour },
      x: days, y: days.map((at) => of[at]?.[answer.columns.indexOf(name)] ?? 0),
    })),
    layout: {
      barmode: "stack", xaxis: daysAxis(days),
      yaxis: { title: { text: form.unit }, rangemode: "tozero", ...whole(counts) },
    },
  };
};

const weekly = (answer) => {
  const plays = WEEKDAYS.map(() => Array(24).fill(0));
  for (const [weekday, hour, count] of answer.rows) plays[weekday][hour] = count;
  const week = [1, 2, 3, 4, 5, 6, 0];
  return {
    traces: [{
      type: "heatmap", z: week.map((weekday) => plays[weekday]), y: week.map((weekday) => WEEKDAYS[weekday]),
      x: [...Array(24).keys()], colorscale: "Viridis", colorbar: { thickness: 12, outlinewidth: 0 },
      hovertemplate: "%{y}, %{x}:00 UTC: %{z} plays<extra></extra>",
    }],
    layout: {
      yaxis: { autorange: "reversed", automargin: true },
      xaxis: { title: { text: "hour, UTC" }, dtick: 3 },
    },
  };
};

const active = (answer) => {
  const of = (period) => answer.rows.filter((row) => row[0] === period);
  return {
    traces: ["day", "week", "month"].map((period) => ({
      type: "scatter", mode: "lines+markers", name: period,
      x: of(period).map((row) => row[1]), y: of(period).map((row) => row[2]),
    })),
    layout: { yaxis: { title: { text: "users" }, rangemode: "tozero" } },
  };
};

const changes = (answer) => {
  const days = calendarDays(column(answer, "changed_at"));
  const changed = (kind) => days.map((at) => answer.rows.filter(
    (row) => row[2] === kind && row[0].startsWith(at)).length);
  const trace = (kind, sign, colour) => ({
    type: "bar", name: kind + "s", marker: { color: colour }, x: days,
    y: changed(kind).map((users) => sign * users), customdata: changed(kind),
    hovertemplate: `%{x}: %{customdata} ${kind}s<extra></extra>`,
  });
  const yaxis = { title: { text: "users, downgrades below" }, ...whole([...changed("upgrade"), ...changed("downgrade")]) };
  return {
    traces: [trace("upgrade", 1, PAID), trace("downgrade", -1, FREE)],
    layout: { barmode: "relative", xaxis: daysAxis(days), yaxis },
  };
};

const lengths = (answer) => ({
  traces: [{
    type: "bar", y: column(answer, "sessions"), customdata: column(answer, "average_minutes"),
    x: answer.rows.map((row) => (row[1] === row[0] ? "1" : row[1] ? `${row[0]}–${row[1]}` : `${row[0]}+`)),
    hovertemplate: "%{x} plays: %{y} sessions of %{customdata} minutes<extra></extra>",
  }],
  layout: {
    xaxis: { type: "category", title: { text: "plays" } }, yaxis: { title: { text: "sessions" } },
    showlegend: false,
  },
});

const share = (answer) => {
  const days = column(answer, "day");
  return {
    traces: [{
      type: "scatter", mode: "lines+markers", x: days,
      y: answer.rows.map((row) => (row[1] ? row[2] / row[1] : null)),
      hovertemplate: "%{x}: %{y:.1%} of plays<extra></extra>",
    }],
    layout: { xaxis: daysAxis(days), yaxis: { tickformat: ".1%", rangemode: "tozero" }, showlegend: false },
  };
};

// The days that are named: some, and each that does not follow on the one before it.
function ticks(days) {
  const apart = Math.ceil(days.length / (innerWidth < 600 ? 3 : 8));
  const named = [];
  days.forEach((text, at) => {
    const leap = at > 0 && day(text) - day(days[at - 1]) > DAY;
    if (leap && at - named.at(-1) < apart) named.pop();
    if (!at || leap || at - named.at(-1) >= apart) named.push(at);
  });
  return named.map((at) => days[at]);
}

const calendar = (answer) => {
  // Only days of which somebody asked an hour: between a source of old and today may lie years.
  const days = [...new Set(column(answer, "hour_start").map((at) => at.slice(0, 10)))];
  const names = Object.keys(STATES);
  const states = days.map(() => Array(24).fill(null));
  const told = days.map(() => Array(24).fill(""));
  for (const [at, state, plays] of answer.rows) {
    const [on, hour] = [days.indexOf(at.slice(0, 10)), Number(at.slice(11, 13))];
    states[on][hour] = names.indexOf(state);
    told[on][hour] = `${at.slice(0, 10)} ${at.slice(11, 16)} UTC: ${state}, ${plays} plays`;
  }
  const scale = Object.values(STATES).flatMap(
    (colour, at) => [[at / names.length, colour], [(at + 1) / names.length, colour]]);
  return {
    traces: [{
      type: "heatmap", x: days, y: [...Array(24).keys()], z: transposed(states),
      text: transposed(told), hovertemplate: "%{text}<extra></extra>", xgap: 1, ygap: 1,
      zmin: -0.5, zmax: names.length - 0.5, colorscale: scale, showscale: false,
    }],
    layout: {
      xaxis: { type: "category", tickmode: "array", tickvals: ticks(days), tickangle: 0 },
      yaxis: { title: { text: "hour, UTC" }, autorange: "reversed", dtick: 6 },
    },
    legend: names.map((name) => [STATES[name], name, column(answer, "state").filter((state) => state === name).length])
      .filter(([, , hours]) => hours),
  };
};
const transposed = (rows) => [...Array(24).keys()].map((hour) => rows.map((row) => row[hour]));

const SECTIONS = {
  "What is listened to": [
    ["most_played_songs", "Most played songs", ranked("plays", "title", "artist")],
    ["most_played_artists", "Most played artists", ranked("plays", "artist")],
    ["rising_songs", "Songs that rise", ranked("rise", "title", "artist")],
    ["songs_the_catalogue_lacks", "Songs the catalogue lacks", ranked("plays", "title", "artist")],
  ],
  "When": [
    ["plays_by_day", "Plays by day",
      overTime({ free_plays: ["free", FREE], paid_plays: ["paid", PAID] }, { unit: "plays" })],
    ["plays_by_weekday_and_hour", "Plays by weekday and hour", weekly],
  ],
  "By whom": [
    ["active_users", "Active users", active],
    ["free_and_paid_users", "Free and paid", overTime(
      { free_users: ["free", FREE], paid_users: ["paid", PAID] }, { unit: "users", type: "scatter" })],
    ["new_and_returning_users", "New and returning", overTime(
      { returning_users: ["returning", "#3aa67a"], new_users: ["new", "#c2557f"] }, { unit: "users" })],
    ["level_changes", "Upgrades and downgrades", changes],
    ["sessions", "Sessions", lengths],
    ["listeners_by_place", "Listeners by place", ranked("users", "place")],
  ],
  "The state of the data": [
    ["hours", "Hours", calendar],
    ["plays_in_the_catalogue", "Plays in the catalogue", share],
    ["check_results", "Check results", overTime(
      { checks: ["all checks", STATES["under way"]], warnings: ["warnings", STATES.missing], failures: ["failures", STATES.failed] },
      { unit: "checks", type: "scatter" })],
    ["rejected_records", "Rejected records", ranked("records", "source_file", "example")],
  ],
};

const report = window.SPARKIFY_REPORT;
let days = {};
let asked = 0;

const address = (name, form) => `answers/${name}.${form}?` + new URLSearchParams(days);

async function answerTo(name) {
  if (report) return report.answers[name];
  const response = await fetch(address(name, "json"));
  const answer = await response.json();
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
  const file = new Blob([csv(answer)], { type: "text/csv" });
  return [link(URL.createObjectURL(file), "CSV", { download: name + ".csv" })];
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

const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
const csv = (answer) => [answer.columns, ...answer.rows]
  .map((row) => row.map((value) => quoted(String(value ?? ""))).join(",") + "\r\n").join("");

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
    element("td", { className: typeof value === "number" ? "number" : "", textContent: value ?? "" }))));
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
    yaxis: { ...axis, ...layout.yaxis },
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
  const { traces, layout, legend = [] } = drawing(answer);
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", `${title}, as a chart; its rows are in the table below`);
  Plotly.newPlot(chart, traces, style(layout), { displayModeBar: false, responsive: true });
  chart.after(element("ul", { className: "legend" }, ...legend.map(([colour, name, hours]) => {
    const swatch = element("span", { ariaHidden: "true" });
    swatch.style.background = colour;
    return element("li", {}, swatch, `${name}: ${count(hours)}`);
  })));
  place.append(table(answer));
}

// What it means that there are no rows, where it is not just that nobody listened.
const NOTHING = {
  check_results: "No check has run yet.",
  level_changes: "Nobody changed the level in this range.",
  rejected_records: "No record was rejected.",
  rising_songs: "No song was played more often than in the week before.",
  songs_the_catalogue_lacks: "The catalogue has all that was played.",
};

const charts = Object.values(SECTIONS).flat();

async function showTotals() {
  const turn = asked;
  // What the warehouse does not answer, the charts say below.
  const answer = await answerTo("totals").catch(() => ({ columns: [] }));
  if (turn !== asked) return;
  document.getElementById("totals").replaceChildren(...answer.columns.map((name, at) => element("div", {},
    element("dt", { textContent: name.replaceAll("_", " ") }),
    element("dd", { textContent: count(answer.rows[0][at] ?? 0) }))));
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
  history.replaceState(null, "", "?" + new URLSearchParams(days));
  return showAll();
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

const minute = (moment) => String(moment ?? "").slice(0, 16).replace("T", " ") + " UTC";

function told(loaded, asOf) {
  const [first, last] = [loaded.first_hour, loaded.last_hour].map((hour) => hour.slice(0, 10));
  const all = `${count(loaded.plays)} plays by ${count(loaded.users)} users are loaded, ` +
    `${first} to ${last}. Data as of ${minute(asOf)}.`;
  const about = report && (report.first || report.last)
    ? ` This is about ${report.first ?? first} to ${report.last ?? last}.` : "";
  // They may lie after the last play, where no range that is picked shows them.
  const mend = loaded.hours_to_mend
    ? ` Hours missing, failed or outdated: ${count(loaded.hours_to_mend)} ("airflow sparkify hours" names them).` : "";
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
    const all = (new Date(to) - new Date(from)) / DAY < 92;
    if (wished.get("first") && wished.get("last")) await pick(wished.get("first"), wished.get("last"));
    else await pick(...usual(loaded, all ? 0 : 28));
  } catch (trouble) {
    said.textContent = trouble.message;
  }
}

begin();
