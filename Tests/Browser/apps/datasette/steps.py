"""Datasette (ASGI): tables, a query with a form, a query that writes (CSRF cookie and token), CSV. It has no live channel."""

import json
import sqlite3

QUICK = True
COMMAND = ["{bin}/datasette", "serve", "{folder}/zoo.db", "--metadata", "{folder}/metadata.json", "--host", "127.0.0.1", "--port", "{port}",
           "--setting", "num_sql_threads", "1"]
ANIMALS = [(1, "elephant"), (2, "owl"), (3, "\u00e9tourneau")]


def prepare(app):
    with sqlite3.connect(app.folder / "zoo.db") as database:
        database.execute("create table animals (id integer primary key, name text)")
        database.executemany("insert into animals values (?, ?)", ANIMALS)
        database.execute("create table visits (way text)")
    database.close()
    (app.folder / "metadata.json").write_text(json.dumps(
        {"databases": {"zoo": {"queries": {"visit": {"sql": "insert into visits (way) values (:way)", "write": True}}}}}))


def use(visit):
    page = visit.page
    visit.open()
    page.get_by_role("link", name="zoo", exact=True).first.click()
    page.get_by_role("link", name="animals", exact=True).first.click()
    visit.see(page.locator("td", has_text="elephant"))
    page.reload()
    visit.see(page.locator("td", has_text="\u00e9tourneau"))
    csv = visit.saved(lambda: download(page))
    assert csv.decode().splitlines() == ["id,name", *(f"{number},{name}" for number, name in ANIMALS)]
    page.goto(visit.url + "zoo/visit")
    page.get_by_label("way").fill(visit.way)
    page.get_by_role("button", name="Run SQL").click()
    visit.see(page.locator(".message-info"), "1 row affected")
    page.goto(visit.url + "zoo/visits")
    visit.see(page.locator("td", has_text=visit.way).last)


def download(page):
    page.get_by_label("download file").check()
    page.get_by_role("button", name="Export CSV").click()
