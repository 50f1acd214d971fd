// The field: what is recorded is kept in this browser (IndexedDB) first, and sent from there, once, whenever there is a connection.
// Read `keep` and `sendAll` first. Drafts stand in localStorage letter by letter; photos and kept records in the database.
import { openDB } from "/static/parts/idb.js";

const PIECE = 256_000, LONGEST = 2000, GOOD_M = 10, POOR_M = 20, OLD_MIN = 5, EVERY_MS = 30_000, SENT_KEPT = 100;
const PREFIX = { evidence: "EP", box: "BX", searched: "SA" }, NEEDED = { evidence: "kind", box: "state", searched: "outcome" };
const DAY = { evidence: "found_on", box: "searched_on", searched: "searched_on" };
const REMEMBERED = ["team", "method", "how", "kind"];  // of the last record, for the next; never what was found
const NUMBERS = ["count", "effort_min", "share_percent", "swath_m", "depth_cm", "typed_error"];
const texts = JSON.parse(document.getElementById("field-texts").textContent);
const say = (name, named = {}) => texts[name].replace(/\{(\w+)\}/g, (_, key) => named[key] ?? "");
const find = (selector, root = document) => root.querySelector(selector), all = (selector, root = document) => [...root.querySelectorAll(selector)];
const lang = document.documentElement.lang, spoken = lang === "en" ? "en-GB" : lang, clock = (at) => new Intl.DateTimeFormat(spoken, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
const other = "BroadcastChannel" in window ? new BroadcastChannel("fadeout-field") : null;  // this page in another window

let db, forms = {}, active = "evidence", line = "", who = "", sending = false;

// ---- what is kept ------------------------------------------------------------------------------------------------------

async function open() {
  try {
    db = await openDB("fadeout-field", 1, {
      upgrade(made) { made.createObjectStore("records", { keyPath: "id" }); made.createObjectStore("photos", { keyPath: "sha256" }); },
      blocking() { db.close(); location.reload(); },
    });
  } catch { warn("no_store"); return false; }
  if (!window.isSecureContext) warn("insecure");
  else if (navigator.storage?.persist && !(await navigator.storage.persisted()) && !(await navigator.storage.persist()) && (await db.count("records"))) warn("may_drop");
  return true;
}
function warn(name) { const box = find("#warning"); box.textContent = say(name); box.hidden = false; }
const put = async (record) => { const change = db.transaction("records", "readwrite", { durability: "strict" }); await change.store.put(record); await change.done; other?.postMessage("changed"); };

async function update(record, values) {  // unless it was corrected, removed or sent since it was read
  const change = db.transaction("records", "readwrite", { durability: "strict" }), now = await change.store.get(record.id), same = now?.state === "kept" && now.changed === record.changed;
  if (same) await change.store.put({ ...now, ...values });
  await change.done; other?.postMessage("changed");
  return same;
}
const ASIDE = "-aside";  // a draft that waits while a kept record is corrected in its form
const drafts = () => Object.keys(PREFIX).flatMap((kind) => [kind, kind + ASIDE]).map((name) => { try { return JSON.parse(localStorage.getItem(`fadeout-field-${name}`)) ?? {}; } catch { return {}; } });
const corrected = () => drafts().map((one) => one.editing);  // in any window: not sent before they are kept again

function newId(kind) {  // 65 random bits in Crockford's base 32: no two phones ever make one id
  const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", bytes = crypto.getRandomValues(new Uint8Array(13));
  return `${PREFIX[kind]}-${[...bytes].map((one) => letters[one % 32]).join("")}`;
}
const today = () => { const now = new Date(); return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}`; };
const plain = (text) => text.replace(/[٠-٩۰-۹]/g, (one) => String(one.charCodeAt(0) & 15)).replace("٫", ".").replace(/−/g, "-");

// ---- a form, its draft, its position ----------------------------------------------------------------------------------

class Form {
  constructor(element) {
    this.element = element; this.kind = element.dataset.form; this.said = find(".problems", element);
    this.places = []; this.photo = null; this.editing = null; this.watch = null; this.best = null; this.taking = null; this.keeping = false;
    element.addEventListener("input", (event) => { if (event.target.type !== "file") { if (event.target.name === "typed" || event.target.name === "typed_error") this.typed(); this.store(); } });
    element.addEventListener("change", (event) => { if (event.target.name === NEEDED[this.kind] && !this.places.length && this.kind !== "searched") { this.begin(); find(".where", element).scrollIntoView({ block: "center" }); } if (event.target.name === "shape") this.shaped(); this.store(); });
    element.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches("input:not([type=file])")) event.preventDefault(); });  // a phone's "go" keeps nothing half-written
    element.addEventListener("submit", (event) => { event.preventDefault(); event.stopImmediatePropagation(); this.keep(); });
    find(".take", element).addEventListener("click", () => this.watch === null ? this.begin() : this.end("fair"));
    find(".leave", element).addEventListener("click", () => { this.clear(); render(); sendAll(); });
    for (const input of all("input[type=file]", element)) input.addEventListener("change", () => { if (input.files[0]) this.taking = this.take(input.files[0]); input.value = ""; });
    find(".no-photo", element)?.addEventListener("click", () => { this.photo = null; this.store(); this.showPhoto(); });
    this.load();
  }
  get draftName() { return `fadeout-field-${this.kind}`; }
  fields() {
    const found = {};
    for (const [name, value] of new FormData(this.element)) if (typeof value === "string") (found[name] ??= []).push(value);
    return found;
  }
  draft() { return { fields: this.fields(), places: this.places, photo: this.photo, editing: this.editing }; }
  store() { localStorage.setItem(this.draftName, JSON.stringify(this.draft())); }
  load() {
    let draft = null;
    try { draft = JSON.parse(localStorage.getItem(this.draftName)); } catch { /* what cannot be read is no draft */ }
    this.fill(draft ?? { fields: remembered(this.kind), places: [], photo: null, editing: null });
  }
  fill(draft) {
    this.end();
    const left = structuredClone(draft.fields ?? {});
    this.element.reset();
    if (this.kind === "box") nearEvidence(left.evidence_ids ?? []);
    for (const one of this.element.elements) {
      if (!one.name || one.type === "file") continue;
      if (one.type === "radio" || one.type === "checkbox") { if (left[one.name]) one.checked = left[one.name].includes(one.value); }
      else if (left[one.name]) one.value = left[one.name][0];
    }
    Object.assign(this, { places: draft.places ?? [], photo: draft.photo ?? null, editing: draft.editing ?? null });
    find(".leave", this.element).hidden = !this.editing;
    if (find("[name=typed]", this.element).value) find("details", this.element).open = true;
    this.said.hidden = true;
    this.shaped(); this.showPlace(); this.showPhoto();
  }
  clear() {
    const aside = localStorage.getItem(this.draftName + ASIDE);
    if (aside) localStorage.setItem(this.draftName, aside); else localStorage.removeItem(this.draftName);
    localStorage.removeItem(this.draftName + ASIDE);
    this.load();
  }
  correct(record) {
    const draft = localStorage.getItem(this.draftName);
    if (draft) localStorage.setItem(this.draftName + ASIDE, draft);
    this.fill({ ...record.draft, editing: record.id }); this.store();
  }

  begin() {  // the position: the most exact one since the finger went down, until it is good or said to be enough
    if (this.watch !== null) return;
    if (!navigator.geolocation) { this.tell("denied", true); return; }
    this.best = null;
    if (this.kind !== "searched") { this.places = []; find("[name=typed]", this.element).value = ""; find("[name=typed_error]", this.element).value = ""; }
    this.watch = navigator.geolocation.watchPosition((found) => this.found(found), (fault) => { if (fault.code === 1) this.end(); this.tell(fault.code === 1 ? "denied" : "no_signal", true); }, { enableHighAccuracy: true, maximumAge: 0, timeout: 60_000 });
    this.tell("searching"); this.showPlace();
  }
  found({ coords, timestamp }) {
    if (this.watch === null) return;
    const place = { lon: Number(coords.longitude.toFixed(7)), lat: Number(coords.latitude.toFixed(7)), error: Math.max(1, Math.round(coords.accuracy)), at: timestamp };
    if (!this.best || place.error <= this.best.error) this.best = place;
    if (this.kind !== "searched") { this.places = [this.best]; this.store(); }
    if (this.best.error <= GOOD_M) this.end("good"); else { this.tell(this.best.error > POOR_M ? "poor" : "improving", this.best.error > POOR_M, { m: this.best.error }); this.showPlace(); }
  }
  end(why) {
    if (this.watch === null) return;
    navigator.geolocation.clearWatch(this.watch); this.watch = null;
    if (this.best && this.kind === "searched") { this.places.push(this.best); this.store(); }
    if (why && this.best) this.tell(this.best.error > POOR_M ? "poor" : why, this.best.error > POOR_M, { m: this.best.error }); else if (why) this.tell("no_fix");
    this.best = null; this.showPlace();
  }
  typed() {
    const text = plain(find("[name=typed]", this.element).value.trim()), error = Number(plain(find("[name=typed_error]", this.element).value).replace(",", ".")) || null;
    if (this.watch !== null) { this.best = null; this.end(); }
    if (!text) { if (this.places[0]?.typed) this.places = []; this.tell(""); this.showPlace(); return; }
    const parts = (/[;\s]/.test(text) ? text.split(/\s*[;\s]\s*/).map((one) => one.replace(/,$/, "").replace(",", ".")) : text.split(",")).map(Number);
    const fits = parts.length === 2 && parts.every(Number.isFinite) && Math.abs(parts[0]) <= 180 && Math.abs(parts[1]) <= 90;
    const place = fits ? { lon: parts[0], lat: parts[1], error, at: Date.now(), typed: text } : null;
    if (this.kind === "searched") { this.places = [...this.places.filter((one) => one !== this.lastTyped), ...(place ? [place] : [])]; this.lastTyped = place; } else this.places = place ? [place] : [];
    this.tell(fits ? "typed" : "bad_typed", !fits || (error ?? 0) > POOR_M); this.showPlace();
  }
  tell(name, poor = false, named = {}) { const box = find(".fix-said", this.element); const words = name ? say(name, named) : ""; if (box.textContent !== words) box.textContent = words; box.classList.toggle("poor", poor); }
  showPlace() {
    const fix = find(".fix", this.element), button = find(".take", this.element), place = this.kind === "searched" ? this.best : this.places[0];
    fix.replaceChildren();
    if (place) {
      if (place.error) fix.append(make("strong", say("fix", { m: place.error })), " ");
      fix.append(make("bdi", say("fix_at", { lon: place.lon.toFixed(6), lat: place.lat.toFixed(6), time: new Intl.DateTimeFormat(spoken, { timeStyle: "medium" }).format(place.at) })));
    } else if (this.kind !== "searched" || !this.places.length) fix.textContent = this.watch === null ? say("no_fix") : say("searching");
    fix.hidden = !fix.childNodes.length;
    fix.classList.toggle("poor", (place?.error ?? 0) > POOR_M);
    button.textContent = say(this.watch !== null ? "enough" : this.kind === "searched" ? "add_corner" : place ? "take_again" : "take");
    if (this.kind !== "searched") return;
    find("#corners").replaceChildren(...this.places.map((one, i) => {
      const item = make("li", say("corner", { n: i + 1, lon: one.lon.toFixed(6), lat: one.lat.toFixed(6), m: one.error ?? "?" })), drop = make("button", say("remove"));
      drop.type = "button"; drop.setAttribute("aria-label", say("remove_corner", { n: i + 1 }));
      drop.addEventListener("click", () => { this.places.splice(i, 1); this.store(); this.showPlace(); });
      item.append(drop); return item;
    }));
  }
  aged() {  // a position taken long ago may be one of another place
    const place = this.places[0], min = place && Math.floor((Date.now() - place.at) / 60_000);
    if (this.kind !== "searched" && place && !place.typed && this.watch === null && min >= OLD_MIN) this.tell("old", true, { min });
  }
  shaped() { const only = find("[data-only=line]", this.element); if (only) only.hidden = this.fields().shape?.[0] !== "line"; }

  async take(file) {
    const told = find(".photo-said", this.element);
    if (!crypto.subtle) { told.textContent = say("photo_insecure"); return; }
    told.textContent = say("photo_busy");
    try {
      const blob = await smaller(file), sha256 = await digest(blob);
      const change = db.transaction("photos", "readwrite", { durability: "strict" });
      await change.store.put({ sha256, blob, made_at: Date.now() });
      await change.done;
      this.photo = sha256; this.store(); await this.showPhoto();
    } catch (fault) { told.textContent = fault?.name === "QuotaExceededError" ? say("not_kept", { why: fault.message }) : say("photo_bad"); }
  }
  async showPhoto() {
    const image = find("img.photo", this.element);
    if (!image) return;
    const kept = this.photo ? await db.get("photos", this.photo) : null;
    if (image.src) URL.revokeObjectURL(image.src);
    image.hidden = find(".no-photo", this.element).hidden = !this.photo;
    if (kept) image.src = URL.createObjectURL(kept.blob); else { image.removeAttribute("src"); image.hidden = true; }
    find(".photo-said", this.element).textContent = kept ? say("photo_kept", { kb: Math.ceil(kept.blob.size / 1000) }) : this.photo ? say("no_photo_left") : "";
  }

  body() {  // what is sent: texts by field name, the place as GeoJSON; and what is wrong, before it is kept
    const read = this.fields(), values = {}, wrong = [];
    const need = (name, words) => wrong.push([find(`[data-block=${name}]`, this.element), words]);
    for (const [name, list] of Object.entries(read)) {
      let value = list.map((one) => one.trim()).filter(Boolean).join("; ");
      if (!value) continue;
      if (NUMBERS.includes(name)) {
        const number = Number(plain(value).replace(",", ".")), input = this.element.elements[name];
        const label = find(`label[for=${input.id}]`).textContent.trim();
        if (!Number.isFinite(number)) { wrong.push([input, say("bad_number", { label })]); continue; }
        if (name === "share_percent" && !(number >= 0 && number <= 100)) { wrong.push([input, say("bad_percent", { label })]); continue; }
        value = String(number);
      }
      values[name] = value;
    }
    if (!values[NEEDED[this.kind]]) need(NEEDED[this.kind], say(`need_${NEEDED[this.kind]}`));
    values[DAY[this.kind]] = today();
    if ("share_percent" in values) values.share_searched = String(Number((Number(values.share_percent) / 100).toFixed(4)));
    const place = this.geometry(values, need);
    if (this.kind !== "searched" && this.places[0]?.typed) Object.assign(values, { entered: this.places[0].typed, entered_crs: "EPSG:4326, longitude latitude" });
    if (this.kind === "evidence" && this.places[0]?.error) values.position_error_m = String(this.places[0].error);
    if (this.kind === "box") {
      values.evidence_ids = [values.evidence_ids, values.evidence_more].filter(Boolean).join("; ");
      if (values.box_id) Object.assign(values, { entered: values.box_id, entered_crs: "box of the grid" });
    }
    if (this.photo) values.photo = `${this.photo}.jpg`;
    if (read.shape?.[0] !== "line") delete values.swath_m;
    for (const name of ["typed", "typed_error", "share_percent", "shape", "box_id", "evidence_more"]) delete values[name];
    if (!values.evidence_ids) delete values.evidence_ids;
    return { values, place, wrong };
  }
  geometry(values, need) {
    const points = this.places.map((one) => [one.lon, one.lat]);
    if (this.kind === "box" && values.box_id) return points[0] ? { type: "Point", coordinates: points[0] } : null;
    if (this.kind !== "searched") { if (!points.length) need("place", say(this.kind === "box" ? "need_box" : "need_place")); return points[0] ? { type: "Point", coordinates: points[0] } : null; }
    const line = this.fields().shape?.[0] === "line", least = line ? 2 : 3;
    if (points.length < least) { need("place", say("need_corners", { n: least })); return null; }
    return line ? { type: "LineString", coordinates: points } : { type: "Polygon", coordinates: [[...points, points[0]]] };
  }
  async keep() {  // a second tap keeps nothing twice, and a photo that is still made smaller is waited for
    if (this.keeping) return;
    this.keeping = true;
    try { await this.taking; await this.keepOnce(); } finally { this.keeping = false; }
  }
  async keepOnce() {
    if (this.watch !== null) this.end("fair");
    const { values, place, wrong } = this.body();
    all(".wrong", this.element).forEach((one) => one.classList.remove("wrong"));
    this.said.hidden = !wrong.length;
    if (wrong.length) {
      this.said.replaceChildren(...wrong.map(([, words]) => make("p", words)));
      wrong.forEach(([where]) => where.classList.add("wrong"));
      const where = wrong[0][0], first = where.matches("input") ? where : find("input:not([type=file]),button,select", where);
      first.focus({ preventScroll: true }); where.scrollIntoView({ block: "center" });
      return;
    }
    const before = this.editing ? await db.get("records", this.editing) : null, now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    const id = before && !before.clash ? before.id : newId(this.kind);
    if (before) values[DAY[this.kind]] = before.body.values[DAY[this.kind]];
    const body = { kind: this.kind, id, values, place, device_at: before?.body.device_at ?? now, recorded_by: before?.body.recorded_by || who };
    const draft = { ...this.draft(), editing: null };
    try {
      await put({ id, kind: this.kind, body, draft, photo: this.photo, state: "kept", kept_at: before?.kept_at ?? Date.now(), tried: before?.tried ?? 0, changed: Date.now(), problems: [] });
      if (before && before.id !== id) await db.delete("records", before.id);
    } catch (fault) { this.said.hidden = false; this.said.replaceChildren(make("p", say("not_kept", { why: fault.message }))); return; }
    localStorage.setItem(`fadeout-field-last-${this.kind}`, JSON.stringify(Object.fromEntries(Object.entries(draft.fields).filter(([name]) => REMEMBERED.includes(name) && name !== NEEDED[this.kind]))));
    this.clear(); this.tell("");
    document.getElementById("main").focus({ preventScroll: true }); window.scrollTo({ top: 0 });
    line = say("kept", { id });
    await render();
    setTimeout(() => { if (line === say("kept", { id })) line = ""; sendAll(); }, 600);  // so that it is seen, and heard, that it is kept
  }
}
function remembered(kind) { try { return JSON.parse(localStorage.getItem(`fadeout-field-last-${kind}`)) ?? {}; } catch { return {}; } }
function make(name, text) { const made = document.createElement(name); if (text) made.textContent = text; return made; }

async function smaller(file) {  // drawn anew: upright, and without what the camera wrote beside the picture
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height)), canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale)); canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return new Promise((done, fail) => canvas.toBlob((blob) => blob ? done(blob) : fail(new Error("no picture")), "image/jpeg", 0.85));
}
async function digest(blob) { return [...new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()))].map((one) => one.toString(16).padStart(2, "0")).join(""); }

// ---- sending -------------------------------------------------------------------------------------------------------------

class Stop extends Error {}  // nothing more can be sent now; its message is a text's name
async function ask(address, options = {}, wait = 30_000) {
  let answer;
  try { answer = await fetch(address, { ...options, cache: "no-store", credentials: "same-origin", redirect: "error", signal: AbortSignal.timeout(wait) }); } catch { throw new Stop(navigator.onLine ? "waiting" : "offline"); }
  if (answer.status === 401) throw new Stop("sign_in");
  if (answer.status === 403) throw new Stop("role");
  if (answer.status === 429 || answer.status >= 500) throw new Stop("waiting");
  return answer;
}
async function json(answer) { try { return await answer.json(); } catch { throw new Stop("waiting"); } }  // a page of somebody between us and the server
async function session() {
  const found = await json(await ask("/field/session"));
  if (typeof found.name !== "string") throw new Stop("waiting");
  if (who !== found.name) { who = found.name; localStorage.setItem("fadeout-field-who", who); find("#who").textContent = say("you", { name: who }); }
  return found.csrf;
}
async function sendPhoto(sha256, csrf) {
  const address = `/field/photos/${sha256}`, kept = await db.get("photos", sha256);
  const state = async (answer) => { const offset = answer.headers.get("upload-offset"); if (offset === null) throw new Stop("waiting"); return { at: Number(offset), whole: answer.headers.get("upload-complete") === "1" }; };
  const there = await ask(address, { method: "HEAD" });
  let { at, whole } = there.status === 404 ? { at: 0, whole: false } : await state(there);
  while (!whole) {
    if (!kept) return [{ message: say("no_photo_left") }];
    const answer = await ask(address, { method: "PATCH", body: kept.blob.slice(at, at + PIECE), headers: { "x-csrf-token": csrf, "content-type": "application/offset+octet-stream", "upload-offset": String(at), "upload-length": String(kept.blob.size) } }, 120_000);
    if (answer.status === 422) return (await json(answer)).problems;
    const before = at;
    ({ at, whole } = await state(answer));
    if (!whole && at === before && answer.status !== 409) throw new Stop("waiting");
  }
  return [];
}
async function send(record, csrf) {  // gives what is wrong with it, and what the server told; null if it is not to be sent now
  if (corrected().includes(record.id) || !(await update(record, { tried: record.tried + 1 }))) return null;
  if (record.photo) { const wrong = await sendPhoto(record.photo, csrf); if (wrong.length) return { wrong }; }
  const answer = await ask("/field/records", { method: "POST", body: JSON.stringify(record.body), headers: { "x-csrf-token": csrf, "content-type": "application/json" } });
  const told = await json(answer);
  if (answer.status === 409 || answer.status === 422 || answer.status === 400) return { wrong: told.problems?.length ? told.problems : [{ message: told.detail || String(answer.status) }], clash: answer.status === 409 };
  if (!answer.ok || told.id !== record.id) throw new Stop("waiting");
  return { wrong: [], told };
}
async function sendAll(force = false) {
  if (sending || !db) return;
  sending = true;
  try {
    const locks = navigator.locks;
    if (locks) await locks.request("fadeout-field-send", { ifAvailable: true }, async (lock) => { if (lock) await sendKept(force); }); else await sendKept(force);
  } finally { sending = false; await render(); }
}
async function sendKept(force) {
  const open = corrected(), waits = (await db.getAll("records")).filter((one) => one.state === "kept" && !open.includes(one.id) && (force || !one.problems.length)).sort((a, b) => a.kept_at - b.kept_at);
  try {
    if (!waits.length && !force && who) return;
    let csrf = await session();
    line = "";
    for (const [i, record] of waits.entries()) {
      line = say("sending", { n: `${i + 1} / ${waits.length}` }); await render();
      let result;
      try { result = await send(record, csrf); } catch (stop) {
        if (stop.message !== "role") throw stop;
        csrf = await session();  // the token may be of a session that ended meanwhile
        result = await send(record, csrf);
      }
      if (result?.wrong.length) await update(record, { problems: result.wrong.map(({ message, remedy = "", code = "" }) => ({ message, remedy, code })), clash: Boolean(result.clash) });
      else if (result) await update(record, { state: "sent", sent_at: Date.now(), problems: [], notes: result.told.findings ?? [] });
    }
    line = "";
  } catch (stop) { if (!(stop instanceof Stop)) throw stop; line = say(stop.message); find("#sign-in").hidden = stop.message !== "sign_in"; return; }
  find("#sign-in").hidden = true;
  await tidy();
}
async function tidy() {  // photos that no kept record and no draft speaks of; the oldest of what was sent
  const records = await db.getAll("records"), sent = records.filter((one) => one.state === "sent").sort((a, b) => b.sent_at - a.sent_at);
  for (const one of sent.slice(SENT_KEPT)) await db.delete("records", one.id);
  const used = new Set([...records.filter((one) => one.state === "kept").map((one) => one.photo), ...drafts().map((one) => one.photo)]);
  for (const photo of await db.getAll("photos")) if (!used.has(photo.sha256) && photo.made_at < Date.now() - 60_000) await db.delete("photos", photo.sha256);
}

// ---- what is seen --------------------------------------------------------------------------------------------------------

function named(record) { const form = forms[record.kind].element, value = record.draft.fields[NEEDED[record.kind]]?.[0]; return find(`input[name=${NEEDED[record.kind]}][value="${value}"]`, form)?.closest("label").querySelector("span").textContent ?? value; }
function shown(record) {
  const item = make("li"), facts = [record.id, record.state === "sent" ? say("sent_at", { time: clock(record.sent_at) }) : say("kept_at", { time: clock(record.kept_at) })];
  item.dataset.id = record.id; item.dataset.state = record.state;
  if (record.draft.places[0]?.error && record.kind !== "searched") facts.push(say("position", { m: record.draft.places[0].error }));
  if (record.photo) facts.push(say("with_photo"));
  item.append(make("h3", `${texts[record.kind]}: ${named(record)}`), make("p", facts.join(" · ")));
  for (const one of record.problems) item.append(Object.assign(make("p", one.remedy ? `${one.message} – ${one.remedy}` : one.message), { className: "problems" }));
  for (const one of record.notes ?? []) item.append(Object.assign(make("p", `${one.words} – ${one.remedy}`), { className: "note" }));
  const row = Object.assign(make("p"), { className: "pair" });
  if (record.state === "kept") {
    const correct = make("button", say("correct")), remove = make("button", say("remove"));
    for (const [button, word] of [[correct, "correct"], [remove, "remove"]]) { button.type = "button"; button.setAttribute("aria-label", `${say(word)}: ${record.id}`); }
    correct.addEventListener("click", () => edit(record.id)); remove.addEventListener("click", () => drop(record)); row.append(correct, remove);
  } else { const link = make("a", say("look")); link.href = `/records/${record.kind}/${record.id}`; link.className = "button"; link.setAttribute("aria-label", `${say("look")}: ${record.id}`); row.append(link); }
  item.append(row);
  return item;
}
async function render() {
  const records = await db.getAll("records"), kept = records.filter((one) => one.state === "kept").sort((a, b) => b.kept_at - a.kept_at), sent = records.filter((one) => one.state === "sent").sort((a, b) => b.sent_at - a.sent_at);
  const wrong = kept.filter((one) => one.problems.length).length, focused = document.activeElement?.getAttribute("aria-label");
  find("#n-kept").textContent = kept.length; find("#n-sent").textContent = sent.length;
  find("#kept-list").replaceChildren(...kept.map(shown)); find("#sent-list").replaceChildren(...sent.map(shown));
  if (focused && !document.activeElement?.getAttribute("aria-label")) find(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  find("#none-kept").hidden = Boolean(kept.length); find("#none-sent").hidden = Boolean(sent.length); find("#send").hidden = !kept.length;
  find("#state").dataset.state = kept.length ? "kept" : "sent";
  const words = line || (!navigator.onLine ? say("offline") : wrong ? say("wrong", { n: wrong }) : kept.length ? "" : sent.length ? say("all_sent") : say("nothing"));
  if (find("#line").textContent !== words) find("#line").textContent = words;
  const editing = forms[active].editing, told = find(".correcting");
  told.hidden = !editing; told.textContent = editing ? say("correcting", { id: editing }) : "";
  document.body.dataset.field = sending ? "sending" : "ready";
}
async function nearEvidence(ticked) {  // evidence of this phone, the newest first, to be ticked in a box
  const list = find("#near-evidence"), found = db ? (await db.getAll("records")).filter((one) => one.kind === "evidence").sort((a, b) => b.kept_at - a.kept_at).slice(0, 6) : [];
  list.replaceChildren(...found.map((record) => {
    const label = Object.assign(make("label"), { className: "choice" }), tick = Object.assign(make("input"), { type: "checkbox", name: "evidence_ids", value: record.id, checked: ticked.includes(record.id) });
    label.append(tick, make("span", `${named(record)}, ${clock(record.kept_at)} (${record.id})`)); return label;
  }));
  find("#no-evidence").hidden = Boolean(found.length);
}
async function edit(id) {
  const record = await db.get("records", id);
  if (!record || record.state !== "kept") return render();
  show(record.kind);
  if (!forms[record.kind].editing) forms[record.kind].correct(record);  // one at a time: what was changed in another would be lost
  await render();
  find(".kinds").scrollIntoView(); find("input", forms[record.kind].element).focus({ preventScroll: true });
}
async function drop(record) {
  if (!window.confirm(say(record.tried ? "ask_remove_doubt" : "ask_remove", { id: record.id }))) return;
  await db.delete("records", record.id); other?.postMessage("changed");
  for (const form of Object.values(forms)) if (form.editing === record.id) form.clear();
  line = say("removed", { id: record.id }); await render(); line = "";
  find("#kept").focus();
}
function show(kind) {
  active = kind;
  localStorage.setItem("fadeout-field-active", kind);
  for (const button of all(".kinds button")) button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
  for (const [name, form] of Object.entries(forms)) form.element.hidden = name !== kind;
  if (kind === "box") nearEvidence(forms.box.fields().evidence_ids ?? []);
}

if (await open()) {
  who = localStorage.getItem("fadeout-field-who") ?? "";
  if (who) find("#who").textContent = say("you", { name: who });
  for (const element of all("form[data-form]")) forms[element.dataset.form] = new Form(element);
  const last = localStorage.getItem("fadeout-field-active");
  show(last in forms ? last : "evidence");
  for (const button of all(".kinds button")) button.addEventListener("click", () => { show(button.dataset.kind); render(); });
  find("#send").addEventListener("click", () => sendAll(true));
  other?.addEventListener("message", () => render());
  window.addEventListener("online", () => sendAll());
  window.addEventListener("offline", () => { line = ""; render(); });
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") sendAll(); });
  setInterval(() => { Object.values(forms).forEach((one) => one.aged()); sendAll(); }, EVERY_MS);
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    const button = find("#install"); button.hidden = false;
    button.addEventListener("click", () => { button.hidden = true; event.prompt(); }, { once: true });
  });
  await render();
  navigator.serviceWorker?.register("/field/worker.js", { scope: "/field" }).catch(() => undefined);
  await sendAll();
}
