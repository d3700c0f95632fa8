"""The timetable: which crawl is due when, and who carries it out.

Nothing here waits or asks the clock by itself: `loop.Timetable` is given both, so a test can live
through a year in a second.
"""
