#!/usr/bin/python3
"""Loads the pages in build/doc/ in headless Chromium, as a phone shows them, and checks what a reader would notice.

Chromium gets them from a server on loopback, and reaches no other host. Debian: chromium-driver, python3-selenium.
"""
import functools
import glob
import http.server
import json
import os
import sys
import threading
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SITE, PICTURES = "build/doc", "doc/pictures"
PHONE, DESK = 375, 1280

# What reaches beyond the screen, without a box around it that can be scrolled.
LOOK = """
const width = %d, scrolls = element => element && element !== document.body &&
  (/auto|scroll/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
const wide = [...document.querySelectorAll('article *')].filter(element =>
  element.getBoundingClientRect().right > width + 1 && !scrolls(element.parentElement));
return {
  links: [...document.querySelectorAll('a[href]')].map(link => link.href),
  names: [...document.querySelectorAll('[id]')].map(element => element.id),
  pictures: document.querySelectorAll('figure :is(svg, pre):first-child').length,
  width: document.documentElement.scrollWidth,
  wide: wide.slice(0, 3).map(element => element.outerHTML.slice(0, 80)),
}
""" % PHONE


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Site:
    """A browser, and a server of the pages."""

    def __init__(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=SITE))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.root = "http://127.0.0.1:%d/" % server.server_port
        options = webdriver.ChromeOptions()
        for option in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-background-networking",
                       "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"):
            options.add_argument("--" + option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.binary_location = "/usr/bin/chromium"
        self.browser = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.errors, self.foreign = [], []

    def resize(self, width):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width == PHONE})

    def load(self, page):
        self.browser.get(self.root + page)
        seen = self.browser.execute_script(LOOK)
        self.read_logs(page)
        return seen

    def read_logs(self, page):
        for entry in self.browser.get_log("browser"):
            if entry["level"] == "SEVERE":
                self.errors.append("%s: %s" % (page, entry["message"]))
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith((self.root, "data:", "blob:" + self.root)):
                    self.foreign.append("%s: %s" % (page, url))

    def find(self, word):
        """The links of the results of a search."""
        self.resize(DESK)
        self.browser.get(self.root)
        self.browser.find_element(By.CSS_SELECTOR, "input.md-search__input").send_keys(word)
        try:
            results = WebDriverWait(self.browser, 10).until(
                lambda browser: browser.find_elements(By.CSS_SELECTOR, "a.md-search-result__link"))
        except TimeoutException:
            results = []
        self.read_logs("search")
        return [result.get_attribute("href") for result in results]

    def switch(self):
        """The color schemes before and after a click on the switch."""
        self.resize(DESK)
        self.browser.get(self.root)
        schemes = []
        for _ in range(2):
            schemes.append(self.browser.find_element(By.TAG_NAME, "body").get_attribute("data-md-color-scheme"))
            for label in self.browser.find_elements(By.CSS_SELECTOR, "[data-md-component=palette] label"):
                if label.is_displayed():
                    label.click()
                    break
        return schemes


def broken(root, pages):
    """Links that lead nowhere: between the pages, and to their headings."""
    found = []
    for page, seen in pages.items():
        for link in set(seen["links"]):
            if not link.startswith(root):
                continue
            target, _, anchor = link[len(root):].partition("#")
            target, anchor = urllib.parse.unquote(target) or "index.html", urllib.parse.unquote(anchor)
            if not os.path.isfile(os.path.join(SITE, target)):
                found.append("%s: no page %s" % (page, target))
            elif anchor and target in pages and anchor not in pages[target]["names"]:
                found.append("%s: no heading %s#%s" % (page, target, anchor))
    return found


def main():
    names = sorted(os.path.relpath(path, SITE) for path in glob.glob(SITE + "/**/*.html", recursive=True))
    if "index.html" not in names:
        sys.exit("there are no pages in %s: make doc" % SITE)
    site = Site()
    try:
        site.resize(PHONE)
        pages = {name: site.load(name) for name in names}
        found = any("errors.html" in link for link in site.find("ambiguous"))
        schemes = site.switch()
    finally:
        site.browser.quit()
    wide = ["%s: %d pixels: %s" % (name, seen["width"], seen["wide"]) for name, seen in pages.items()
            if seen["width"] > PHONE or seen["wide"]]
    shown = sum(seen["pictures"] for seen in pages.values())
    checks = (
        ("%d pages load without an error" % len(pages), site.errors),
        ("no page loads anything from another host", site.foreign),
        ("no link leads nowhere", broken(site.root, pages)),
        ("nothing is wider than a phone", wide),
        ("each picture is shown", [] if shown == len(os.listdir(PICTURES)) else ["%d are" % shown]),
        ("the search finds 'ambiguous'", [] if found else ["no result leads to errors.html"]),
        ("a switch leads to dark mode", [] if schemes == ["default", "slate"] else schemes))
    for number, (description, problems) in enumerate(checks, 1):
        print("%s %d - %s" % ("not ok" if problems else "ok", number, description))
        print("".join("# %s\n" % problem for problem in problems), end="", file=sys.stderr, flush=True)
    print("1..%d" % len(checks))
    sys.exit(any(problems for _, problems in checks))


main()
