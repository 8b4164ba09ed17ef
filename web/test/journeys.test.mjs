// What a reader does: by keyboard alone, without scripts, and with the site on a disk.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { export_site, overflow, start_browser, start_demo, watched } from "./site.mjs";

let demo;
let site;
let browser;

before(async () => {
  site = export_site();
  demo = await start_demo();
  browser = await start_browser();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
  site?.remove();
});

const focused = (page) => page.evaluate(() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  return { name: element.id || element.getAttribute("href") || element.tagName, outline: parseFloat(style.outlineWidth), style: style.outlineStyle };
});

test("with the keyboard: skip, paste, have it explained, change the language", async () => {
  const { context, page, problems } = await watched(browser, demo.url);
  await page.goto(`${demo.url}en/`);
  await page.keyboard.press("Tab");
  assert.equal((await focused(page)).name, "#content");
  assert.equal(await page.locator(".skip").evaluate((link) => link.getBoundingClientRect().top >= 0), true);
  await page.keyboard.press("Enter");
  for (let n = 0; n < 5 && (await focused(page)).name !== "box"; ++n) await page.keyboard.press("Tab");
  const box = await focused(page);
  assert.equal(box.name, "box");
  assert.ok(box.outline >= 2 && box.style !== "none", "the focus is seen");
  await page.keyboard.type("550 5.1.1 <ann@example.org>: no such user");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${demo.url}en/explain`);
  assert.match(await page.locator("q").textContent(), /<ann@example\.org>: no such user/);
  await page.goto(`${demo.url}en/smtp/521`);
  const german = page.locator(".languages a[hreflang=de]");
  await german.focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(`${demo.url}de/smtp/521`);
  assert.deepEqual(problems(), []);
  await context.close();
});

test("every stop of the keyboard is seen, and none is a trap", async () => {
  const { context, page } = await watched(browser, demo.url);
  await page.goto(`${demo.url}de/smtp/556`);
  const seen = new Set();
  for (let n = 0; n < 200; ++n) {
    await page.keyboard.press("Tab");
    const at = await focused(page);
    if (at.name === "BODY") break;
    assert.ok(at.outline >= 2 && at.style !== "none", `${at.name} has no visible focus`);
    seen.add(at.name);
  }
  assert.ok(seen.size > 20 && seen.size < 150, `${seen.size} stops`);
  await context.close();
});

test("suggestions while typing", async () => {
  const { context, page, problems } = await watched(browser, demo.url);
  await page.goto(`${demo.url}de/guides/`);
  await page.locator("#site-search").pressSequentially("5.7.26");
  await page.locator("[data-suggestions] a").first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${demo.url}de/smtp/status/x.7.26`);
  await page.locator("#site-search").pressSequentially("postfach voll");
  await page.locator("[data-suggestions] a").first().waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("[data-suggestions] a").count(), 0);
  await page.locator("#site-search").fill("556");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${demo.url}de/smtp/556`);
  assert.deepEqual(problems(), []);
  await context.close();
});

test("without scripts everything can be read, asked and compared", async () => {
  const { context, page, problems } = await watched(browser, demo.url, { javaScriptEnabled: false });
  await page.goto(`${demo.url}ru/`);
  assert.equal(await page.locator(".site-search").isVisible(), false);
  await page.fill("#box", "521");
  await page.click(".box button");
  assert.equal(page.url(), `${demo.url}ru/smtp/521`);
  await page.goto(`${demo.url}ru/explain`);
  await page.fill("#box", "C: AUTH PLAIN AGFubmEAc2VjcmV0\nS: 535 5.7.8 wrong\n");
  await page.selectOption("#box-stage", "auth");
  await page.click(".box button");
  assert.match(await page.locator("h1").textContent(), /535/);
  assert.ok(!(await page.content()).includes("AGFubmEAc2VjcmV0"));
  await page.goto(`${demo.url}ru/smtp/compare/`);
  await page.selectOption("#a", "556");
  await page.selectOption("#b", "235");
  await page.click(".chooser button");
  assert.equal(page.url(), `${demo.url}ru/smtp/compare/235-vs-556`);
  assert.deepEqual(problems(), []);
  await context.close();
});

test("a reader is met in the language of the browser", async () => {
  const { context, page } = await watched(browser, demo.url, { locale: "de-AT" });
  await page.goto(demo.url);
  assert.equal(page.url(), `${demo.url}de/`);
  await context.close();
});

test("the site works from a disk", async () => {
  const { context, page, problems } = await watched(browser, site.url);
  await page.goto(`${site.url}index.html`);
  await page.click("a[hreflang=de]");
  await page.fill("#box", "status=bounced (host mx.example.org said: 550-5.1.1 no such user 550 5.1.1 (in reply to RCPT))");
  await page.click(".box button");
  const codes = page.locator("[data-result] a");
  await codes.first().waitFor();
  assert.deepEqual(await codes.locator("code").allTextContents(), ["550", "x.1.1"]);
  await codes.first().click();
  assert.match(page.url(), /de\/smtp\/550\.html$/);
  await page.locator("#site-search").pressSequentially("null mx");
  await page.locator("[data-suggestions] a").first().waitFor();
  await page.goto(`${site.url}de/smtp/compare/index.html`);
  await page.selectOption("#a", "521");
  await page.selectOption("#b", "235");
  await page.click(".chooser button");
  await page.waitForURL(/235-vs-521\.html$/);
  assert.deepEqual(await overflow(page), []);
  assert.deepEqual(problems(), []);
  await context.close();
});
