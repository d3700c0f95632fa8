"""How spiders and pipelines tell the keeper of the account what happened to a project.

Acknowledgement runs against the flow of items, so it is a signal and never an import. A `visit`
is the text form of `pyfcrawl.core.ledger.Visit`.
"""

#: Sent once by the spider, before its first visit, with `plan` (core.ledger.Plan) and `spider`.
run_planned = object()

#: Sent by the scheduler of a divided run that another worker planned, with `plan`.
run_joined = object()

#: Sent by the scheduler when all of a divided run is done, to the one worker that ends it: `plan`,
#: and `lost`, the visits given up with their reasons. Whoever can't do its part raises.
run_ended = object()

#: Sent by the scheduler before it gives back what it holds: what is done must be noted now.
account_due = object()

#: Sent by the index pipeline before it opens the index. Whoever can't let the run begin raises
#: CloseSpider.
index_opening = object()

#: Sent by the index pipeline when the index is open, with `serving`: the name each collection of
#: the run has to be read and written by.
index_opened = object()

#: Sent by the keeper when everything planned is done and nothing failed.
run_clean = object()

#: Sent when no visit is under way, and none is to come for now: by the keeper when a run is over,
#: by a spider that goes on and on after each round. What is held of removals can be judged, in a
#: `shared` run what all workers hold.
removals_due = object()

#: Sent by the index pipeline when it has: `removed` (names of packages), `left` (collection ->
#: names that stay pending because they are too many).
removals_settled = object()

#: More work belongs to a project: `visit`, `units`. Sent before that work is yielded.
work_expected = object()

#: A piece of a project's work failed for good: `visit`, `reason`. `work_finished` follows.
work_failed = object()

#: A piece of work of each of these projects ended, well or not: `visits`.
work_finished = object()

#: What to remember when a project is done: `visit`, `kind`, `values` (key -> JSON value), `until`
#: (Unix seconds, None for ever); see StateStore.remember. Sent while the project is still open;
#: comes to nothing when it fails.
note_when_done = object()

#: Further projects belong to part 0 of the plan, in a run that goes on and on: `count`.
more_planned = object()

#: Sent by the keeper when all work of some projects ended: `visits`, `failed` (those that did).
projects_closed = object()

#: What to remember at once: `kind`, `values`, `until` as for note_when_done.
remember = object()

#: What is no longer worth remembering: `kind`, `keys`.
forget = object()
