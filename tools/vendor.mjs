// Copies the few front-end files Talka serves from node_modules into the tree, so that nobody but a maintainer needs Node.
// Run `npm ci && npm run vendor` after changing a version in package.json; `npm run vendor:check` says whether the tree still agrees.
// The manifest beside the files names each one's package, version, licence and sha384: a reviewer can recompute every line.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const modules = join(root, "node_modules");
const served = "src/talka/ui/static/vendor";   // what browsers get
const tested = "tests/vendor";                 // what only tests get

// Every icon a template may name. The icon tag refuses any other, so add it here, in the alphabet, and run this again.
const ICONS = `
  adjustments affiliate alert-circle alert-triangle archive arrow-back-up arrow-down arrow-left arrow-right arrow-up
  arrows-sort ban bell book box briefcase building building-bank building-community building-factory-2 bulb calendar
  calendar-event certificate chart-bar chart-line check checklist chevron-down chevron-left chevron-right chevron-up circle-check
  circle-dashed circle-half-2 circle-plus circle-x clipboard-check clipboard-list clock copy currency-euro database
  device-desktop dna-2 dots-vertical download droplet external-link eye file-description file-export file-import
  file-spreadsheet file-text file-type-docx file-type-pdf file-type-xls files filter flag flask folder gavel
  git-compare heartbeat help-circle history home hourglass inbox info-circle key language link link-off list
  list-check list-tree lock login logout mail map map-pin math-function menu-2 message-circle microscope minus moon
  news notes paperclip pencil percentage player-play plus presentation printer progress refresh refresh-alert report
  rocket route ruler scale school search send settings shield-check shield-lock sitemap stack-2 star stethoscope sun
  table tag target target-arrow timeline tool topology-star-3 trash trending-down trending-up upload user user-check
  user-circle user-plus users world x zoom-question
`.trim().split(/\s+/);

const text = (...path) => readFileSync(join(modules, ...path), "utf8");
const bytes = (...path) => readFileSync(join(modules, ...path));

// A source map that is not served makes hashed static files fail to build, so the pointer to it goes.
const withoutSourceMap = (source) => source.replace(/\n?\/\/# sourceMappingURL=\S+\s*$|\n?\/\*# sourceMappingURL=\S+ \*\/\s*$/, "\n");

function sprite() {
  const symbols = ICONS.map((name) => {
    const file = join(modules, "@tabler/icons/icons/outline", `${name}.svg`);
    if (!existsSync(file)) throw new Error(`@tabler/icons has no outline icon called "${name}": correct the list ICONS in tools/vendor.mjs`);
    const shapes = readFileSync(file, "utf8").replace(/<!--[\s\S]*?-->/g, "").match(/<svg[^>]*>([\s\S]*)<\/svg>/)[1]
      .split("\n").map((line) => line.trim()).filter((line) => line && !line.includes('M0 0h24v24H0z')).join("");
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round">${shapes}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
}

function fontFaces() {
  // latin-ext carries ā č ē ģ ī ķ ļ ņ š ū ž; the other alphabets stay out.
  const faces = text("@fontsource-variable/inter/wght.css").match(/\/\* [\s\S]*?\*\/\s*@font-face \{[\s\S]*?\}/g);
  const wanted = faces.filter((face) => /inter-latin(-ext)?-wght-normal \*\//.test(face));
  if (wanted.length !== 2) throw new Error(`expected the faces latin and latin-ext in wght.css, found ${wanted.length}`);
  return wanted.join("\n\n").replaceAll("./files/", "") + "\n";
}

const PACKAGES = [
  { name: "@tabler/core", licence: "MIT", files: [
    [`${served}/tabler/tabler.min.css`, () => withoutSourceMap(text("@tabler/core/dist/css/tabler.min.css"))],
  ] },
  { name: "htmx.org", licence: "0BSD", files: [
    [`${served}/htmx/htmx.min.js`, () => withoutSourceMap(text("htmx.org/dist/htmx.min.js"))],
    [`${served}/htmx/LICENSE`, () => text("htmx.org/LICENSE")],
  ] },
  { name: "@fontsource-variable/inter", licence: "OFL-1.1", files: [
    [`${served}/inter/inter.css`, fontFaces],
    [`${served}/inter/inter-latin-wght-normal.woff2`, () => bytes("@fontsource-variable/inter/files/inter-latin-wght-normal.woff2")],
    [`${served}/inter/inter-latin-ext-wght-normal.woff2`, () => bytes("@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2")],
    [`${served}/inter/LICENSE`, () => text("@fontsource-variable/inter/LICENSE")],
  ] },
  { name: "@tabler/icons", licence: "MIT", files: [
    [`${served}/icons/icons.svg`, sprite],
    [`${served}/icons/LICENSE`, () => text("@tabler/icons/LICENSE")],
  ] },
  { name: "axe-core", licence: "MPL-2.0", files: [
    [`${tested}/axe.min.js`, () => withoutSourceMap(text("axe-core/axe.min.js"))],
  ] },
];

const outputs = new Map();
const manifest = PACKAGES.map(({ name, licence, files }) => {
  const about = JSON.parse(text(name, "package.json"));
  if (about.license !== licence) throw new Error(`${name} is now under ${about.license}, the list says ${licence}: read its licence, then correct tools/vendor.mjs`);
  return { name, version: about.version, licence, files: files.map(([path, produce]) => {
    const content = Buffer.from(produce());
    if (path.endsWith(".css") && /(url\(\s*["']?|@import\s+["']?)(https?:)?\/\//.test(content.toString())) {
      throw new Error(`${path} would fetch from another host; everything must be served from here`);
    }
    outputs.set(path, content);
    return { path, bytes: content.length, sha384: createHash("sha384").update(content).digest("base64") };
  }) };
});
outputs.set(`${served}/manifest.json`, Buffer.from(JSON.stringify(manifest, null, 2) + "\n"));

if (process.argv.includes("--check")) {
  const stale = [...outputs].filter(([path, content]) => !existsSync(join(root, path)) || !readFileSync(join(root, path)).equals(content));
  for (const [path] of stale) console.error(`${path} differs from what package.json asks for: run npm run vendor`);
  process.exit(stale.length ? 1 : 0);
}
for (const [path, content] of outputs) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}
console.log(`${outputs.size} files from ${PACKAGES.length} packages`);
