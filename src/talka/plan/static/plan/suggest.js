// Names to choose from while a list of names is typed: <textarea data-suggest="id of a datalist">. What stands after the
// last comma is looked for, in short and full names; a click, or Enter on the button, puts the short name there.
(() => {
  "use strict";
  const MOST = 6;
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const typed = (area) => area.value.slice(0, area.selectionEnd).split(/[,;\n]/).pop().trimStart();
  const begin = (area) => {
    if (area.talkaSuggests) return;
    area.talkaSuggests = true;
    const known = [...(document.getElementById(area.dataset.suggest)?.options ?? [])].map((option) => ({
      short: option.value, full: option.text, words: ` ${plain(`${option.value} ${option.text}`)}`,
    }));
    const box = document.createElement("div");
    box.className = "d-flex flex-wrap gap-1 mt-1";
    area.after(box);
    const offer = () => {
      const word = plain(typed(area)).trim();
      const found = word.length < 2 ? [] : known.filter((each) => each.words.includes(` ${word}`) && plain(each.short) !== word);
      box.replaceChildren(...found.slice(0, MOST).map((each) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "btn btn-sm";
        button.textContent = each.short === each.full ? each.short : `${each.short} – ${each.full}`;
        button.addEventListener("click", () => {
          const end = area.selectionEnd;
          const start = end - typed(area).length;
          area.setRangeText(each.short, start, end, "end");
          area.dispatchEvent(new Event("input", { bubbles: true }));
          area.focus();
          box.replaceChildren();
        });
        return button;
      }));
    };
    area.addEventListener("input", offer);
  };
  const all = () => document.querySelectorAll("textarea[data-suggest]").forEach(begin);
  all();
  document.addEventListener("htmx:afterSettle", all);
})();
