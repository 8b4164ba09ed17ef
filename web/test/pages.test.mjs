// Every kind of page in every language: axe finds nothing, nothing reaches out at 320 px, nothing is fetched from elsewhere. axe takes
// most of the time: it sees every kind in English, and every third in each other language, another third in each.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { languages, narrow, overflow, start_browser, start_demo, watched, wide } from "./site.mjs";

const axe_source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const kinds = ["", "smtp/", "smtp/521", "smtp/550", "smtp/5xx", "smtp/status/x.7.1", "smtp/status/x.7.x", "smtp/stage/rcpt",
  "smtp/compare/", "smtp/compare/235-vs-521", "smtp/compare/421-vs-450-vs-550", "reasons", "guides/", "guides/null-mx", "glossary",
  "providers/", "providers/gmail", "explain", "explain?q=550%205.1.1%20The%20email%20account%20does%20not%20exist",
  "explain?q=CONNECT-BLOCKED-HERE", "nothing/here", "card/521"];
const first_load_octets_max = 200_000;

let demo;
let browser;

before(async () => {
  demo = await start_demo();
  browser = await start_browser();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

async function violations(page, options) {
  await page.evaluate(axe_source);
  const result = await page.evaluate((chosen) => globalThis.axe.run(document, chosen), options);
  return result.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).slice(0, 3).join("; ")}`);
}

describe("every kind of page", { concurrency: 3 }, () => languages.forEach((language, at) => {
  test(`pages in ${language}`, async () => {
    const { context, page, problems, octets } = await watched(browser, demo.url, { colorScheme: "light" });
    for (const [n, kind] of kinds.entries()) {
      const before_octets = octets();
      const answer = await page.goto(`${demo.url}${language}/${kind}`);
      assert.ok([200, 404].includes(answer.status()), `${kind}: ${answer.status()}`);
      assert.equal(await page.locator("html").getAttribute("lang"), language, kind);
      assert.ok(octets() - before_octets < first_load_octets_max, `${kind}: ${octets() - before_octets} octets`);
      const look_closely = at === 0 || n % languages.length === at;
      const all = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
      if (look_closely) {
        assert.deepEqual(await violations(page, all), [], `${language}/${kind}, light`);
        await page.emulateMedia({ colorScheme: "dark" });
        assert.deepEqual(await violations(page, { runOnly: ["color-contrast"] }), [], `${language}/${kind}, dark`);
        await page.emulateMedia({ colorScheme: "light" });
      }
      assert.deepEqual(await overflow(page), [], `${language}/${kind}, wide`);
      await page.setViewportSize(narrow);
      assert.deepEqual(await overflow(page), [], `${language}/${kind}, 320 px`);
      await page.setViewportSize(wide);
    }
    assert.deepEqual(problems(), []);
    await context.close();
  });
}));

test("light and dark are two schemes", async () => {
  const { context, page } = await watched(browser, demo.url);
  await page.goto(`${demo.url}en/smtp/521`);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  const light = await ground();
  await page.emulateMedia({ colorScheme: "dark" });
  assert.notEqual(await ground(), light);
  await context.close();
});

test("on paper there is only the text", async () => {
  const { context, page } = await watched(browser, demo.url);
  await page.goto(`${demo.url}de/smtp/521`);
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator(".site-nav").isVisible(), false);
  assert.equal(await page.locator(".compare-links").isVisible(), false);
  assert.equal(await page.locator("h1").isVisible(), true);
  await context.close();
});

test("on a phone no table has to be moved sideways", async () => {
  const { context, page } = await watched(browser, demo.url, { viewport: narrow });
  for (const kind of ["de/smtp/", "ru/smtp/", "de/smtp/compare/235-vs-521", "ru/smtp/compare/421-vs-450-vs-550"]) {
    await page.goto(`${demo.url}${kind}`);
    const wider = await page.locator(".table-frame").evaluateAll((all) => all.filter((frame) => frame.scrollWidth > frame.clientWidth + 1).length);
    assert.equal(wider, 0, kind);
    assert.deepEqual(await violations(page, { runOnly: ["wcag2a", "wcag2aa", "wcag22aa", "best-practice"] }), [], `${kind}, 320 px`);
  }
  await context.close();
});

test("on a phone each of three codes stands beside what is said of it", async () => {
  const { context, page } = await watched(browser, demo.url, { viewport: narrow });
  await page.goto(`${demo.url}de/smtp/compare/421-vs-450-vs-550`);
  const cells = await page.locator(".versus-table tbody tr").first().locator("td").evaluateAll((all) => all.map((cell) =>
    [getComputedStyle(cell, "::before").content, Math.round(cell.getBoundingClientRect().left)]));
  assert.deepEqual(cells.map(([code]) => code), ['"421"', '"450"', '"550"']);
  assert.equal(new Set(cells.map(([, left]) => left)).size, 1);
  await page.goto(`${demo.url}de/smtp/compare/235-vs-521`);
  const two = await page.locator(".versus-table tbody tr").first().locator("td").evaluateAll((all) => all.map((cell) => Math.round(cell.getBoundingClientRect().top)));
  assert.equal(two[0], two[1]);
  await context.close();
});

test("in high contrast only the section that is open is underlined", async () => {
  const { context, page } = await watched(browser, demo.url, { forcedColors: "active" });
  await page.goto(`${demo.url}en/smtp/521`);
  const lines = await page.locator(".site-nav a").evaluateAll((links) => links.map((link) => {
    const seen = (element, of) => getComputedStyle(element)[of];
    return [link.hasAttribute("aria-current"), seen(link, "borderBlockEndColor") !== seen(document.body, "backgroundColor")];
  }));
  assert.ok(lines.some(([open]) => open));
  for (const [open, underlined] of lines) assert.equal(underlined, open);
  await context.close();
});

test("a page of another site can show the card, and nothing else", async () => {
  const { context, page, problems } = await watched(browser, "");
  const body = `<iframe src="${demo.url}de/card/521" title="card"></iframe><iframe src="${demo.url}de/smtp/521" title="page"></iframe>`;
  const embedder = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(body));
  await new Promise((done) => embedder.listen(0, "127.0.0.1", done));
  try {
    // The browser tells of the refused frame when it is done with it, before or after the card is there.
    const refused = page.waitForEvent("console", (message) => message.text().includes("frame-ancestors"));
    await Promise.all([refused, page.goto(`http://127.0.0.1:${embedder.address().port}/`)]);
    await page.frameLocator("iframe[title=card]").locator("h1").waitFor();
    assert.match(await page.frameLocator("iframe[title=card]").locator("h1").textContent(), /521/);
    assert.ok(problems().every((problem) => problem.includes("frame-ancestors")), problems().join("\n"));
  } finally {
    embedder.close();
    embedder.closeAllConnections();
    await context.close();
  }
});
