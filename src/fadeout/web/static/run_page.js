// The map of one assessment: its rasters under the records, next boxes with their ranks, the area it drew.
import { makeMap, RAMP } from "./map.js";

for (const swatch of document.querySelectorAll("canvas[data-ramp]")) { const ctx = swatch.getContext("2d"); ctx.fillStyle = RAMP[swatch.dataset.ramp]; ctx.fillRect(0, 0, swatch.width, swatch.height); }
const config = JSON.parse(document.getElementById("map-config").textContent);
const { map, ready } = makeMap(config);
const [told] = await Promise.all([fetch(`/runs/${config.run}/map`).then((answer) => answer.json()), ready]);
window.fadeoutMap = map;
const [w, s, e, n] = told.bounds, corners = [[w, n], [e, n], [e, s], [w, s]];
for (const layer of config.layers) {
  map.addSource(layer, { type: "image", url: `/runs/${config.run}/${layer}.png`, coordinates: corners });
  map.addLayer({ id: layer, type: "raster", source: layer, paint: { "raster-opacity": 0.85, "raster-resampling": "nearest" } }, "evidence:other");
}
map.addSource("run-bare", { type: "geojson", data: told.not_searched });
map.addLayer({ id: "run-bare", type: "fill", source: "run-bare", paint: { "fill-pattern": "not-searched" } }, "evidence:other");
map.addSource("run-area", { type: "geojson", data: told.area });
map.addLayer({ id: "run-area", type: "line", source: "run-area", paint: { "line-color": "#b87400", "line-width": 2.5, "line-dasharray": [2, 1] } });
map.addSource("run-boxes", { type: "geojson", data: told.boxes });
map.addLayer({ id: "run-boxes", type: "line", source: "run-boxes", paint: { "line-color": "#000", "line-width": 2 } });
map.addLayer({ id: "run-names", type: "symbol", source: "run-boxes", layout: { "text-field": ["to-string", ["get", "rank"]], "text-font": ["Noto Sans"], "text-size": 14 }, paint: { "text-color": "#000", "text-halo-color": "#fff", "text-halo-width": 2 } });
for (const one of document.querySelectorAll("input[name=shown]")) one.addEventListener("change", show);
show();
document.body.dataset.map = "ready";

function show() {
  const chosen = document.querySelector("input[name=shown]:checked").value;
  for (const layer of config.layers) map.setLayoutProperty(layer, "visibility", layer === chosen ? "visible" : "none");
}
