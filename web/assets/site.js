// What pages can do beyond reading: suggestions while somebody types, and the box of a static site. Everything else
// works without. Nothing typed here leaves the machine before the form is sent.
"use strict";
(() => {
  const body = document.body;
  const root = body.dataset.root ?? "";
  const suggestions_max = 8;
  let index;

  // [title, address, code or ""] of each page, put there by search-LANG.js.
  function load_index() {
    index ??= new Promise((done) => {
      const script = document.createElement("script");
      script.src = body.dataset.index;
      script.onload = () => done(globalThis.postil_index ?? []);
      script.onerror = () => done([]);
      document.head.append(script);
    });
    return index;
  }

  const folded = (text) => text.toLocaleLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
  // A code without its class, so that 5.1.1 finds x.1.1.
  const without_class = (code) => code.replace(/^[245x](?=\.)/i, "x");

  function search(pages, query) {
    const words = folded(query).split(/\s+/).filter(Boolean);
    if (words.length === 0) return [];
    const found = [];
    for (const [title, address, code] of pages) {
      const text = folded(`${code} ${title}`);
      let score = 0;
      for (const word of words) {
        if (code !== "" && without_class(word) === code) score += 100;
        else if (code !== "" && code.startsWith(without_class(word))) score += 20;
        else if (text.includes(word)) score += 10;
        else { score = 0; break; }
      }
      if (score > 0) found.push({ title, address, code, score });
    }
    found.sort((a, b) => b.score - a.score);
    return found.slice(0, suggestions_max);
  }

  function list_of(found) {
    const list = document.createElement("ul");
    for (const { title, address, code } of found) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = root + address;
      if (code !== "") {
        const shown = document.createElement("code");
        shown.textContent = code;
        link.append(shown, " ");
      }
      const words = document.createElement("span");
      words.textContent = title;
      link.append(words);
      item.append(link);
      list.append(item);
    }
    return list;
  }

  function message(text) {
    const line = document.createElement("p");
    line.textContent = text;
    return line;
  }

  for (const form of document.querySelectorAll("[data-search]")) {
    const holder = form.parentElement;
    const place = holder.querySelector("[data-suggestions]");
    const input = form.querySelector("input");
    const files = document.querySelector("[data-box][data-files]") !== null || !root_is_served();
    holder.hidden = false;
    place.setAttribute("role", "status");
    const show = async () => {
      const query = input.value.trim();
      if (query === "") return place.replaceChildren();
      const found = search(await load_index(), query);
      if (query !== input.value.trim()) return;
      place.replaceChildren(found.length > 0 ? list_of(found) : message(place.dataset.none));
    };
    input.addEventListener("focus", load_index, { once: true });
    input.addEventListener("input", show);
    holder.addEventListener("keydown", (event) => {
      const links = [...place.querySelectorAll("a")];
      const at = links.indexOf(document.activeElement);
      if (event.key === "Escape") {
        place.replaceChildren();
        input.focus();
      } else if (event.key === "ArrowDown" && at + 1 < links.length) {
        event.preventDefault();
        links[at + 1].focus();
      } else if (event.key === "ArrowUp" && at >= 0) {
        event.preventDefault();
        (at === 0 ? input : links[at - 1]).focus();
      }
    });
    holder.addEventListener("focusout", (event) => {
      if (!holder.contains(event.relatedTarget)) setTimeout(() => place.replaceChildren(), 150);
    });
    form.addEventListener("submit", async (event) => {
      if (!files) return;
      event.preventDefault();
      const found = search(await load_index(), input.value.trim());
      if (found.length > 0) location.href = root + found[0].address;
      else show();
    });
  }

  // A static site has a policy in the page itself; a served one has it in a header.
  function root_is_served() {
    return document.querySelector("meta[http-equiv='Content-Security-Policy']") === null;
  }

  for (const form of document.querySelectorAll("[data-box][data-files]")) {
    const result = document.querySelector("[data-result]");
    const list = result.querySelector("[data-list]");
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const text = form.querySelector("textarea").value;
      const pages = await load_index();
      const by_code = new Map(pages.filter((page) => page[2] !== "").map((page) => [page[2], page]));
      const codes = text.match(/(?<![\w.])(?:[245]\.\d{1,3}\.\d{1,3}|[2-5]\d\d)(?![\w.]*\w)/g) ?? [];
      const found = [...new Set(codes.map(without_class))].map((code) => by_code.get(code)).filter(Boolean);
      list.replaceChildren(
        message(found.length > 0 ? result.dataset.found : result.dataset.none),
        list_of(found.map(([title, address, code]) => ({ title, address, code }))),
      );
      result.hidden = false;
    });
  }

  for (const form of document.querySelectorAll("[data-compare][data-files]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const codes = [form.elements.a.value, form.elements.b.value].sort();
      if (codes[0] !== codes[1]) location.href = `${codes[0]}-vs-${codes[1]}.html`;
    });
  }
})();
