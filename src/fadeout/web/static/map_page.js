// The map page: layers on and off, the time slider, a click to a record, measuring, printing.
import { addBaseMap, makeMap, maplibregl, measuring, paintSwatches, said } from "./map.js";

const config = JSON.parse(document.getElementById("map-config").textContent);
const words = config.words;
paintSwatches(config);
const made = makeMap(config), map = made.map;
const inspector = document.getElementById("inspector");

made.ready.then(() => {
  window.fadeoutMap = map;
  document.body.dataset.map = "ready";
  const measure = measuring(map, (text) => said(text ? `${words.measured}: ${text}` : words.cannot));
  document.getElementById("measure").addEventListener("click", (event) => { measure.toggle(); event.currentTarget.setAttribute("aria-pressed", measure.on()); });
  document.getElementById("measure").addEventListener("keydown", (event) => { if (event.key === "+" || event.key === "Insert") measure.add(); });
  for (const box of document.querySelectorAll("input[data-kind]")) {
    const show = () => made.layersOf(box.dataset.kind).forEach((id) => map.setLayoutProperty(id, "visibility", box.checked ? "visible" : "none"));
    box.addEventListener("change", show); show();
  }
  for (const box of document.querySelectorAll("input[data-base]")) box.addEventListener("change", async () => {
    const about = config.basemaps.find((one) => one.name === box.dataset.base);
    await addBaseMap(map, about);
    map.getStyle().layers.filter((one) => one.id.startsWith(`base:${about.name}`)).forEach((one) => map.setLayoutProperty(one.id, "visibility", box.checked ? "visible" : "none"));
  });
  for (const box of document.querySelectorAll("input[data-run]")) { box.addEventListener("change", () => overlay(box)); if (box.checked) overlay(box); }
  const slider = document.getElementById("day"), told = document.getElementById("day-told");
  slider?.addEventListener("input", () => { told.textContent = dayOf(slider).toLocaleDateString(document.documentElement.lang, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }); });
  slider?.addEventListener("change", () => made.setDay(Number(slider.value) === Number(slider.max) ? "" : dayOf(slider).toISOString().slice(0, 10)));
  map.on("click", (event) => { if (!measure.on()) open(map.queryRenderedFeatures([[event.point.x - 6, event.point.y - 6], [event.point.x + 6, event.point.y + 6]])); });
  map.getCanvas().addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const { clientWidth: w, clientHeight: h } = map.getCanvas();
    open(map.queryRenderedFeatures([[w / 2 - 25, h / 2 - 25], [w / 2 + 25, h / 2 + 25]]));
  });
});
document.getElementById("print").addEventListener("click", () => window.print());
window.addEventListener("beforeprint", () => map.resize());

function dayOf(slider) { const day = new Date(`${config.first_day}T00:00:00Z`); day.setUTCDate(day.getUTCDate() + Number(slider.value)); return day; }

function open(features) {
  const found = new Map();
  for (const one of features) if (one.properties?.id && config.kinds.includes(one.source)) found.set(`${one.source} ${one.properties.id}`, one);
  if (!found.size) return;
  const [first, ...others] = [...found.values()];
  window.htmx.ajax("GET", `/records/${first.source}/${encodeURIComponent(first.properties.id)}?part=1`, { target: inspector, swap: "innerHTML" }).then(() => {
    if (others.length) {
      const list = document.createElement("ul");
      list.className = "plainlist";
      for (const one of others.slice(0, 20)) {
        const item = document.createElement("li"), link = document.createElement("a");
        link.href = `/records/${one.source}/${encodeURIComponent(one.properties.id)}`;
        link.textContent = `${words.names[one.source] ?? one.source}: ${one.properties.id}`;
        item.append(link); list.append(item);
      }
      const head = document.createElement("h3");
      head.textContent = words.also;
      inspector.append(head, list);
    }
    inspector.focus();
  });
}

async function overlay(box) {
  const id = `run:${box.dataset.run}`;
  if (!box.checked) { for (const one of [id, `${id}-boxes`, `${id}-names`, `${id}-area`]) if (map.getLayer(one)) map.setLayoutProperty(one, "visibility", "none"); return; }
  const told = await (await fetch(`/runs/${box.dataset.run}/map`)).json();
  const [w, s, e, n] = told.bounds;
  if (!map.getSource(id)) {
    map.addSource(id, { type: "image", url: `/runs/${box.dataset.run}/${box.dataset.layer}.png`, coordinates: [[w, n], [e, n], [e, s], [w, s]] });
    map.addLayer({ id, type: "raster", source: id, paint: { "raster-opacity": 0.8, "raster-resampling": "nearest" } }, map.getLayer("searched:whole") ? "searched:whole" : undefined);
    map.addSource(`${id}-boxes`, { type: "geojson", data: told.boxes });
    map.addLayer({ id: `${id}-boxes`, type: "line", source: `${id}-boxes`, paint: { "line-color": "#000", "line-width": 2 } });
    map.addLayer({ id: `${id}-names`, type: "symbol", source: `${id}-boxes`, layout: { "text-field": ["to-string", ["get", "rank"]], "text-font": ["Noto Sans"], "text-size": 13 }, paint: { "text-color": "#000", "text-halo-color": "#fff", "text-halo-width": 2 } });
    map.addSource(`${id}-area`, { type: "geojson", data: told.area });
    map.addLayer({ id: `${id}-area`, type: "line", source: `${id}-area`, paint: { "line-color": "#b87400", "line-width": 2.5, "line-dasharray": [2, 1] } });
    map.fitBounds([[w, s], [e, n]], { padding: 30 });
  }
  for (const one of [id, `${id}-boxes`, `${id}-names`, `${id}-area`]) map.setLayoutProperty(one, "visibility", "visible");
}
void maplibregl;
