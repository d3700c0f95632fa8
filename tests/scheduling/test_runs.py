"""Which workers work on one run, and how it is told."""

from __future__ import annotations

from dataclasses import replace

from pyfcrawl.core.ledger import Part, Plan
from pyfcrawl.core.profiles import Profile
from pyfcrawl.scheduling.runs import label, plan_text, read_plan, run_name
from pyfcrawl.spiders.github import Arguments as GithubArguments
from pyfcrawl.spiders.pypi_arguments import Arguments

PLONE = Profile(name="plone", classifiers=("Framework :: Plone",), collection="plone")


def test_the_same_arguments_make_the_same_run():
    assert run_name("pypi", Arguments((PLONE,))) == run_name("pypi", Arguments((PLONE,)))


def test_another_mode_profile_or_spider_is_another_run():
    wider = replace(PLONE, classifiers=("Framework :: Plone", "Framework :: Zope"))
    names = {
        run_name("pypi", Arguments((PLONE,))),
        run_name("pypi", Arguments((PLONE,), mode="full")),
        run_name("pypi", Arguments((wider,))),
        run_name("rss", Arguments((PLONE,))),
    }
    assert len(names) == 4


def test_where_a_report_goes_makes_no_other_run():
    here, there = (GithubArguments((PLONE,), report_dir=each) for each in ("/a", "/b"))
    assert run_name("github", here) == run_name("github", there)
    assert label("github", here) == "github profile=plone"


def test_a_run_is_told_as_one_would_type_it():
    arguments = Arguments((PLONE,), mode="full", names=("a", "b"))
    assert label("pypi", arguments) == "pypi profile=plone mode=full names=a,b"


def test_a_plan_is_kept_without_its_parts():
    plan = Plan([Part(3, 1)], end=9, etag='"e"', listed=5, newest=9, scopes={"pypi/plone": "s"})
    assert read_plan(plan_text(plan)) == replace(plan, parts=[])
