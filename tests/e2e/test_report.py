"""`banyan report`: the page of a run, opened in a real browser where there is one."""

import base64
import gzip
import json
import math
import pathlib
import re
import sqlite3

import matplotlib.image
import pytest
from browser import MISSING, Browser, find_browser
from svg_texts import svg_texts

HOSTILE = "</script><script>document.title = 'broken'</script><img src=x onerror=\"document.title='broken'\">"


@pytest.fixture(scope="module")
def page(tuned, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "run.html"
    done = tuned.ok("report", "--out", path, "--json")
    assert done.json["page"] == str(path)
    assert done.json["run_id"] == tuned.result["run_id"]
    assert done.json["bytes"] == path.stat().st_size < 5_000_000
    return path


@pytest.fixture(scope="module")
def browser():
    program = find_browser()
    if program is None:
        pytest.skip(MISSING)
    browser = Browser(program)
    yield browser
    browser.close()


def data_of(page):
    return json.loads(re.search(r'id="data"[^>]*>(.*?)</script>', page.read_text(), re.DOTALL)[1])


def test_data_is_the_runs(page, tuned):
    data = data_of(page)
    result = tuned.result
    assert data["run"]["id"] == result["run_id"]
    assert data["headline"]["best_latency_ms"] == result["best_latency_ms"]
    assert data["headline"]["best_latency_ci_ms"] == result["best_latency_ci_ms"]
    assert data["headline"]["speedup"] == pytest.approx(result["speedup"])
    assert data["headline"]["trials"] == len(data["trials"]["id"]) == result["trials"]
    assert data["best"]["plan"] == result["plan"]
    calls = {m["name"]: m["calls"] for m in data["models"] if m["is_model"]}
    assert calls == {name: use["calls"] for name, use in result["models"].items()}
    assert any("def main" in p["script"] for p in data["programs"])
    assert data["notes"] == []


def test_default_file_and_errors(tuned, banyan):
    missing = banyan("report")
    assert missing.status == 2 or "store" in missing.error_line()
    store = str(tuned.folder / "banyan.db")
    done = banyan.ok("report", "--store", store)
    name = f"banyan-report-{tuned.result['run_id']}.html"
    assert done.out.strip() == str(banyan.folder / name)
    assert (banyan.folder / name).exists()
    assert "no run '99'" in banyan("report", "99", "--store", store).error_line()
    assert banyan("report", "--store", store, "--out", "no/such/folder.html").status == 2


def opened(browser, path, width=1400, dark=False):
    browser.problems.clear()
    browser.requests.clear()
    browser.size(width, dark=dark)
    browser.open(path)


def quiet(browser):
    assert browser.problems == []
    assert [r for r in browser.requests if not r.startswith(("file:", "data:"))] == []


def overlap(a, b):
    """The area that two boxes share."""
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


BOXES = """[...document.querySelectorAll('.chart svg')].map((svg) => [...svg.querySelectorAll('text.tick')].map((t) => {
    const r = t.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }))"""


def check_ticks(browser, width):
    """No text of an axis touches another, or leaves the page."""
    charts = browser.run(BOXES)
    for chart in charts:
        assert chart and all(0 <= box[0] and box[2] <= width for box in chart)
        assert all(overlap(a, b) == 0 for i, a in enumerate(chart) for b in chart[:i])
    return len(charts)


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_opens_draws_and_loads_nothing(page, browser, width, dark):
    opened(browser, page, width, dark)
    sections = browser.run("[...document.querySelectorAll('main section')].map((s) => s.id)")
    assert sections == ["convergence", "models", "calls", "tree", "best", "finals", "trials", "time", "setup",
                        "reproduce"]
    assert browser.run("document.querySelectorAll('.chart svg path, .chart svg rect').length") > 5
    assert browser.run("document.querySelectorAll('#trials tbody tr').length") == 6
    # Something is drawn on the tree's canvas.
    assert browser.run("""(() => { const c = document.querySelector('#tree canvas');
        return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0); })()""")
    # Nothing is wider than the page: what is wide scrolls in its own box.
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert check_ticks(browser, width) == 3
    quiet(browser)


def test_the_first_plan_is_no_refinement(page, browser):
    """The ledger shows what the first plan brought over the unscheduled program apart, and the parts make up the whole."""
    data = data_of(page)
    firsts = [m for m in data["models"] if m["first_gain"] > 0]
    assert len(firsts) == 1 and firsts[0]["gain"] >= firsts[0]["first_gain"]
    whole = data["headline"]["default_latency_ms"] / min(t for t in data["trials"]["latency_ms"] if t)
    assert math.exp(sum(m["gain"] for m in data["models"])) == pytest.approx(whole)
    opened(browser, page)
    heads, row = browser.run(f"""(() => {{ const t = document.querySelector('#models table');
        const row = [...t.tBodies[0].rows].find((r) => r.cells[0].textContent === {json.dumps(firsts[0]["name"])});
        return [[...t.tHead.rows[0].cells], [...row.cells]].map((cells) => cells.map((c) => c.textContent)); }})()""")
    shown = dict(zip(heads, row))
    rest = math.exp(firsts[0]["gain"] - firsts[0]["first_gain"])
    assert float(shown["First plan"].rstrip("\u00d7")) == pytest.approx(math.exp(firsts[0]["first_gain"]), rel=0.01)
    assert shown["Refinements"] == "\u2013" if rest == 1 else float(shown["Refinements"].rstrip("\u00d7")) == pytest.approx(rest, rel=0.01)
    quiet(browser)


def test_tree_answers_to_clicks_and_keys(page, browser):
    opened(browser, page)
    browser.run("document.getElementById('tree').scrollIntoView({behavior: 'instant'})")
    browser.settle()
    box = browser.run("(({x, y}) => [x, y])(document.querySelector('#tree canvas').getBoundingClientRect())")
    at = browser.run("B.theTree.where(0)")
    browser.click(box[0] + at[0], box[1] + at[1])
    assert browser.run("document.querySelector('.detail h3').textContent").startswith("Node 0")
    browser.run("document.querySelector('#tree canvas').focus()")
    browser.key("ArrowRight")
    assert browser.run("B.theTree.chosen().depth") == 1
    before = browser.run("B.theTree.view.scale")
    browser.key("+")
    assert browser.run("B.theTree.view.scale") > before
    browser.key("End")
    assert "the best" in browser.run("document.querySelector('.detail h3').textContent")
    browser.run("[...document.querySelectorAll('#tree .tools button')].find((b) => b.textContent === 'latency').click()")
    browser.settle()
    quiet(browser)


def test_tables_sort_and_calls_open(page, browser):
    opened(browser, page)
    column = "[...document.querySelectorAll('#trials tbody tr')].map((r) => r.cells[0].textContent)"
    browser.run("document.querySelector('#trials th button').click()")
    ascending = browser.run(column)
    browser.run("document.querySelector('#trials th button').click()")
    assert ascending == browser.run(column)[::-1] == sorted(ascending, key=int)
    assert browser.run("document.querySelector('#trials th').getAttribute('aria-sort')") == "descending"
    browser.run("document.querySelector('.call summary').click()")
    assert browser.run("document.querySelector('.call').open")
    assert "Why this model" in browser.run("document.querySelector('.call .body').textContent")
    quiet(browser)


def test_hostile_texts_stay_texts(tuned, banyan, browser):
    """What models, workloads and compilers wrote is shown, never run."""
    (banyan.folder / "banyan.db").write_bytes((tuned.folder / "banyan.db").read_bytes())
    connection = sqlite3.connect(banyan.folder / "banyan.db")
    connection.execute("update node set reason = ?, origin = ? where node_id > 0", (HOSTILE, HOSTILE))
    connection.execute("update call set why = ?, model = ?", (HOSTILE, HOSTILE))
    connection.execute("update workload set id = ?, record = json_set(record, '$.id', ?)", (HOSTILE, HOSTILE))
    connection.execute("update trial set failure = 'run_error', failure_text = ? where trial_id = 1", (HOSTILE,))
    connection.commit()
    connection.close()
    banyan.ok("report", "--out", "hostile.html")
    text = (banyan.folder / "hostile.html").read_text()
    assert HOSTILE not in text
    assert text.count("<script") == 2
    opened(browser, banyan.folder / "hostile.html")
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    browser.settle()
    assert browser.run("document.title") == HOSTILE + ": Banyan report"
    assert browser.run("document.querySelector('h1').textContent") == HOSTILE
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert HOSTILE in browser.run("document.querySelector('#calls').textContent")
    quiet(browser)


def study_folder(folder, run_ids=()):
    """What `banyan study` writes: two arms, two workloads, four seeds; one run failed. Names are hostile."""
    runs, pairs = [], []
    arms = ("reasoning", "banyan " + HOSTILE)
    for w, workload in enumerate(("mlp", "conv " + HOSTILE)):
        for seed in range(4):
            latencies = [3 + w + 0.1 * seed, 2.5 + w + 0.12 * seed]
            failed = w == 1 and seed == 3
            for i, arm in enumerate(arms):
                runs.append({
                    "run_id": run_ids[len(runs) % len(run_ids)] if run_ids else f"r{len(runs)}", "arm": arm,
                    "workload_name": workload, "seed": seed, "median_latency_ms": None if failed and i else latencies[i],
                    "status": "failed" if failed and i else "ok", "error": HOSTILE if failed and i else "",
                    "llm_calls": 4, "strong_model_call_count": 4 - 2 * i, "small_model_call_count": 2 * i,
                    "total_tuning_time_sec": 20.5 + seed, "cost_usd": 0.02 / (i + 1), "tokens_in": 900, "tokens_out": 80,
                    "models_s": 3, "search_s": 0.2, "apply_s": 1, "build_s": 9, "run_s": 6, "trials": 32})
            pairs.append({
                "workload_name": workload, "seed": seed, "arm": arms[1], "baseline": arms[0], "budget": "32 trials, 4 calls",
                "baseline_median_latency_ms": latencies[0], "coordinated_median_latency_ms": None if failed else latencies[1],
                "speedup_ratio": None if failed else latencies[0] / latencies[1],
                "log_ratio": None if failed else math.log(latencies[0] / latencies[1]), "interleaved": True,
                "status": "the arm's run failed" if failed else "ok"})
    comparison = {
        "arm": arms[1], "baseline": arms[0], "budget": "32 trials, 4 calls", "verdict": "faster", "pairs": 7, "missing_pairs": 1,
        "wins": 7, "losses": 0, "geomean_speedup": 1.16, "ci_low": 1.08, "ci_high": None, "p_value": 0.0156, "p_holm": 0.0156,
        "extreme_pair": "mlp seed 0 (1.2x)", "geomean_without_extreme": 1.14, "p_without_extreme": 0.03, "workloads": 2,
        "workloads_faster": 2, "cost_saving_supported": False, "workload_ci_low": None, "workload_ci_high": None}
    curves = [{"run_id": r["run_id"], "arm": r["arm"], "workload_name": r["workload_name"], "seed": r["seed"], "points": [
        {"trials": t, "calls": t // 8, "seconds": t / 2, "cost_usd": t / 1000, "best_latency_ms": 4 + 20 / t} for t in (1, 4, 16, 32)]}
        for r in runs if r["status"] == "ok"]
    summary = [{"workload_name": w, "arm": arms[1], "baseline": arms[0], "num_repetitions": 4, "missing_pairs": 0,
                "baseline_median_latency_ms": 3.1, "coordinated_median_latency_ms": 2.6, "latency_improvement_percent": 16.1,
                "speedup_ratio": 1.19, "strict_latency_win": True, "cost_quality_win": True} for w in ("mlp", "conv " + HOSTILE)]
    ledger = [{"arm": a, "model": m, "role": "strong", "runs": 8, "calls": 32, "tokens_in": 100, "tokens_out": 10, "cost_usd": 0.1,
               "seconds": 3} for a in arms for m in ("builtin:analytic", HOSTILE)]
    folder.mkdir()
    for name, rows in (("runs", runs), ("pairs", pairs), ("summary", summary), ("aggregate", [comparison]), ("ledger", ledger),
                       ("curves", curves)):
        (folder / f"{name}.json").write_text(json.dumps({"schema_version": 1, "study": "s", "rows": rows}))
    (folder / "verdicts.json").write_text(json.dumps({
        "schema_version": 1, "study": "matched " + HOSTILE, "description": HOSTILE, "origin": "study", "notes": [HOSTILE],
        "setup": [{"runs": 16, "machine": {"cpus": 8, "memory_bytes": 17179869184, "cpu": "Oak 3000", "llvm_cpu": "oak", "kernel_cores": 2},
                   "versions": {"banyan": "0.1.0", "commit": "abc", "compiler": "GCC 12.2.0", "tvm": "0.27.0", "llvm": "22", "xgboost": "1.7.4",
                                "sqlite": "3.40.1", "libcurl": "7.88.1", "os": "Debian 12, Linux 6.1"}}],
        "comparisons": [dict(comparison, claim="The arm is faster. " + HOSTILE, strong_call_claim="", cost_claim="",
                             by_workload=[{"workload_name": "mlp", "pairs": 4, "geomean_speedup": 1.19}])]}))
    return folder


def test_study_page_answers_the_questions(tuned, banyan, browser):
    folder = study_folder(banyan.folder / "study", [tuned.result["run_id"]])
    done = banyan.ok("report", folder, "--json", "--store", tuned.folder / "banyan.db").json
    assert done["page"] == str(folder / "report.html") and done["bytes"] < 5_000_000
    assert HOSTILE not in (folder / "report.html").read_text()
    for width, dark in ((1400, False), (400, True)):
        opened(browser, done["page"], width, dark)
        sections = browser.run("[...document.querySelectorAll('main section')].map((s) => s.id).filter(Boolean)")
        assert sections == ["verdict", "speedup", "summary", "cost", "models", "convergence", "tree", "claims", "time", "pairs",
                            "runs", "setup", "reproduce"]
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run("document.querySelectorAll('img').length") == 0
        text = browser.run("document.getElementById('main').innerText")
        for words in ("faster", "1.160\u00d7", "The arm is faster.", "1 missing", "not supported", "the arm's run failed"):
            assert words in text, words
        setup = browser.run("document.getElementById('setup').innerText").replace("\u202f", " ")
        for words in ("Oak 3000 (oak)", "8 CPUs", "2 cores", "16.0 GiB", "Debian 12, Linux 6.1", "0.27.0, with LLVM 22", "1.7.4", "3.40.1",
                      "7.88.1", "GCC 12.2.0", "0.1.0"):
            assert words in setup, words
        quiet(browser)
    # Another run's tree is shown when it is chosen.
    assert browser.run("document.querySelector('#tree select').options.length") == 16
    browser.run("(() => { const s = document.querySelector('#tree select'); s.selectedIndex = 1; s.dispatchEvent(new Event('change')); })()")
    browser.settle()
    assert browser.run("document.querySelector('#tree .detail h3').textContent").startswith("Node ")
    # The best node, which is shown first, says how it was made and what it is.
    detail = browser.run("document.querySelector('#tree .detail').textContent")
    assert ", the best" in detail and "Steps added here" in detail and "def main" in detail
    quiet(browser)


def test_study_page_shows_the_whole_verdict(banyan, browser):
    folder = study_folder(banyan.folder / "study")
    verdicts = json.loads((folder / "verdicts.json").read_text())
    verdicts["comparisons"][0].update(verdict="too few pairs to tell", claim="Too few pairs to tell.", strong_call_saving=False,
                                      strong_call_claim="none fewer", cost_saving=True, cost_saving_supported=True, cost_claim="30 % less money: a saving")
    (folder / "verdicts.json").write_text(json.dumps(verdicts))
    page = banyan.ok("report", folder, "--json").json["page"]
    for width in (1400, 390):
        opened(browser, page, width)
        clipped = "[...document.querySelectorAll('.figure .value')].filter((v) => v.scrollWidth > v.clientWidth).map((v) => v.textContent)"
        assert browser.run(clipped) == []
    may, may_not = browser.run("[...document.querySelectorAll('#claims .panel')].map((p) => p.innerText)")
    assert "30 % less money: a saving" in may and "none fewer" not in may and "Too few pairs" not in may
    assert "too few to tell" in may_not
    quiet(browser)


def study_of_arms(folder, count):
    """The study's files with more arms, of few trials, all against the first; names are tame."""
    study_folder(folder)
    names = ["reasoning"] + [f"arm {i}" for i in range(1, count)]

    def rows(name):
        return json.loads((folder / f"{name}.json").read_text())["rows"]

    def named(row, arm):
        tame = {key: text.replace(" " + HOSTILE, "") for key, text in row.items() if isinstance(text, str)}
        return {**row, **tame, "arm": arm}

    first = {name: [row for row in rows(name) if row["arm"] == "reasoning"] for name in ("runs", "curves")}
    for row in first["curves"]:
        row["points"] = [{"trials": t, "calls": t // 2, "seconds": t / 2, "cost_usd": 0, "best_latency_ms": 4 + row["seed"] + 3 / t} for t in (1, 2, 3)]
    tables = {name: [named(row, arm) for arm in names for row in kept] for name, kept in first.items()}
    for name in ("pairs", "summary", "aggregate"):
        tables[name] = [named(row, arm) for arm in names[1:] for row in rows(name)]
    tables["ledger"] = []
    for name, table in tables.items():
        (folder / f"{name}.json").write_text(json.dumps({"schema_version": 1, "study": "s", "rows": table}))
    verdicts = json.loads((folder / "verdicts.json").read_text())
    verdicts["comparisons"] = [named(verdicts["comparisons"][0], arm) for arm in names[1:]]
    (folder / "verdicts.json").write_text(json.dumps(verdicts))
    return names


BANDS = "[...document.querySelectorAll('#convergence .band')].map((b) => getComputedStyle(b).display !== 'none')"
DIM = "[...document.querySelectorAll('#convergence .line')].map((l) => l.classList.contains('dim'))"


@pytest.mark.parametrize("width", [400, 1400])
def test_charts_of_many_arms_can_be_read(banyan, browser, width):
    names = study_of_arms(banyan.folder / "study", 7)
    page = banyan.ok("report", "study", "--json").json["page"]
    opened(browser, page, width)
    assert check_ticks(browser, width) == len(names) + 1
    # All verdicts in one table; a card each on demand.
    rows = browser.run("[...document.querySelectorAll('#verdict tbody tr')].map((r) => [...r.cells].slice(0, 3).map((c) => c.textContent))")
    assert rows == [[arm, names[0], "faster"] for arm in names[1:]]
    assert browser.run("document.querySelectorAll('#verdict details .panel').length") == 6
    assert not browser.run("document.querySelector('#verdict details').open")
    assert "which of 7 methods" in browser.run("document.querySelector('p.verdict').textContent")
    # What a row says of all its pairs stands apart from the rings.
    label, ring = browser.run("""[...document.querySelectorAll('#speedup svg')].map((svg) => [
        Math.min(...[...svg.querySelectorAll('g > text.strong:last-child')].map((t) => t.getBBox().x)),
        Math.max(...[...svg.querySelectorAll('.seed')].map((c) => c.cx.baseVal.value))])[0]""")
    assert label > ring + 5
    # Trials are counted, so the axis has whole numbers.
    ticks = "[...document.querySelectorAll('#convergence text.tick')].map((t) => t.textContent)"
    assert browser.run(ticks) == ["0", "1", "2", "3"]
    # Seeds are rings, and only the last row has an interval.
    rows = browser.run("""[...document.querySelector('#speedup svg').querySelectorAll('g')].map((g) =>
        [g.querySelectorAll('.seed').length, g.querySelectorAll('path').length])""")
    assert rows == [[4, 0], [3, 0], [0, 1]]
    # Lines differ in their dashes, the legend shows them, and the ends are named where there is room.
    dashes = browser.run("[...document.querySelectorAll('#convergence .line > path:first-child')].map((l) => l.style.strokeDasharray)")
    assert len(dashes) == len(set(dashes)) == len(names)
    assert dashes == browser.run("[...document.querySelectorAll('#convergence .legend path')].map((l) => l.style.strokeDasharray)")
    assert browser.run("[...document.querySelectorAll('#convergence .legend button')].map((b) => b.textContent)") == names
    ends = browser.run("[...document.querySelectorAll('#convergence text.end')].map((t) => t.firstChild.textContent)")
    assert sorted(ends) == (sorted(names) if width > 1000 else [])
    # One arm at a time shows its band: the chosen one, for a moment the one pointed at.
    assert browser.run(BANDS) == [False] * len(names) and browser.run(DIM) == [False] * len(names)
    button = "document.querySelectorAll('#convergence .legend button')"
    browser.run(f"{button}[2].click()")
    only = [i == 2 for i in range(len(names))]
    assert browser.run(BANDS) == only and browser.run(DIM) == [not here for here in only]
    browser.run(f"{button}[4].dispatchEvent(new MouseEvent('mouseenter'))")
    assert browser.run(BANDS) == [i == 4 for i in range(len(names))]
    browser.run(f"{button}[4].dispatchEvent(new MouseEvent('mouseleave'))")
    assert browser.run(BANDS) == only
    browser.run("[...document.querySelectorAll('#convergence .tools button')].find((b) => b.textContent === 'calls').click()")
    assert browser.run(BANDS) == only  # a chart that is drawn again has not forgotten
    browser.run(f"{button}[2].click()")
    assert browser.run(BANDS) == [False] * len(names)
    quiet(browser)


@pytest.mark.parametrize("width", [400, 1400])
def test_long_texts_of_axes_leave_one_another_room(page, browser, width):
    opened(browser, page, width)
    browser.run("""(() => { const long = (v) => B.ms(v, 4) + ' of the time';
        const line = () => ({xLabel: 'x', yLabel: 'y', xFormat: long, yFormat: String, series: [{name: 'a', k: 0, points: [[0, 1], [97, 2]]}]});
        document.getElementById('time').append(B.lineChart('long', line),
            B.barChart('long', () => [{name: 'a', value: 97, k: 0, text: 'x'}, {name: 'b', value: 31, k: 0, text: 'y'}], {format: long, label: 'x'}),
            B.barChart('long', () => [{name: 'a', value: 97, k: 0, text: 'x'}, {name: 'b', value: 31, k: 0, text: 'y'}], {format: long, label: 'x', dots: true, rule: {at: 43}})); })()""")
    browser.settle()
    assert check_ticks(browser, width) == 6
    # What a chart is about, the place of its rule, is named first.
    assert "43.00\u202fms of the time" in browser.run("[...document.querySelectorAll('#time text.tick')].map((t) => t.textContent)")
    quiet(browser)


def test_a_page_of_few_arms_shows_all_bands(banyan, browser):
    study_of_arms(banyan.folder / "study", 3)
    opened(browser, banyan.ok("report", "study", "--json").json["page"])
    assert browser.run(BANDS) == [True] * 3
    quiet(browser)


def test_an_arm_without_trials_is_named(banyan, browser):
    folder = banyan.folder / "study"
    names = study_of_arms(folder, 3)
    curves = json.loads((folder / "curves.json").read_text())
    curves["rows"] = [row for row in curves["rows"] if row["arm"] != names[1]]
    (folder / "curves.json").write_text(json.dumps(curves))
    opened(browser, banyan.ok("report", "study", "--json").json["page"])
    assert f"No line of {names[1]}: no trials" in browser.run("document.querySelector('#convergence').textContent")
    assert browser.run("[...document.querySelectorAll('#convergence .legend button')].map((b) => b.textContent)") == [names[0], names[2]]
    browser.run("document.querySelectorAll('#convergence .legend button')[1].click()")
    assert browser.run("[...document.querySelectorAll('#convergence .legend button')].map((b) => b.ariaPressed)") == ["false", "true"]
    quiet(browser)


def test_a_new_width_is_no_error(page, browser):
    """A browser tells a page whose charts grow while it tells them of their size, as an error without an exception."""
    opened(browser, page)
    browser.run("window.errors = []; window.addEventListener('error', (e) => errors.push(e.message))")
    for width in (400, 1400, 700):
        browser.size(width)
        browser.settle()
        assert browser.run("Math.abs(document.querySelector('.chart svg').getAttribute('viewBox').split(' ')[2] - "
                           "document.querySelector('.chart').clientWidth) <= 1")
    assert browser.run("errors") == []
    quiet(browser)


def copies_of_the_run(database, count):
    """Runs with as much to tell as a long search with language models; their ids."""
    with sqlite3.connect(database) as store:
        def columns(table, *but):
            return ", ".join(name for _, name, *_ in store.execute(f"PRAGMA table_info({table})") if name not in but)

        number, run_id = store.execute("SELECT number, run_id FROM run").fetchone()
        others = columns("run", "number", "run_id")
        ids = []
        for i in range(count):
            ids.append(f"{run_id}-{i}")
            copy = store.execute(f"INSERT INTO run(run_id, {others}) SELECT ?, {others} FROM run WHERE number = ?", (ids[-1], number)).lastrowid
            for table in ("node", "trial", "call", "event"):
                rest = columns(table, "run")
                store.execute(f"INSERT INTO {table}(run, {rest}) SELECT ?, {rest} FROM {table} WHERE run = ?", (copy, number))
            store.execute("UPDATE node SET reason = hex(randomblob(2500)) WHERE run = ?", (copy,))
    return ids


def test_study_page_of_many_runs_is_small(tuned, banyan):
    store = banyan.folder / "banyan.db"
    store.write_bytes((tuned.folder / "banyan.db").read_bytes())
    ids = copies_of_the_run(store, 120)
    folder = study_folder(banyan.folder / "study", ids[:1])
    table = json.loads((folder / "runs.json").read_text())
    table["rows"] = [dict(table["rows"][0], run_id=run_id) for run_id in ids]
    (folder / "runs.json").write_text(json.dumps(table))
    done = banyan.ok("report", folder, "--json", "--store", store).json
    assert done["bytes"] == (folder / "report.html").stat().st_size < 5_000_000
    trees = data_of(folder / "report.html")["trees"]
    assert set(trees) == set(ids)
    for packed in trees.values():
        tree = json.loads(gzip.decompress(base64.b64decode(packed["gz"])))
        assert any("cut short" in note or "left out" in note for note in tree["notes"])
        at = tree["nodes"]["id"].index(tree["best"]["node"])
        assert tree["nodes"]["delta"][at] >= 0  # the best plan's steps stay
        assert any("def main" in p["script"] for p in tree["programs"])


def test_study_folder_errors(banyan):
    folder = study_folder(banyan.folder / "study")
    (folder / "pairs.json").write_text("{")
    done = banyan("report", folder)
    assert done.status == 1 and "pairs.json" in done.error_line()


ARMS = ["reasoning", "banyan </script>"]
WORKLOADS = ["mlp", "conv </script>"]
# What each figure has to say: words of its axes with their units, and of its title.
RUN_FIGURES = {
    "convergence_trials": ["Trials finished", "Latency, ms", "Best latency so far"],
    "convergence_calls": ["Model calls answered", "Latency, ms"],
    "convergence_seconds": ["Active time of the run, s", "Latency, ms"],
    "tree_growth": ["Nodes in the tree", "Nodes made by each model"],
    "time_split": ["Time, s (build and run: summed over workers)", "Run kernels"],
    "gain_by_model": ["Speed-up that its new bests brought", "first plan"],
}
STUDY_FIGURES = {
    "median_latency_by_workload": ["Median latency, ms", "Median latency by workload", *WORKLOADS],
    "speedup_by_workload": ["Speed-up: latency of reasoning / latency of banyan </script>", "(1: equal, right: faster;", "95 % interval", "1.160\u00d7, faster", *WORKLOADS],
    "strong_calls_by_workload": ["Strong calls of a run (median)", *WORKLOADS],
    "latency_against_strong_calls": ["Latency, ms", "Strong calls of a run", *WORKLOADS],
    "convergence_trials": ["Trials finished", "Latency, ms", *WORKLOADS],
    "convergence_calls": ["Model calls answered", "Latency, ms"],
    "convergence_money": ["Spent on models, USD", "Latency, ms"],
    "convergence_seconds": ["Active time of the run, s", "Latency, ms"],
    "time_split": ["Time, s, mean of a run", "Build"],
    "tree_growth": ["Share of the tree's nodes, %"],
}


def check_figure(file, words, names):
    (width, height), texts = svg_texts(file)
    everything = "\n".join(text for text, _ in texts)
    for word in words:
        assert word in everything, (file.name, word, everything)
    for name in names:
        assert any(name in text for text, _ in texts), (file.name, name, everything)
    for text, (left, top, right, bottom) in texts:
        assert left >= 0 and top >= 0 and right <= width and bottom <= height, (file.name, text, "is clipped")
        assert right - left > 2 and bottom - top > 2, (file.name, text, "cannot be read")
    for i, (text, box) in enumerate(texts):
        for other, another in texts[:i]:
            assert overlap(box, another) == 0, (file.name, text, other, "lie over one another")


def check_picture(file):
    """A PNG with something on it, as large as the drawing."""
    image = matplotlib.image.imread(file)
    (width, height), _ = svg_texts(file.with_suffix(".svg"))
    assert image.shape[1] / image.shape[0] == pytest.approx(width / height, rel=0.02)
    ink = (image[..., :3].min(axis=2) < 0.9).mean()
    assert 0.005 < ink < 0.6, (file.name, ink)


def test_figures(tuned, banyan):
    store = tuned.folder / "banyan.db"
    folder = study_folder(banyan.folder / "study", [tuned.result["run_id"]])
    models = [name for name, use in tuned.result["models"].items() if use["calls"] > 0]
    for what, figures in (("last", RUN_FIGURES), (folder, STUDY_FIGURES)):
        done = banyan.ok("report", what, "--out", "r.html", "--store", store, "--figures", f"figures-{len(figures)}", "--json")
        made = [pathlib.Path(file) for file in done.json["figures"]]
        assert {f.stem for f in made} == set(figures)
        assert {f.suffix for f in made} == {".svg", ".png"} and len(made) == 2 * len(figures)
        for file in made:
            if file.suffix == ".png":
                check_picture(file)
            elif what == "last":
                check_figure(file, figures[file.stem], models if file.stem == "tree_growth" else [])
            else:
                check_figure(file, figures[file.stem], ARMS)


def test_help(banyan):
    text = banyan.ok("report", "--help").out
    assert "Examples:" in text and "banyan report last" in text and "--json" in text
