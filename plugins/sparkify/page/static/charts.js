"use strict";
/* Draws each answer, or says why there is nothing to draw. */

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
// Differ in lightness too, not only in colour.
const STATES = {
  loaded: "#2a9d6f", quiet: "#a9d8c3", missing: "#f0b429", outdated: "#d9772b", failed: "#b3202c",
  damaged: "#8a1538", abandoned: "#c2515a", partial: "#7d6bb5", early: "#9c90c4", "under way": "#8c96a3",
};

const FREE = "#3b8fd9";
const PAID = "#e08a2b";

// Plotly would interpret markup in a song title.
const escaped = (value) => String(value ?? "(none)").replace(/&/g, "&amp;").replace(/</g, "&lt;");
// Plotly would let a long title run out of the window.
const wrapped = (text, width = 60) => escaped(text).replace(new RegExp(`(.{${width}}\\S*)\\s`, "g"), "$1<br>");
// On a phone the bars need the room more than the names.
const short = (text, length = innerWidth < 600 ? 24 : 44) => (text.length > length ? text.slice(0, length - 1) + "…" : text);
const count = (number) => number.toLocaleString("en");
const column = (answer, name) => answer.rows.map((row) => row[answer.columns.indexOf(name)]);

const ranked = (value, ...names) => (answer) => {
  const top = { ...answer, rows: answer.rows.slice(0, 12) };
  const labels = top.rows.map((_, at) =>
    names.map((name) => column(top, name)[at] ?? "(none)").join(" · "));
  return {
    labels,
    traces: [{
      type: "bar", orientation: "h", x: column(top, value), y: labels.map((_, at) => at),
      text: column(top, value).map(count), customdata: labels.map((label) => wrapped(label)),
      hovertemplate: `%{customdata}: %{x:,} ${value.replaceAll("_", " ")}<extra></extra>`,
      textposition: "outside", cliponaxis: false,
    }],
    layout: {
      yaxis: {
        tickmode: "array", tickvals: labels.map((_, at) => at), ticktext: labels.map((label) => escaped(short(label))),
        autorange: "reversed", showgrid: false,
      },
      xaxis: {
        title: { text: value.replaceAll("_", " ") }, ...integerTicks(column(top, value)),
        // Room for the number at the longest bar.
        range: [0, 1.15 * Math.max(...column(top, value))],
      },
      showlegend: false,
    },
  };
};

const DAY = 864e5;
const day = (text) => Date.parse(text.slice(0, 10) + "T00:00:00Z");
const iso = (moment) => new Date(moment).toISOString().slice(0, 10);

// Every day from the first to the last, including those without a row.
function calendarDays(texts) {
  const first = Math.min(...texts.map(day));
  const last = Math.max(...texts.map(day));
  return Array.from({ length: (last - first) / DAY + 1 }, (_, at) => iso(first + at * DAY));
}

// Without fractions on an axis of small counts.
const integerTicks = (counts) => (Math.max(...counts.map(Math.abs)) <= 6 ? { dtick: 1 } : {});

// For a few days Plotly would show hours, and for a single one milliseconds.
const daysAxis = (days) => ({
  type: "date", title: { text: "day, UTC" }, ...(days.length > 10 ? {} : {
    tickformat: "%b %-d\n%Y", dtick: DAY, tick0: days[0],
    range: [iso(day(days[0]) - DAY), iso(day(days.at(-1)) + DAY)],
  }),
});

// Plotly derives the width from the distance of two bars: a millisecond for a single one.
const bars = (at = 0, perDay = 1) => {
  const width = 0.75 * DAY / perDay;
  return { type: "bar", width, offset: (at - perDay / 2) * width };
};
// A line needs at least three days.
const line = (days, ...position) => (days.length < 3 ? bars(...position) : { type: "scatter", mode: "lines+markers" });
const DAY_LABEL = "%{x|%a %-d %b %Y}%{customdata}: ";

// Marks the day that is not completely loaded yet.
function partialDays(answer, days) {
  const [on, at] = [String(answer.data_as_of).slice(0, 10), String(answer.data_as_of).slice(11, 16)];
  return days.map((day) => (day === on && at !== "00:00" ? ` until ${at} UTC` : ""));
}

const overTime = (kinds, form = {}) => (answer) => {
  const days = calendarDays(column(answer, "day"));
  const rowOf = Object.fromEntries(answer.rows.map((row) => [row[answer.columns.indexOf("day")], row]));
  const counts = Object.keys(kinds).flatMap((name) => column(answer, name));
  const partial = form.unit === "checks" ? days.map(() => "") : partialDays(answer, days);
  return {
    traces: Object.entries(kinds).map(([name, [title, colour]], at, { length }) => ({
      ...(form.lines ? line(days, at, length) : bars()), name: title, customdata: partial,
      marker: { color: colour, opacity: partial.map((part) => (part ? 0.5 : 1)) },
      hovertemplate: `${DAY_LABEL}%{y:,} ${form.unit}, ${title}<extra></extra>`,
      x: days, y: days.map((at) => rowOf[at]?.[answer.columns.indexOf(name)] ?? 0),
    })),
    layout: {
      barmode: form.lines ? "group" : "stack", xaxis: daysAxis(days),
      yaxis: { title: { text: form.unit }, rangemode: "tozero", ...integerTicks(counts) },
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
      x: [...Array(24).keys()], colorscale: "Viridis", colorbar: { thickness: 12, outlinewidth: 0, title: { text: "plays" } },
      hovertemplate: "%{y}, %{x}:00 to %{x}:59 UTC: %{z:,} plays<extra></extra>",
    }],
    layout: {
      yaxis: { autorange: "reversed" },
      xaxis: { title: { text: "hour, UTC" }, dtick: 3 },
    },
  };
};

// A period that is only partly in the range, or partly loaded, has a hollow point.
const active = (answer) => {
  const colours = { day: FREE, week: PAID, month: "#3aa67a" };
  const periods = Object.keys(colours).map((period) => [period, answer.rows.filter((row) => row[0] === period)]);
  const few = periods.every(([, rows]) => rows.length < 2);
  const part = ([, , , partial, days, all]) => (partial ? ` (partial: ${days} of ${all} days)` : "");
  return {
    traces: periods.map(([period, rows]) => ({
      ...(few ? { type: "bar" } : { type: "scatter", mode: "lines+markers" }), name: period,
      x: rows.map((row) => (few ? `${period} of ${row[1]}${row[3] ? "<br>partial" : ""}` : row[1])),
      y: rows.map((row) => row[2]), customdata: rows.map((row) => `${period} of ${row[1]}${part(row)}`),
      hovertemplate: "%{y:,} users in the %{customdata}<extra></extra>",
      marker: {
        color: colours[period], size: 8, symbol: rows.map((row) => (row[3] ? "circle-open" : "circle")),
        opacity: few ? rows.map((row) => (row[3] ? 0.5 : 1)) : 1,
      },
    })),
    layout: {
      yaxis: { title: { text: "users" }, rangemode: "tozero", ...integerTicks(column(answer, "users")) },
      xaxis: few ? { type: "category" } : { type: "date", title: { text: "first day of the period, UTC" } },
      showlegend: !few,
    },
    note: answer.rows.some((row) => row[3])
      ? `${few ? "Pale bars" : "Hollow points"} are partial: some days of that week or month are outside the range or not loaded.` : "",
  };
};

const changes = (answer) => {
  const days = calendarDays(column(answer, "changed_at"));
  const changed = (kind) => days.map((at) => answer.rows.filter(
    (row) => row[2] === kind && row[0].startsWith(at)).length);
  const trace = (kind, sign, colour) => ({
    ...bars(), name: kind + "s", marker: { color: colour }, x: days,
    y: changed(kind).map((users) => sign * users), customdata: changed(kind),
    hovertemplate: `%{x|%a %-d %b %Y}: %{customdata} ${kind}s<extra></extra>`,
  });
  const yaxis = { title: { text: "users, downgrades below" }, ...integerTicks([...changed("upgrade"), ...changed("downgrade")]) };
  return {
    traces: [trace("upgrade", 1, PAID), trace("downgrade", -1, FREE)],
    layout: { barmode: "relative", xaxis: daysAxis(days), yaxis },
  };
};

const lengths = (answer) => ({
  traces: [{
    type: "bar", y: column(answer, "sessions"), customdata: column(answer, "average_minutes"),
    x: answer.rows.map((row) => (row[1] === row[0] ? "1" : row[1] ? `${row[0]}–${row[1]}` : `${row[0]}+`)),
    hovertemplate: "%{x} plays: %{y:,} sessions, %{customdata} minutes on average<extra></extra>",
  }],
  layout: {
    xaxis: { type: "category", title: { text: "plays in the session" } }, yaxis: { title: { text: "sessions" } },
    showlegend: false,
  },
});

const share = (answer) => {
  const days = column(answer, "day");
  return {
    traces: [{
      ...line(days), x: days, y: answer.rows.map((row) => (row[1] ? row[2] / row[1] : null)),
      customdata: answer.rows.map((row, at) => `${partialDays(answer, days)[at]}: ${count(row[2])} of ${count(row[1])}`),
      hovertemplate: "%{x|%a %-d %b %Y}%{customdata} plays match, %{y:.1%}<extra></extra>",
    }],
    layout: {
      xaxis: daysAxis(days), showlegend: false,
      yaxis: { title: { text: "plays that match" }, tickformat: ".1%", rangemode: "tozero" },
    },
  };
};

// The labelled days: every few, and each one after a gap.
function ticks(days) {
  const spacing = Math.ceil(days.length / (innerWidth < 600 ? 3 : 8));
  const labelled = [];
  days.forEach((text, at) => {
    const gap = at > 0 && day(text) - day(days[at - 1]) > DAY;
    if (gap && at - labelled.at(-1) < spacing) labelled.pop();
    if (!at || gap || at - labelled.at(-1) >= spacing) labelled.push(at);
  });
  return labelled.map((at) => days[at]);
}

const calendar = (answer) => {
  // Only days with requested hours: there may be years between an old source and today.
  const days = [...new Set(column(answer, "hour_start").map((at) => at.slice(0, 10)))].reverse();
  const names = Object.keys(STATES);
  const states = days.map(() => Array(24).fill(null));
  const texts = days.map(() => Array(24).fill(""));
  for (const [at, state, plays, , loaded] of answer.rows) {
    const [on, hour] = [days.indexOf(at.slice(0, 10)), Number(at.slice(11, 13))];
    states[on][hour] = names.indexOf(state);
    texts[on][hour] = `${at.slice(0, 10)} ${at.slice(11, 16)} UTC: ${state}, ${count(plays)} plays${loaded ? `, loaded ${toMinute(loaded)}` : ""}`;
  }
  const scale = Object.values(STATES).flatMap(
    (colour, at) => [[at / names.length, colour], [(at + 1) / names.length, colour]]);
  return {
    traces: [{
      type: "heatmap", x: days, y: [...Array(24).keys()], z: transposed(states),
      text: transposed(texts), hovertemplate: "%{text}<extra></extra>", xgap: 1, ygap: 1,
      zmin: -0.5, zmax: names.length - 0.5, colorscale: scale, showscale: false,
    }],
    layout: {
      xaxis: { type: "category", title: { text: "day, UTC" }, tickmode: "array", tickvals: ticks(days), tickangle: 0 },
      yaxis: { title: { text: "hour, UTC" }, autorange: "reversed", dtick: 6 },
    },
    legend: names.map((name) => [STATES[name], name, column(answer, "state").filter((state) => state === name).length])
      .filter(([, , hours]) => hours),
  };
};
const toMinute = (moment) => String(moment ?? "").slice(0, 16).replace("T", " ") + " UTC";
const transposed = (rows) => [...Array(24).keys()].map((hour) => rows.map((row) => row[hour]));

// A week in which nobody came back is a share of nothing; one after the last is none.
const retention = (answer) => {
  const cohorts = [...new Set(column(answer, "first_week"))];
  const last = Math.max(...answer.rows.map((row) => day(row[0]) + 7 * DAY * row[1]));
  const weeks = [...Array(1 + Math.max(...column(answer, "weeks_later"))).keys()];
  const rowOf = Object.fromEntries(answer.rows.map((row) => [row.slice(0, 2), row]));
  const firstUsers = Object.fromEntries(answer.rows.map((row) => [row[0], row[3]]));
  const cells = (value) => cohorts.map((cohort) => weeks.map((week) =>
    (day(cohort) + 7 * DAY * week > last ? null : value(cohort, rowOf[[cohort, week]]))));
  return {
    traces: [{
      type: "heatmap", x: weeks, y: cohorts, z: cells((_, row) => row?.[4] ?? 0), zmin: 0, zmax: 1,
      text: cells((cohort, row) => `${count(row?.[2] ?? 0)} of ${count(firstUsers[cohort])}`),
      xgap: 1, ygap: 1, colorscale: "Viridis", colorbar: { thickness: 12, outlinewidth: 0, tickformat: ".0%" },
      hovertemplate: "first play in the week of %{y}, %{x} weeks later: %{text} users, %{z:.1%}<extra></extra>",
    }],
    layout: {
      yaxis: { type: "category", title: { text: "week of the first play" }, autorange: "reversed" },
      xaxis: { title: { text: "weeks later" }, ...integerTicks(weeks) },
    },
  };
};

const byGenderAndLevel = (answer) => {
  const genders = [...new Set(column(answer, "gender"))];
  const rowOf = Object.fromEntries(answer.rows.map((row) => [row.slice(0, 2), row]));
  return {
    traces: [...new Set(column(answer, "level"))].map((level) => ({
      type: "bar", name: level, x: genders, y: genders.map((gender) => rowOf[[gender, level]]?.[3] ?? 0),
      customdata: genders.map((gender) => count(rowOf[[gender, level]]?.[2] ?? 0)),
      marker: { color: { free: FREE, paid: PAID }[level] },
      hovertemplate: `%{x}, ${escaped(level)}: %{y:,} plays by %{customdata} users<extra></extra>`,
    })),
    layout: { barmode: "group", xaxis: { type: "category", title: { text: "gender" } }, yaxis: { title: { text: "plays" } } },
  };
};

// The questions of one row, each of whose columns is a number at the head of the page.
const TOTALS = ["totals", "match_rate"];

// What is read, not compared.
const AS_TABLE = null;

const SECTIONS = {
  "What users listen to": [
    ["most_played_songs", "Most played songs", ranked("plays", "title", "artist")],
    ["most_played_artists", "Most played artists", ranked("plays", "artist")],
    ["rising_songs", "Rising songs", ranked("rise", "title", "artist")],
    ["songs_the_catalogue_lacks", "Songs missing from the catalogue", ranked("plays", "title", "artist")],
  ],
  "When": [
    ["plays_by_day", "Plays by day",
      overTime({ free_plays: ["free", FREE], paid_plays: ["paid", PAID] }, { unit: "plays" })],
    ["listening_hours", "Listening hours", overTime({ hours: ["of music", FREE] }, { unit: "hours" })],
    ["plays_by_weekday_and_hour", "Plays by weekday and hour", weekly],
  ],
  "Who listens": [
    ["active_users", "Active users", active],
    ["free_and_paid_users", "Free and paid", overTime(
      { free_users: ["free", FREE], paid_users: ["paid", PAID] }, { unit: "users", lines: true })],
    ["new_and_returning_users", "New and returning", overTime(
      { returning_users: ["returning", "#3aa67a"], new_users: ["new", "#c2557f"] }, { unit: "users" })],
    ["retention", "Retention", retention],
    ["plays_by_gender_and_level", "Plays by gender and level", byGenderAndLevel],
    ["level_changes", "Upgrades and downgrades", changes],
    ["sessions", "Sessions", lengths],
    ["listeners_by_place", "Listeners by place", ranked("users", "place")],
    ["devices", "Systems and devices", ranked("plays", "operating_system", "device")],
  ],
  "State of the data": [
    ["hours", "Hours", calendar],
    ["plays_in_the_catalogue", "Plays in the catalogue", share],
    ["check_results", "Check results", overTime(
      { checks: ["all checks", STATES["under way"]], warnings: ["warnings", STATES.missing], failures: ["failures", STATES.failed] },
      { unit: "checks", lines: true })],
    ["changed_numbers", "Numbers that changed", AS_TABLE],
    ["rejected_records", "Rejected records", AS_TABLE],
    ["source_changes", "Changes in the source", AS_TABLE],
  ],
};

// What no rows mean, unless it is just that nobody listened.
const NOTHING = {
  changed_numbers: "No run has changed what was loaded before in this range.",
  check_results: "No check has run yet.",
  hours: "No run was asked to load hours in this range.",
  level_changes: "No user changed level in this range.",
  rejected_records: "No records were rejected.",
  rising_songs: "No song was played more often than in the week before.",
  source_changes: "The keys of the files are as before.",
  songs_the_catalogue_lacks: "The catalogue has every song played in this range.",
};
