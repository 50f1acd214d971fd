// What every page does: forms that htmx sends carry the page's token; forms that ask before they act; nothing is sent twice.
const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";
document.addEventListener("htmx:configRequest", (event) => { event.detail.headers["x-csrf-token"] = csrf; });
document.addEventListener("submit", (event) => {
  const form = event.target;
  const asks = event.submitter?.dataset.ask ?? form.dataset.ask;
  if (asks && !window.confirm(asks)) { event.preventDefault(); return; }
  if (form.dataset.sent && form.method === "post") { event.preventDefault(); return; }
  if (form.method === "post" && !form.hasAttribute("hx-post")) form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
document.addEventListener("keydown", (event) => {  // "/" goes to the first filter, as people know it from elsewhere
  if (event.key === "/" && !/^(input|select|textarea)$/i.test(document.activeElement?.tagName ?? "")) {
    const first = document.querySelector("[data-first-filter]");
    if (first) { event.preventDefault(); first.focus(); }
  }
});
function reachable() {  // what scrolls sideways is reached by key
  for (const one of document.querySelectorAll(".wide")) {
    if (one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight) one.tabIndex = 0; else one.removeAttribute("tabindex");
  }
}
reachable();
window.addEventListener("resize", reachable);
document.addEventListener("toggle", reachable, true);
document.addEventListener("htmx:afterSettle", reachable);
