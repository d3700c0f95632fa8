"""The errors a person can act on.

Every error raised for a user derives from `PyfcrawlError` and its text is one line that names
the setting or argument, the value it got and the remedy. Commands and spiders print that line
and exit with a status other than zero; anything else is a bug and shows its traceback.
"""


class PyfcrawlError(Exception):
    """Base of all errors meant for the person who runs pyfcrawl."""


class ConfigurationError(PyfcrawlError):
    """A setting, a spider argument or a profile is wrong.

    Raised while settings, arguments and profiles.yaml are read, before anything is fetched.
    """


class StoreError(PyfcrawlError):
    """An index or state store can't be opened, read or written.

    Raised by `pyfcrawl.stores`; nothing that was not acknowledged counts as written.
    """


class UnknownCollectionError(StoreError):
    """A collection or alias does not exist in the index; raised by readers and writers."""


class QueryError(PyfcrawlError):
    """A search asks for a field, an order or a value the index can't serve.

    Raised by `IndexReader.search` before anything is run.
    """


class SourceError(PyfcrawlError):
    """An upstream answer is not what its documentation says.

    Raised by `pyfcrawl.sources` when a payload can't be used; the crawl counts the project as
    failed (pending), it never removes anything because of it.
    """


class ScheduleError(PyfcrawlError):
    """A job of the timetable can't be started where it should run.

    Raised by `pyfcrawl.timetable`; the timetable says so once and tries again.
    """
