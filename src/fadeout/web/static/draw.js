// Drawing a place: a map with terra-draw, or numbers typed; what the geometry gate says stands beside it as one draws.
import { makeMap, script } from "./map.js";

const config = JSON.parse(document.getElementById("map-config").textContent);
const field = document.getElementById("place"), gate = document.getElementById("gate");
const { map, ready } = makeMap(config);
const csrf = document.querySelector("meta[name=csrf]").content;
let draw, splitting = false, busy;

await Promise.all([ready, script("/static/parts/terra-draw.umd.js").then(() => script("/static/parts/terra-draw-maplibre-gl-adapter.umd.js"))]);
window.fadeoutMap = map;
const start = field?.value ? JSON.parse(field.value) : config.place;
if (!field) {
  map.addSource("place", { type: "geojson", data: { type: "Feature", properties: {}, geometry: start } });
  map.addLayer({ id: "place-line", type: "line", source: "place", paint: { "line-color": "#1f4f8f", "line-width": 4 } });
  map.addLayer({ id: "place-point", type: "circle", source: "place", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-radius": 12, "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": "#1f4f8f", "circle-stroke-width": 4 } });
} else {
  const t = window.terraDraw, flags = { feature: { draggable: true, coordinates: { midpoints: true, draggable: true, deletable: true } } };
  draw = new t.TerraDraw({
    adapter: new window.terraDrawMaplibreGlAdapter.TerraDrawMapLibreGLAdapter({ map, coordinatePrecision: 8 }),
    modes: [new t.TerraDrawPointMode(), new t.TerraDrawPolygonMode(), new t.TerraDrawRectangleMode(), new t.TerraDrawLineStringMode(),
      new t.TerraDrawSelectMode({ flags: { point: flags, polygon: flags, rectangle: flags, linestring: flags } })],
  });
  draw.start();
  window.fadeoutDraw = draw;
  const history = [];
  show(start);
  draw.on("finish", () => changed());
  for (const button of document.querySelectorAll("#draw-tools button")) button.addEventListener("click", () => press(button.dataset.mode));
  document.getElementById("use-typed").addEventListener("click", () => { const shape = typed(document.getElementById("typed-place").value.trim()); if (shape) { show(shape); changed(); } else gate.textContent = "?"; });

  function press(mode) {
    splitting = mode === "split";
    document.querySelectorAll("#draw-tools button").forEach((one) => one.setAttribute("aria-pressed", one.dataset.mode === mode));
    if (mode === "clear") { remember(); draw.clear(); field.value = ""; gate.textContent = ""; return; }
    if (mode === "undo") { const last = history.pop(); if (last !== undefined) { show(last); store(last); } return; }
    if (mode === "select") { draw.setMode("select"); const first = draw.getSnapshot()[0]; if (first) draw.selectFeature(first.id); return; }
    if (!splitting) { remember(); draw.clear(); }
    draw.setMode(splitting ? "linestring" : mode);
  }
  function remember() { history.push(field.value ? JSON.parse(field.value) : config.place ?? null); }
  function changed() {
    const shapes = draw.getSnapshot().filter((one) => !one.properties.midPoint && !one.properties.selectionPoint && !one.properties.coordinatePoint);
    if (splitting) {
      const line = shapes.findLast((one) => one.geometry.type === "LineString");
      if (line) { document.getElementById("split-line").value = JSON.stringify(line.geometry); const form = document.getElementById("split-form"); form.hidden = false; form.querySelector("button").focus(); }
      return;
    }
    if (!shapes.length) return;
    const parts = shapes.map((one) => one.geometry);
    store(parts.length === 1 ? parts[0] : parts.every((one) => one.type === "Polygon") ? { type: "MultiPolygon", coordinates: parts.map((one) => one.coordinates) } : parts.at(-1));
  }
  function store(geometry) {
    field.value = geometry ? JSON.stringify(geometry) : "";
    clearTimeout(busy);
    if (geometry) busy = setTimeout(ask, 200);
  }
  async function ask() {
    const body = new URLSearchParams({ place: field.value, id: document.getElementById("id")?.value ?? config.id ?? "", csrf });
    const answer = await fetch(location.pathname.replace(/\/[^/]+(\/edit)?$/, "/check"), { method: "POST", body, headers: { "x-csrf-token": csrf } });
    gate.innerHTML = answer.ok ? await answer.text() : "";
  }
  function show(geometry) {
    draw.clear();
    if (!geometry) return;
    const parts = geometry.type === "MultiPolygon" ? geometry.coordinates.map((coordinates) => ({ type: "Polygon", coordinates })) : geometry.type === "MultiLineString" ? geometry.coordinates.map((coordinates) => ({ type: "LineString", coordinates })) : [geometry];
    const mode = { Point: "point", Polygon: "polygon", LineString: "linestring" };
    const round = (one) => Array.isArray(one) ? one.map(round) : Number(one.toFixed(8));
    draw.addFeatures(parts.map((one) => ({ type: "Feature", properties: { mode: mode[one.type] }, geometry: { type: one.type, coordinates: round(one.coordinates) } })));
  }
  function typed(text) {
    const point = text.match(/^(-?\d+(?:\.\d+)?)[ ,;]+(-?\d+(?:\.\d+)?)$/);
    if (point) return { type: "Point", coordinates: [Number(point[1]), Number(point[2])] };
    const wkt = text.match(/^(POINT|LINESTRING|POLYGON)\s*(\(.*\))$/i);
    if (!wkt) return null;
    try {
      const inner = wkt[2].replace(/(-?\d+(?:\.\d+)?)\s+(-?\d+(?:\.\d+)?)/g, "[$1,$2]").replace(/\(/g, "[").replace(/\)/g, "]");
      const list = JSON.parse(inner);
      const type = { POINT: "Point", LINESTRING: "LineString", POLYGON: "Polygon" }[wkt[1].toUpperCase()];
      return { type, coordinates: type === "Point" ? list[0] : list };
    } catch { return null; }
  }
}
document.body.dataset.map = "ready";
