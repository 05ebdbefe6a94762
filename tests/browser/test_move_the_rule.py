"""Move the rule, watch the verdict: what the browser says of a rule is what the library says of it."""

import dataclasses
import json

import numpy as np
import pytest
from helpers.imagined import imagine
from scipy.stats import t

from vgg_lib.book.moving import movable_rules
from vgg_lib.evidence.arms import Arm
from vgg_lib.evidence.claims import CLAIMS
from vgg_lib.evidence.rules import Equivalence
from vgg_lib.evidence.statistics import holm
from vgg_lib.evidence.verdicts import tested_claims as the_family
from vgg_lib.evidence.verdicts import verdicts

FAMILY = the_family()

RULES = "(rules) => { explore.data.rules = rules; }"

#: Begins the figure of the page anew, on another claim, and with other rules where these were given.
BEGIN = """(claim) => {
  const figure = document.querySelector("figure");
  figure.querySelector(".explorer-body").replaceWith(document.createElement("img"));
  figure.dataset.claim = claim;
  explore.begin(figure);
}"""


def said(page, **rule):
    """Verdict of each claim in the browser, with *so far* where it is provisional, and p."""
    judged = "({ verdict, provisional, p }) => [provisional ? `${verdict} so far` : verdict, p]"
    found = page.evaluate(f"(rule) => explore.verdicts(rule).map({judged})", rule)
    return dict(zip(FAMILY, found, strict=True))


def of_the_library():
    return {
        name: [one.verdict + " so far" * one.provisional, one.p_holm if one.p is not None else 1]
        for name, one in verdicts({}).items()
        if name in FAMILY
    }


def agree(found, expected):
    assert {name: verdict for name, (verdict, _) in found.items()} == {name: v for name, (v, _) in expected.items()}
    for name, (_, p) in found.items():
        assert p == pytest.approx(expected[name][1], abs=1e-4), name


def test_students_t_is_that_of_scipy(visit):
    page = visit("verdict")
    for df in (*range(1, 13), 16, 45, 120):
        values = [-6.5, -1.0, 0.0, 0.3, 2.0, 4.5, 12.0]
        found = page.evaluate("([values, df]) => values.map((value) => explore.above(value, df))", [values, df])
        assert found == pytest.approx(t.sf(values, df), abs=1e-12)


def test_holms_method_is_that_of_the_library(visit):
    page = visit("verdict")
    random = np.random.default_rng(0)
    for _ in range(50):
        p = [*(random.random(8) ** 4), 1.0, 0.01, 0.01]
        expected = holm({str(i): one for i, one in enumerate(p)})
        assert page.evaluate("(p) => explore.holm(p)", p) == pytest.approx(list(expected.values()))


@pytest.mark.parametrize("seeds", (10, 5, 4, 2, 0))
def test_the_committed_rules_give_the_verdicts_of_the_library(visit, monkeypatch, seeds):
    imagine(monkeypatch, seeds=seeds)
    page = visit("verdict")
    page.evaluate(RULES, json.loads(json.dumps(movable_rules({}))))
    expected = of_the_library()
    agree(said(page), expected)
    if seeds == 10:
        assert len({verdict for verdict, _ in expected.values()}) > 1
    if seeds == 5:  # which is all but what lrn wants
        assert "inconclusive so far" in {verdict for verdict, _ in expected.values()}


@pytest.mark.parametrize(("more", "same", "seeds"), [(0.5, 1, 5), (0, 2.2, 10), (1.1, 0.4, 3), (0, 1, 2)])
def test_moved_rules_give_what_the_library_would_say_of_them(visit, monkeypatch, more, same, seeds):
    imagine(monkeypatch)
    page = visit("verdict")
    page.evaluate(RULES, json.loads(json.dumps(movable_rules({}))))
    judged, imagined = {}, Arm.error
    for name in FAMILY:
        rule = dataclasses.replace(CLAIMS[name].rule, seeds=min(seeds, CLAIMS[name].rule.seeds))
        by = {}  # more than so many points better is better than baselines that err so much less
        if isinstance(rule, Equivalence):
            rule = dataclasses.replace(rule, margin=same)
        else:
            by = dict.fromkeys(map(str, rule.baseline), more)
        error = lambda arm, known, seed, by=by: imagined(arm, known, seed) - by.get(str(arm), 0)  # noqa: E731
        monkeypatch.setattr(Arm, "error", error)
        judged[name] = rule.judge({})
    adjusted = holm({name: one.p for name, one in judged.items()})
    expected = {name: one.at(adjusted[name]) for name, one in judged.items()}
    agree(said(page, more=more, same=same, seeds=seeds), {n: [e.verdict, e.p_holm] for n, e in expected.items()})


def test_without_correction_each_claim_has_its_own_p(visit, monkeypatch):
    imagine(monkeypatch)
    page = visit("verdict")
    page.evaluate(RULES, json.loads(json.dumps(movable_rules({}))))
    found = said(page, holm=False)
    expected = {name: CLAIMS[name].rule.judge({}) for name in FAMILY}
    for name, (verdict, p) in found.items():
        assert p == pytest.approx(expected[name].p, abs=1e-4)
        assert verdict == (expected[name].verdict if expected[name].p < 0.05 else "inconclusive")


def test_a_reader_moves_the_rule_and_the_committed_one_stays_marked(visit, monkeypatch):
    imagine(monkeypatch)
    page = visit("verdict")
    page.evaluate(RULES, json.loads(json.dumps(movable_rules({}))))
    page.evaluate(BEGIN, "lrn")
    says, cells = page.locator("output"), page.locator("tbody td:nth-child(2)")
    committed = cells.all_inner_texts()
    assert says.inner_text().endswith(f"0 of {len(FAMILY)} verdicts differ.")
    assert page.locator(".dot").count() == 20 and page.locator(".dot.unused").count() == 0
    page.locator("input[name=seeds]").fill("4")
    page.locator("input[name=same]").fill("3")
    page.locator("input[name=more]").fill("3")
    assert page.locator(".dot.unused").count() == 12
    assert page.locator(".zero").count() == page.locator(".limit").count() == 2
    zero, limit = (page.locator(where).last.bounding_box()["x"] for where in (".zero", ".limit"))
    assert zero < limit
    assert cells.all_inner_texts() == committed
    assert page.locator("tr.moved").count() > 0
    page.get_by_role("button", name="Back to the committed rules").click()
    assert page.locator("tr.moved").count() == 0 and says.inner_text().endswith("verdicts differ.")


@pytest.mark.parametrize("width", (360, 1280))
def test_it_fits_whatever_is_recorded(visit, monkeypatch, width):
    page = visit("verdict", viewport={"width": width, "height": 900})
    for seeds in (0, 1, 10):
        imagine(monkeypatch, seeds=seeds)
        page.evaluate(RULES, json.loads(json.dumps(movable_rules({}))))
        for name in FAMILY:
            page.evaluate(BEGIN, name)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
