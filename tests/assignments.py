"""JupyterLab's Assignment List, as a student uses it in the browser."""

from __future__ import annotations

from playwright.sync_api import Locator, Page


def open_list(page: Page, lab: str) -> None:
    """Menu Nbgrader, Assignment List, in a JupyterLab at that address."""
    page.goto(lab)
    page.locator(".jp-Launcher").wait_for()
    page.get_by_role("menuitem", name="Nbgrader", exact=True).click()
    page.get_by_role("menuitem", name="Assignment List", exact=True).click()
    page.locator("#released_assignments_list_loading").wait_for(state="hidden")


def row(page: Page, kind: str, assignment: str) -> Locator:
    """kind: released, fetched or submitted."""
    return page.locator(f"#{kind}_assignments_list .list_item", has_text=assignment).first


def fetch(page: Page, assignment: str) -> None:
    row(page, "released", assignment).get_by_role("button", name="Fetch", exact=True).click()
    row(page, "fetched", assignment).wait_for()


def submit(page: Page, assignment: str) -> None:
    row(page, "fetched", assignment).get_by_role("button", name="Submit", exact=True).click()
    row(page, "submitted", assignment).wait_for()


def fetch_feedback(page: Page, assignment: str) -> None:
    page.locator("#refresh_assignments_list").click()
    row(page, "submitted", assignment).get_by_role("button", name="Fetch Feedback", exact=True).click()
    page.get_by_text("view feedback").first.wait_for(state="attached")
