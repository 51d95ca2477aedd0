// Sets light or dark before the first paint. The choice lives on the device; "auto" follows the device.
(() => {
  "use strict";
  const root = document.documentElement;
  const device = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try { return localStorage.getItem("talka:theme") || "auto"; } catch { return "auto"; }
  };
  let printing = false;
  const apply = () => {
    const choice = chosen();
    root.dataset.themeChoice = choice;
    // Paper is white: a dark page would print as black ink or as white text on nothing.
    if (printing) root.dataset.bsTheme = "light";
    else root.dataset.bsTheme = choice === "auto" ? (device.matches ? "dark" : "light") : choice;
  };
  apply();
  device.addEventListener("change", apply);
  addEventListener("storage", (event) => { if (event.key === "talka:theme") apply(); });
  addEventListener("beforeprint", () => { printing = true; apply(); });
  addEventListener("afterprint", () => { printing = false; apply(); });
  addEventListener("talka:theme", (event) => {
    try { localStorage.setItem("talka:theme", event.detail); } catch { /* private window: the choice lasts one page */ }
    apply();
    root.dataset.themeChoice = event.detail;
    if (event.detail !== "auto") root.dataset.bsTheme = event.detail;
  });
})();
