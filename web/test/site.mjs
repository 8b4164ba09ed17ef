// What the browser tests share: the demo as a process, Chromium, and what must hold on every page.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const program = process.env.POSTIL_PROGRAM ?? fileURLToPath(new URL("../../build/postil", import.meta.url));
export const languages = ["en", "ar", "de", "es", "fr", "ja", "pt-BR", "ru", "zh-Hans"];
export const narrow = { width: 320, height: 640 };
export const wide = { width: 1280, height: 900 };

function free_port() {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

// `postil demo`; resolves when its pages answer.
export async function start_demo() {
  const folder = mkdtempSync(join(tmpdir(), "postil-web-"));
  const [port, tls, hosts, web] = await Promise.all([free_port(), free_port(), free_port(), free_port()]);
  const demo = spawn(program, ["demo", "--folder", join(folder, "demo"), "--port", port, "--port-tls", tls, "--host-port", hosts,
    "--port-web", web].map(String), { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => demo.kill("SIGKILL"));
  let output = "";
  demo.stdout.on("data", (text) => { output += text; });
  const url = `http://127.0.0.1:${web}/`;
  const end = Date.now() + 60_000;
  for (;;) {
    assert.equal(demo.exitCode, null, `the demo ended: ${output}`);
    assert.ok(Date.now() < end, `the demo is not ready: ${output}`);
    try {
      await fetch(`${url}robots.txt`);
      break;
    } catch {
      await new Promise((done) => setTimeout(done, 50));
    }
  }
  const stop = async () => {
    const ended = new Promise((done) => demo.once("exit", done));
    demo.kill("SIGTERM");
    const code = await ended;
    rmSync(folder, { recursive: true, force: true });
    assert.equal(code, 0, "the demo ended badly");
  };
  return { url, stop };
}

// `postil catalog export`, opened from the disk.
export function export_site() {
  // Thousands of small files: in memory where that is to be had.
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "postil-web-"));
  const done = spawnSync(program, ["catalog", "export", "--format", "html", folder], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  return { url: pathToFileURL(folder).href + "/", remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export function start_browser() {
  return chromium.launch({
    executablePath: process.env.POSTIL_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
      "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"],
  });
}

// A page whose console, requests and sizes are watched: problems() must stay empty.
export async function watched(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: wide, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const problems = [];
  let octets = 0;
  page.on("console", (message) => {
    // The page about what is not there is a 404, which the console tells.
    if (["error", "warning"].includes(message.type()) && !message.text().includes("404")) problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`script: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) problems.push(`request to ${request.url()}`);
  });
  page.on("requestfinished", async (request) => {
    octets += (await request.sizes().catch(() => ({ responseBodySize: 0 }))).responseBodySize;
  });
  return { context, page, problems: () => problems, octets: () => octets };
}

// What reaches out of the page at this width, though it does not scroll by itself.
export async function overflow(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const found = [];
    if (document.documentElement.scrollWidth > width) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
    const scrolls = (element) => element && (["auto", "scroll", "hidden"].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
    for (const element of document.body.querySelectorAll("*")) {
      const box = element.getBoundingClientRect();
      if (box.width === 0 || box.height === 0 || element.closest(".away, .skip") || scrolls(element.parentElement)) continue;
      if (box.right > width + 1 || box.left < -1) found.push(`${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 40)}`);
    }
    return found.slice(0, 5);
  });
}
