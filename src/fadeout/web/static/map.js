// A map of records: sources by kind, one look for the map and the legend, the time slider, measuring, drawing.
import * as maplibregl from "./parts/maplibre-gl.mjs";

const INK = "#1a1a1a";
const said = (text) => { const holder = document.getElementById("map-said"); if (holder) holder.textContent = text; };

// --- how things look (the table of colours in docs): every fill has a pattern, so that colour is never alone -----------

function canvas(size, draw) {
  const made = document.createElement("canvas");
  made.width = made.height = size;
  draw(made.getContext("2d"), size);
  return made;
}
function lines(ctx, size, step, colour, width, ways = [1]) {
  ctx.strokeStyle = colour; ctx.lineWidth = width;
  for (const way of ways) for (let at = -size; at <= 2 * size; at += step) {
    ctx.beginPath();
    ctx.moveTo(at, way > 0 ? size : 0); ctx.lineTo(at + size, way > 0 ? 0 : size);
    ctx.stroke();
  }
}
function dots(ctx, size, step, colour, radius) {
  ctx.fillStyle = colour;
  for (let x = step / 2; x < size; x += step) for (let y = step / 2; y < size; y += step) { ctx.beginPath(); ctx.arc(x, y, radius, 0, 7); ctx.fill(); }
}
function ground(ctx, size, colour) { ctx.fillStyle = colour; ctx.fillRect(0, 0, size, size); }

const PATTERNS = {
  "not-searched": canvas(16, (c, s) => lines(c, s, 8, "rgba(110,110,110,.55)", 0.8, [1, -1])),
  searched: canvas(24, (c, s) => { ground(c, s, "#dbe4f1"); dots(c, s, 8, "#3f5a86", 0.9); }),
  partial: canvas(24, (c, s) => { ground(c, s, "rgba(219,228,241,.55)"); dots(c, s, 12, "#3f5a86", 0.9); }),
  CHA: canvas(16, (c, s) => { ground(c, s, "rgba(255,0,0,.5)"); lines(c, s, 8, "rgba(120,0,0,.75)", 1.3); }),
  SHA: canvas(24, (c, s) => { ground(c, s, "rgba(244,167,24,.5)"); lines(c, s, 24, "rgba(120,75,0,.9)", 1.3); }),
  released: canvas(24, (c, s) => { ground(c, s, "rgba(190,205,225,.45)"); lines(c, s, 24, "#3f5a86", 1, [-1]); }),
};
const straight = (c, s, step, upright) => { c.strokeStyle = INK; c.lineWidth = 0.9; for (let at = step / 2; at < s; at += step) { c.beginPath(); if (upright) { c.moveTo(at, 0); c.lineTo(at, s); } else { c.moveTo(0, at); c.lineTo(s, at); } c.stroke(); } };
const HATCHES = {  // by the letters in which a standard writes hatches; twice the letter is twice as dense
  "/": (c, s, step) => lines(c, s, step, INK, 0.8), "\\": (c, s, step) => lines(c, s, step, INK, 0.8, [-1]), x: (c, s, step) => lines(c, s, step, INK, 0.8, [1, -1]),
  "-": (c, s, step) => straight(c, s, step, false), "|": (c, s, step) => straight(c, s, step, true), "+": (c, s, step) => { straight(c, s, step, false); straight(c, s, step, true); },
  ".": (c, s, step) => dots(c, s, step, INK, 1),
};
function mark(draw) { return canvas(28, (c, s) => { c.translate(s / 2, s / 2); c.strokeStyle = INK; c.lineWidth = 2.2; c.fillStyle = INK; draw(c); }); }
function diamond(c, r) { c.beginPath(); c.moveTo(0, -r); c.lineTo(r, 0); c.lineTo(0, r); c.lineTo(-r, 0); c.closePath(); }
const MARKS = {
  item: mark((c) => { diamond(c, 9); c.fill(); c.strokeStyle = "#fff"; c.lineWidth = 1; c.stroke(); }),
  other: mark((c) => { diamond(c, 9); c.fillStyle = "#fff"; c.fill(); c.stroke(); }),
  accident: mark((c) => { c.beginPath(); c.moveTo(0, -9); c.lineTo(9, 8); c.lineTo(-9, 8); c.closePath(); c.fillStyle = "#fff"; c.fill(); c.stroke(); }),
  report: mark((c) => { c.beginPath(); c.arc(0, 0, 7.5, 0, 7); c.fillStyle = "#fff"; c.fill(); c.stroke(); }),
  strike: mark((c) => { for (const [colour, width] of [["#fff", 5], [INK, 2.4]]) { c.strokeStyle = colour; c.lineWidth = width; c.beginPath(); c.moveTo(-9, 0); c.lineTo(9, 0); c.moveTo(0, -9); c.lineTo(0, 9); c.stroke(); } }),
};
function boxPattern(look) {
  return canvas(24, (c, s) => {
    c.globalAlpha = 0.45; ground(c, s, look.colour); c.globalAlpha = 1;
    for (const letter of new Set(look.hatch)) HATCHES[letter]?.(c, s, look.hatch.length > 1 ? 8 : 12);
  });
}
export const RAMP = ["#f4f1fa", "#d5cbe8", "#b19fd4", "#8b6fbb", "#65449b", "#3f1f73"];  // by the breaks 0.01 0.05 0.2 0.5 0.8

// --- the style ------------------------------------------------------------------------------------------------------------

const is = (name, ...values) => ["in", ["get", name], ["literal", values]];
const NAME = ["get", "id"];
const text = (field, more = {}) => ({ "text-field": field, "text-font": ["Noto Sans"], "text-size": 12, ...more });
const HALO = { "text-color": INK, "text-halo-color": "#fff", "text-halo-width": 1.6 };

function layersOf(kind, config) {
  const source = { source: kind, "source-layer": kind };
  const fill = (id, pattern, filter, outline, more = {}) => [
    { id: `${kind}:${id}`, type: "fill", ...source, filter: ["all", ["!=", ["geometry-type"], "Point"], filter], paint: { "fill-pattern": pattern } },
    { id: `${kind}:${id}-edge`, type: "line", ...source, filter: ["all", ["!=", ["geometry-type"], "Point"], filter], paint: { "line-color": outline, "line-width": 1.3, ...more } },
  ];
  const symbol = (id, image, filter) => ({
    id: `${kind}:${id}`, type: "symbol", ...source, filter: ["all", ["==", ["geometry-type"], "Point"], filter],
    layout: { "icon-image": image, "icon-size": ["interpolate", ["linear"], ["zoom"], 6, 0.45, 15, 0.9], "icon-allow-overlap": true, ...text(["coalesce", ["to-string", ["get", "number"]], ""], { "text-offset": [0, 1.1], "text-optional": true }) },
    paint: HALO,
  });
  const label = (field, minzoom = 9, filter = ["has", "label"]) => ({ id: `${kind}:label`, type: "symbol", ...source, minzoom, filter, layout: text(field), paint: HALO });
  if (kind === "searched") return [
    ...fill("whole", "searched", is("outcome", "complete", "stopped_at_find"), "#3f5a86"),
    ...fill("part", "partial", ["!", is("outcome", "complete", "stopped_at_find", "not_searchable")], "#3f5a86", { "line-dasharray": [3, 2] }),
    { id: "searched:not", type: "line", ...source, filter: is("outcome", "not_searchable"), paint: { "line-color": "#6e6e6e", "line-dasharray": [1, 2] } },
  ];
  if (kind === "box") return [
    ...Object.keys(config.boxes).flatMap((state) => fill(state, `box-${state}`, ["==", ["get", "state"], state], "#4a5666", { "line-width": 0.7 })),
    label(["coalesce", ["get", ["get", "state"], ["literal", Object.fromEntries(Object.entries(config.boxes).map(([state, look]) => [state, look.letter]))]], ""], 14, ["!=", ["geometry-type"], "Point"]),
  ];
  if (kind === "hazardous_area") return [
    ...fill("SHA", "SHA", ["==", ["get", "state"], "suspected"], "#b87400"),
    ...fill("CHA", "CHA", ["==", ["get", "state"], "confirmed"], "#b00000"),
    { id: "hazardous_area:closed", type: "line", ...source, filter: is("state", "cancelled", "reduced", "cleared"), paint: { "line-color": "#4a5666", "line-width": 3, "line-gap-width": 1.2 } },
    label(["concat", ["match", ["get", "state"], "suspected", "S ", "confirmed", "C ", ""], NAME]),
  ];
  if (kind === "release") return fill("all", "released", ["has", "action"], "#3f5a86", { "line-dasharray": [6, 2] });
  if (kind === "task") return [{ id: "task:all", type: "line", ...source, paint: { "line-color": "#1f4f8f", "line-width": 2, "line-dasharray": [4, 2] } }, label(NAME, 11)];
  if (kind === "strike") return [symbol("all", "strike", ["has", "id"]), symbol("many", "strike", ["!", ["has", "id"]])];
  if (kind === "evidence") return [symbol("other", "other", ["!=", ["get", "kind"], "item"]), symbol("item", "item", ["==", ["get", "kind"], "item"]),
    { id: "evidence:cell", type: "line", ...source, filter: ["!=", ["geometry-type"], "Point"], paint: { "line-color": INK, "line-width": 1, "line-dasharray": [1, 2] } }];
  if (kind === "accident") return [symbol("all", "accident", true)];
  if (kind === "public_report") return [symbol("all", "report", true)];
  return [];
}

export function makeMap(config, holder = "map") {
  const tilesOf = (kind, asOf) => [`${location.origin}/tiles/${kind}/{z}/{x}/{y}${asOf ? `?as_of=${asOf}` : ""}`];
  const sources = { land: { type: "geojson", data: "/base/borders.json", attribution: "Natural Earth" } };
  for (const kind of config.kinds) sources[kind] = { type: "vector", tiles: tilesOf(kind, ""), maxzoom: 16 };
  const map = new maplibregl.Map({
    container: holder, attributionControl: false, maxZoom: 21, canvasContextAttributes: { preserveDrawingBuffer: true },
    style: {
      version: 8, sources,
      layers: [
        { id: "sea", type: "background", paint: { "background-color": "#d6dde4" } },
        { id: "land", type: "fill", source: "land", paint: { "fill-color": "#f4f3ef" } },
        { id: "borders", type: "line", source: "land", paint: { "line-color": "#8b939c", "line-width": 0.8 } },
      ],
    },
    ...(config.extent ? { bounds: [[config.extent[0], config.extent[1]], [config.extent[2], config.extent[3]]], fitBoundsOptions: { padding: 30, maxZoom: 15 } } : { center: [60, 20], zoom: 1.4 }),
  });
  map.addControl(new maplibregl.AttributionControl({ compact: true }), document.dir === "rtl" ? "bottom-left" : "bottom-right");
  map.addControl(new maplibregl.NavigationControl({ showCompass: true }), document.dir === "rtl" ? "top-right" : "top-left");
  map.addControl(new maplibregl.ScaleControl({ unit: "metric" }), document.dir === "rtl" ? "bottom-left" : "bottom-right");
  if (maplibregl.getRTLTextPluginStatus() === "unavailable") maplibregl.setRTLTextPlugin(config.rtl, true);
  const ready = new Promise((done) => map.once("load", () => {
    for (const [name, made] of Object.entries({ ...PATTERNS, ...MARKS })) map.addImage(name, made.getContext("2d").getImageData(0, 0, made.width, made.height), { pixelRatio: made.width === 28 ? 1.4 : 1 });
    for (const [state, look] of Object.entries(config.boxes)) { const made = boxPattern(look); map.addImage(`box-${state}`, made.getContext("2d").getImageData(0, 0, 24, 24)); }
    map.addLayer({ id: "not-searched", type: "background", paint: { "background-pattern": "not-searched" } });
    const layers = config.kinds.flatMap((kind) => layersOf(kind, config)), last = (one) => one.id.endsWith(":label") ? (one.id.startsWith("hazardous_area") ? 2 : 1) : 0;
    for (const layer of layers.sort((a, b) => last(a) - last(b))) map.addLayer(layer);  // of labels that collide the last wins
    done(map);
  }));
  return { map, ready, setDay: (day) => config.kinds.forEach((kind) => map.getSource(kind)?.setTiles(tilesOf(kind, day))), layersOf: (kind) => layersOf(kind, config).map((one) => one.id) };
}

export function paintSwatches(config) {
  for (const swatch of document.querySelectorAll("canvas[data-look]")) {
    const name = swatch.dataset.look, ctx = swatch.getContext("2d");
    const made = name.startsWith("box-") ? boxPattern(config.boxes[name.slice(4)]) : PATTERNS[name] ?? MARKS[name];
    if (!made) continue;
    if (MARKS[name]) ctx.drawImage(made, (swatch.width - 20) / 2, (swatch.height - 20) / 2, 20, 20);
    else { ctx.fillStyle = ctx.createPattern(made, "repeat"); ctx.fillRect(0, 0, swatch.width, swatch.height); }
    const letter = swatch.dataset.letter;
    if (letter) { ctx.font = "bold 13px Noto Sans, sans-serif"; ctx.textAlign = "center"; ctx.textBaseline = "middle"; ctx.lineWidth = 3; ctx.strokeStyle = "#fff"; ctx.strokeText(letter, swatch.width / 2, swatch.height / 2); ctx.fillStyle = INK; ctx.fillText(letter, swatch.width / 2, swatch.height / 2); }
  }
}

// --- base maps of one's own -----------------------------------------------------------------------------------------------

export async function addBaseMap(map, about) {
  const id = `base:${about.name}`;
  if (map.getSource(id)) return;
  if (about.kind === "mbtiles") {
    map.addSource(id, { type: "raster", tileSize: 256, minzoom: about.minzoom, maxzoom: about.maxzoom, tiles: [`${location.origin}/base/tiles/${encodeURIComponent(about.name)}/{z}/{x}/{y}`], attribution: about.attribution });
    map.addLayer({ id, type: "raster", source: id }, "not-searched");
    return;
  }
  await script("/static/parts/pmtiles.js");
  const file = new window.pmtiles.PMTiles(`${location.origin}/base/file/${encodeURIComponent(about.name)}`);
  const header = await file.getHeader();
  if (!addBaseMap.protocol) { addBaseMap.protocol = new window.pmtiles.Protocol(); maplibregl.addProtocol("pmtiles", addBaseMap.protocol.tile); }
  addBaseMap.protocol.add(file);
  const url = `pmtiles://${file.source.getKey()}`;
  if (header.tileType !== 1) { map.addSource(id, { type: "raster", url, tileSize: 256 }); map.addLayer({ id, type: "raster", source: id }, "not-searched"); return; }
  map.addSource(id, { type: "vector", url });
  const told = await file.getMetadata();
  for (const layer of told.vector_layers ?? []) {
    const source = { source: id, "source-layer": layer.id };
    const water = /water|ocean|sea|river/.test(layer.id);
    map.addLayer({ id: `${id}:${layer.id}`, type: "fill", ...source, filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": water ? "#c3d3e2" : "#e9e6dc", "fill-opacity": 0.6 } }, "not-searched");
    map.addLayer({ id: `${id}:${layer.id}-line`, type: "line", ...source, filter: ["==", ["geometry-type"], "LineString"], paint: { "line-color": water ? "#8fabc6" : "#9a9284", "line-width": 0.9 } }, "not-searched");
    map.addLayer({ id: `${id}:${layer.id}-name`, type: "symbol", ...source, minzoom: 6, filter: ["has", "name"], layout: text(["get", "name"], { "text-size": 11 }), paint: HALO });
  }
}
export function script(address) {
  return new Promise((done, failed) => {
    if (document.querySelector(`script[src="${address}"]`)) { done(); return; }
    const made = document.createElement("script");
    made.src = address; made.onload = done; made.onerror = failed;
    document.head.append(made);
  });
}

// --- measuring ------------------------------------------------------------------------------------------------------------

const R = 6371008.8, rad = (deg) => deg * Math.PI / 180;
const apart = ([a, b], [c, d]) => 2 * R * Math.asin(Math.sqrt(Math.sin(rad(d - b) / 2) ** 2 + Math.cos(rad(b)) * Math.cos(rad(d)) * Math.sin(rad(c - a) / 2) ** 2));
function areaOf(points) {
  let sum = 0;
  points.forEach(([a, b], i) => { const [c, d] = points[(i + 1) % points.length]; sum += rad(c - a) * (2 + Math.sin(rad(b)) + Math.sin(rad(d))); });
  return Math.abs(sum * R * R / 2);
}
export const inWords = { m: (m) => m < 1000 ? `${m.toFixed(0)} m` : `${(m / 1000).toFixed(2)} km`, m2: (m2) => m2 < 10000 ? `${m2.toFixed(0)} m²` : `${(m2 / 10000).toFixed(2)} ha` };
export function measuring(map, tell) {
  let points = null;
  const shown = () => ({ type: "FeatureCollection", features: !points?.length ? [] : [{ type: "Feature", properties: {}, geometry: points.length > 1 ? { type: "LineString", coordinates: points } : { type: "Point", coordinates: points[0] } }, ...points.map((one) => ({ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: one } }))] });
  map.addSource("measure", { type: "geojson", data: shown() });
  map.addLayer({ id: "measure", type: "line", source: "measure", paint: { "line-color": INK, "line-width": 2, "line-dasharray": [2, 1] } });
  map.addLayer({ id: "measure-points", type: "circle", source: "measure", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-radius": 4, "circle-color": "#fff", "circle-stroke-width": 2 } });
  const redraw = () => {
    map.getSource("measure").setData(shown());
    if (!points) { tell(""); return; }
    let long = 0; for (let i = 1; i < points.length; i++) long += apart(points[i - 1], points[i]);
    tell(`${inWords.m(long)}${points.length > 2 ? ` · ${inWords.m2(areaOf(points))}` : ""}`);
  };
  map.on("click", (event) => { if (points) { points.push(event.lngLat.toArray()); redraw(); } });
  return { on: () => points !== null, toggle: () => { points = points ? null : []; redraw(); }, add: () => { if (points) { points.push(map.getCenter().toArray()); redraw(); } } };
}
export { maplibregl, said };
