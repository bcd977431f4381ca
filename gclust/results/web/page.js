"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");
const colours = () => data.palettes[dark.matches ? "dark" : "light"];
const STEPS = 1000, LEAST_SPAN = 0.4, MOST_NAMES = 40;

// Corners of polygons, from whole steps.
function corners(shapes) {
  const xs = [], ys = [];
  for (const parts of shapes) {
    const px = [], py = [];
    for (const rings of parts) {
      const rx = [], ry = [];
      for (const ring of rings) {
        const x = [], y = [];
        let a = 0, b = 0;
        for (let i = 0; i < ring.length; i += 2) {
          x.push((a += ring[i]) / STEPS);
          y.push((b += ring[i + 1]) / STEPS);
        }
        rx.push(x); ry.push(y);
      }
      px.push(rx); py.push(ry);
    }
    xs.push(px); ys.push(py);
  }
  return {xs, ys};
}
function floats(text) {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

const {dots, tips} = data, count = dots.x.length;
const order = [...dots.x.keys()];
const columns = {...dots, ...tips, at: order};
delete columns.classes; delete columns.half;
if (!tips.people.length) delete columns.people;
const source = (columns) => new Bokeh.ColumnDataSource({data: columns});
const clusters = source({...columns, fill: order.map(() => "#000"), alpha: order.map(() => 0.5)});
const areas = source({...corners(data.footprints), ...columns, fill: order.map(() => "#000"),
  alpha: order.map(() => 0.25)});
const xRange = new Bokeh.Range1d({start: -180, end: 180});
const yRange = new Bokeh.Range1d({start: -60, end: 80});
const labels = source({x: [], y: [], name: [], offset: []});
const rows = [["rank", "@rank"], ["shares", "@shares"], ["score", "@score"]];
if (tips.people.length) rows.push(["inhabitants", "@people"]);
const fig = Bokeh.Plotting.figure({
  sizing_mode: "stretch_both", x_range: xRange, y_range: yRange, toolbar_location: null,
  x_axis_type: null, y_axis_type: null, min_border: 0, outline_line_color: null, tools: [],
});
fig.grid.visible = false;
const land = fig.multi_polygons({source: source(corners(data.land)), line_width: 0.6});
const lakes = fig.multi_polygons({source: source(corners(data.lakes)), line_color: null});
const points = (of, size, alpha) => fig.scatter({x: {field: "x"}, y: {field: "y"}, size, alpha,
  line_color: null, source: source({x: floats(of.x), y: floats(of.y)})});
const noise = points(data.locations.noise, 2.5, 0.6);
const clustered = points(data.locations.clustered, 2.5, 0.5);
const shape = {fill_color: {field: "fill"}, line_color: {field: "fill"}};
const outlines = fig.multi_polygons({source: areas, ...shape, fill_alpha: {field: "alpha"},
  line_width: 1.2});
const circles = fig.scatter({x: {field: "x"}, y: {field: "y"}, size: {field: "size"},
  source: clusters, ...shape, fill_alpha: {field: "alpha"}, line_alpha: {field: "alpha"},
  nonselection_fill_alpha: {field: "alpha"}, nonselection_line_alpha: {field: "alpha"},
  line_width: 1.5});
const names = fig.text({x: {field: "x"}, y: {field: "y"}, text: {field: "name"},
  x_offset: {field: "offset"}, source: labels, text_baseline: "middle", text_font_size: "12px",
  background_fill_alpha: 0.7});
fig.add_tools(new Bokeh.PanTool(), new Bokeh.TapTool({renderers: [circles, outlines]}),
  new Bokeh.WheelZoomTool({modifiers: {ctrl: true}}),
  new Bokeh.HoverTool({renderers: [circles, outlines], tooltips: [["", "@name"], ...rows]}));
const wheel = fig.toolbar.tools.find((tool) => tool.type === "WheelZoomTool");
if (wheel) fig.toolbar.active_scroll = wheel;

function paint() {
  const now = colours();
  const of = (at) => dots.class[at] < 0 ? now.other : now.ranks[dots.class[at]];
  fig.background_fill_color = now.sea; fig.border_fill_color = now.sea;
  land.glyph.fill_color = now.land; land.glyph.line_color = now.border;
  lakes.glyph.fill_color = now.sea;
  noise.glyph.fill_color = now.noise; clustered.glyph.fill_color = now.location;
  names.glyph.text_color = now.ink; names.glyph.background_fill_color = now.paper;
  for (const each of [clusters, areas]) each.data = {...each.data, fill: order.map(of)};
  byId("key").replaceChildren(...[...dots.classes.map((name, at) => [`${name.includes("–") ? "ranks" : "rank"} ${name}`,
    now.ranks[at]]), ["noise", now.noise], ["locations of clusters", now.location]].map(
    ([name, colour]) => {
      const item = document.createElement("span"), mark = document.createElement("i");
      mark.style.background = colour;
      item.append(mark, name);
      return item;
    }));
}

// The view: its middle, and degrees to a pixel, the same across and up.
const pixels = () => [fig.inner_width || byId("map").clientWidth || 900,
  fig.inner_height || byId("map").clientHeight || 480];
function view() {
  const [w] = pixels();
  return {x: (xRange.start + xRange.end) / 2, y: (yRange.start + yRange.end) / 2,
    scale: (xRange.end - xRange.start) / w};
}
function look({x, y, scale}) {
  const [w, h] = pixels();
  scale = Math.min(scale, 360 / w);
  xRange.setv({start: x - scale * w / 2, end: x + scale * w / 2});
  yRange.setv({start: y - scale * h / 2, end: y + scale * h / 2});
}
function lookAtAll() {
  const [w, h] = pixels();
  if (!count) return look({x: 0, y: 20, scale: 360 / w});
  const ends = (values) => [Math.min(...values), Math.max(...values)];
  const [x0, x1] = ends(dots.x), [y0, y1] = ends(dots.y);
  const least = (span, pixels) => Math.max(1.25 * span, LEAST_SPAN) / Math.max(pixels - 60, 60);
  look({x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: Math.max(least(x1 - x0, w), least(y1 - y0, h))});
}
function lookAt(at) {
  const [w] = pixels();
  look({x: dots.x[at], y: dots.y[at], scale: Math.max(5 * dots.half[at], LEAST_SPAN) / w});
}
const MOVES = {in: [0, 0, 0.5], out: [0, 0, 2], left: [-1, 0, 1], right: [1, 0, 1],
  up: [0, 1, 1], down: [0, -1, 1]};
for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => {
    const move = MOVES[button.dataset.do];
    if (!move) return lookAtAll();
    const [across, up, zoom] = move, now = view();
    look({x: now.x + across * now.scale * 120, y: now.y + up * now.scale * 120,
      scale: now.scale * zoom});
  });
}

// Names that fit, first ranks first.
let naming = 0;
function nameSoon() { clearTimeout(naming); naming = setTimeout(nameNow, 60); }
function nameNow() {
  const [w, h] = pixels(), taken = [], chosen = [];
  const across = w / (xRange.end - xRange.start), up = h / (yRange.end - yRange.start);
  for (const at of order) {
    if (chosen.length === MOST_NAMES) break;
    if (clusters.data.alpha[at] < 0.2) continue;
    const left = (dots.x[at] - xRange.start) * across + dots.size[at] / 2 + 3;
    const low = (dots.y[at] - yRange.start) * up - 9;
    const box = [left, low, left + 7 * tips.name[at].length + 4, low + 18];
    if (box[0] < 0 || box[1] < 0 || box[2] > w || box[3] > h) continue;
    if (taken.some((b) => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3])) continue;
    taken.push(box); chosen.push(at);
  }
  const pick = (values) => chosen.map((at) => values[at]);
  labels.data = {x: pick(dots.x), y: pick(dots.y), name: pick(tips.name),
    offset: chosen.map((at) => dots.size[at] / 2 + 3)};
}
for (const range of [xRange, yRange])
  for (const end of ["start", "end"]) range.properties[end].change.connect(nameSoon);

// The ranking: sorted by a heading, searched, and linked with the map both ways.
const table = byId("ranked"), body = table.tBodies[0];
const heads = [...table.tHead.rows[0].cells], lines = [...body.rows];
heads.forEach((head, at) => head.firstChild.addEventListener("click", () => {
  const now = head.getAttribute("aria-sort");
  const numeric = head.classList.contains("num");
  const first = numeric && !heads[at].textContent.includes("rank") ? "descending" : "ascending";
  const other = {ascending: "descending", descending: "ascending"};
  const way = now ? other[now] : first;
  for (const each of heads) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", way);
  const sign = way === "ascending" ? 1 : -1;
  const key = (line) => numeric ? parseFloat(line.cells[at].dataset.v) : line.cells[at].textContent;
  const compare = (a, b) => {
    const [one, two] = [key(a), key(b)];
    if (numeric) {
      if (isNaN(one) || isNaN(two)) return isNaN(one) - isNaN(two);  // missing ones last
      return sign * (one - two);
    }
    return sign * one.localeCompare(two);
  };
  body.append(...lines.sort((a, b) => compare(a, b) || a.dataset.at - b.dataset.at));
}));
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
byId("search").addEventListener("input", (event) => {
  const wanted = plain(event.target.value.trim());
  const alpha = order.map(() => 0.05);
  let found = 0;
  for (const line of lines) {
    const fits = plain(line.textContent).includes(wanted);
    line.hidden = !fits;
    if (fits) { found += 1; alpha[line.dataset.at] = 0.5; }
  }
  byId("found").textContent = wanted ? `${found} of ${count} clusters` : "";
  clusters.data = {...clusters.data, alpha};
  areas.data = {...areas.data, alpha: alpha.map((each) => each / 2)};
  nameSoon();
});
function choose(at, scroll) {
  for (const line of lines) line.classList.toggle("here", Number(line.dataset.at) === at);
  const line = lines.find((each) => Number(each.dataset.at) === at);
  if (scroll && line) {
    const box = table.parentElement;
    box.scrollTop = line.offsetTop - box.clientHeight / 2;
  }
  const people = tips.people.length ? `, ${tips.people[at]} inhabitants` : "";
  byId("said").textContent =
    `${tips.name[at]}: rank ${tips.rank[at]}, score ${tips.score[at]}; ${tips.shares[at]}${people}`;
}
body.addEventListener("click", (event) => {
  const button = event.target.closest("[data-go]");
  if (!button) return;
  const at = Number(button.dataset.go);
  choose(at, false);
  lookAt(at);
  byId("the-map").scrollIntoView({block: "start"});
});
for (const each of [clusters, areas])
  each.selected.properties.indices.change.connect(() => {
    const [at] = each.selected.indices;
    if (at !== undefined) choose(at, true);
  });
for (const [box, renderer] of [["noise-on", noise], ["clustered-on", clustered]])
  byId(box).addEventListener("change", (event) => { renderer.visible = event.target.checked; });

paint();
dark.addEventListener("change", paint);
Bokeh.Plotting.show(fig, byId("map")).then(() => {
  let first = true, before = null;
  const fit = () => {
    if (!fig.inner_width || !fig.inner_height) return;
    if (first) { first = false; lookAtAll(); }
    else look({...view(), scale: before});
    before = view().scale;
  };
  for (const range of [xRange, yRange])
    range.properties.end.change.connect(() => { if (!first) before = view().scale; });
  for (const name of ["inner_width", "inner_height"]) fig.properties[name].change.connect(fit);
  fit();
  nameSoon();
  document.documentElement.dataset.ready = "yes";
});
