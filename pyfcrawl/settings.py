"""Every setting, and what for. The only module that reads the environment.

A setting may be given on the command line (`-s NAME=VALUE`), in the environment or in a file
`.env` beside scrapy.cfg; example.env lists those worth changing.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from dotenv import load_dotenv
from scrapy.utils.conf import closest_scrapy_cfg

_project = Path(closest_scrapy_cfg() or "scrapy.cfg").resolve().parent
load_dotenv(_project / ".env")


def _env(name: str, default: str, may_be_empty: bool = False) -> str:
    value = os.environ.get(name)
    given = value is not None and may_be_empty
    return (value or "").strip() or ("" if given else default)


def _profiles_file() -> str:
    """The project's own profiles.yaml, or the one packed into a wheel or an egg.

    An egg is a zip file, so its path is no file's; `load_profiles` knows how to read it.
    """
    ours = _project / "profiles.yaml"
    packed = resources.files("pyfcrawl") / "profiles.yaml"
    return str(packed if packed.is_file() and not ours.is_file() else ours)


def _pypi_root() -> str:
    """The registry that a library of its field names, read off a package's page there."""
    from packageurl.contrib.purl2url import get_repo_url

    address: str = get_repo_url("pkg:pypi/x")  # type: ignore[no-untyped-call]
    return address.partition("/project/")[0]


def _npm_root() -> str:
    """Likewise, off an npm package's download address."""
    from packageurl.contrib.purl2url import get_download_url

    address: str = get_download_url("pkg:npm/x@1")  # type: ignore[no-untyped-call]
    return address.rpartition("/x/-/")[0]


def _npm_downloads_root(npm_root: str) -> str:
    """npm counts downloads at a host beside its registry's."""
    return npm_root.replace("//registry.", "//api.", 1)


# --- the project (Scrapy) -----------------------------------------------------------------------

BOT_NAME = "pyfcrawl"
SPIDER_MODULES = ["pyfcrawl.spiders"]
COMMANDS_MODULE = "pyfcrawl.commands"
TELNETCONSOLE_ENABLED = False
ROBOTSTXT_OBEY = False  # these are APIs, made for programs
COOKIES_ENABLED = False
METAREFRESH_ENABLED = False
WARN_ON_GENERATOR_RETURN_VALUE = False  # parses each callback's source: a sixth of the speed

# --- which ecosystem (spiders, commands) --------------------------------------------------------

PROFILES_FILE = str(Path(_env("PROFILES_FILE", "") or _profiles_file()))
DEFAULT_PROFILE = _env("DEFAULT_PROFILE", "plone")

# --- where things are kept (stores) -------------------------------------------------------------

#: Directory of the embedded index and of the state; made when it isn't there.
DATA_DIR = str(_project / _env("DATA_DIR", ".pyfcrawl"))
#: Empty: Typesense when TYPESENSE_HOST is set, else files in DATA_DIR
#: (`pyfcrawl.addons.DerivedSettings` fills these in).
INDEX_URL = _env("INDEX_URL", "")
#: Empty: Redis when REDIS_URL or REDIS_HOST is set, else a file in DATA_DIR.
STATE_URL = _env("STATE_URL", "")
#: Downloads day by day; empty: a file in DATA_DIR.
HISTORY_URL = _env("HISTORY_URL", "")
#: A Typesense server to index into; empty: the embedded index.
TYPESENSE_HOST = _env("TYPESENSE_HOST", "")
TYPESENSE_PORT = _env("TYPESENSE_PORT", "8108")
TYPESENSE_PROTOCOL = _env("TYPESENSE_PROTOCOL", "http")
#: A key that may do everything with the collections of the profiles.
TYPESENSE_API_KEY = _env("TYPESENSE_API_KEY", "")
#: Seconds that one answer of the server may take.
TYPESENSE_TIMEOUT = _env("TYPESENSE_TIMEOUT", "30")
#: Seconds that a server which is away or still loading is waited for.
INDEX_WAIT = _env("INDEX_WAIT", "300")
#: A Redis that any number of machines share: their state and their budget of requests; empty: none.
REDIS_URL = _env("REDIS_URL", "")
#: The same as host or host:port, for one without a password.
REDIS_HOST = _env("REDIS_HOST", "")
#: What all keys in it begin with.
REDIS_KEY_PREFIX = _env("REDIS_KEY_PREFIX", "pyfcrawl")
#: Seconds that a Redis which is away or still loading is waited for.
REDIS_WAIT = _env("REDIS_WAIT", "300")
#: Seconds that one answer of it may take.
REDIS_TIMEOUT = _env("REDIS_TIMEOUT", "10")
#: Seconds after which the share of a worker that isn't heard of any more goes to others.
LEASE_SECONDS = _env("LEASE_SECONDS", "30")
#: Times that a share is tried before it is given up, and its projects noted as pending.
LEASE_ATTEMPTS = 5
#: Percent of a collection's packages that a run may remove without being told to.
REMOVE_LIMIT = _env("REMOVE_LIMIT", "20")
ADDONS = {"pyfcrawl.addons.DerivedSettings": 100}

# --- the site (scrapy serve) --------------------------------------------------------------------

#: Where the site listens; 0.0.0.0 for all addresses of the machine.
SERVE_HOST = _env("SERVE_HOST", "127.0.0.1")
SERVE_PORT = _env("SERVE_PORT", "8080")
#: The address people know the site by, for links in feeds and badges; empty: that of each request.
SITE_URL = _env("SITE_URL", "")
#: How many proxies of ours are in front, whose X-Forwarded-* headers tell who asks.
TRUST_PROXY = _env("TRUST_PROXY", "0")
#: Requests a minute that one client may send to the API; 0: any number.
API_RATE_LIMIT = _env("API_RATE_LIMIT", "300")

# --- upstream addresses (sources) ---------------------------------------------------------------

#: Root of the package registry: an address under which /simple/ and /pypi/NAME/json answer.
PYPI_ROOT = _env("PYPI_ROOT", "") or _pypi_root()
#: Root of the npm registry, read from an npm package's download address.
NPM_ROOT = _env("NPM_ROOT", "") or _npm_root()
#: npm's download numbers: NPM_ROOT with `api.` in the place of `registry.`
NPM_DOWNLOADS_ROOT = _env("NPM_DOWNLOADS_ROOT", "") or _npm_downloads_root(NPM_ROOT)
#: READMEs of npm packages, and lists of their files.
JSDELIVR_CDN_ROOT = _env("JSDELIVR_CDN_ROOT", "https://cdn.jsdelivr.net")
JSDELIVR_DATA_ROOT = _env("JSDELIVR_DATA_ROOT", "https://data.jsdelivr.com")
#: The APIs of those who host repositories.
GITHUB_API_ROOT = _env("GITHUB_API_ROOT", "https://api.github.com")
GITLAB_API_ROOT = _env("GITLAB_API_ROOT", "https://gitlab.com/api/v4")
CODEBERG_API_ROOT = _env("CODEBERG_API_ROOT", "https://codeberg.org/api/v1")
#: Download numbers of PyPI's packages.
PYPISTATS_ROOT = _env("PYPISTATS_ROOT", "https://pypistats.org")
#: ClickHouse's public copy of PyPI's download log; it takes anybody as `demo`, without a password.
CLICKHOUSE_URL = _env("CLICKHOUSE_URL", "https://sql-clickhouse.clickhouse.com")
CLICKHOUSE_USER = _env("CLICKHOUSE_USER", "demo")
CLICKHOUSE_PASSWORD = _env("CLICKHOUSE_PASSWORD", "")
#: The Google Cloud project that pays for BigQuery, where the same log is.
BIGQUERY_PROJECT = _env("BIGQUERY_PROJECT", "")

# --- tokens (TokenMiddleware, batch handler) ----------------------------------------------------

#: For packages that only you may see; sent to NPM_ROOT and nobody else.
NPM_AUTH_TOKEN = _env("NPM_AUTH_TOKEN", "")
#: Any token of yours, it needs no rights; sent to GITHUB_API_ROOT and nobody else.
GITHUB_TOKEN = _env("GITHUB_TOKEN", "")
#: Which root gets which token.
SOURCE_TOKENS = {"NPM_ROOT": "NPM_AUTH_TOKEN", "GITHUB_API_ROOT": "GITHUB_TOKEN"}

# --- politeness (batch handler, middlewares, AutoThrottle) --------------------------------------

#: Who to turn to when the crawl is a nuisance; part of the User-Agent.
CONTACT_URL = _env("CONTACT_URL", "https://github.com/pyfcrawl/pyfcrawl")
#: Empty: made of name, version and CONTACT_URL.
USER_AGENT = ""
# Requests a second to each root, over batches and ordinary requests; 0: as many as it takes well.
#: PyPI has no limit of its own.
PYPI_MAX_RPS = _env("PYPI_MAX_RPS", "0")
#: Nor has npm for its registry, only a bound of five million requests a month.
NPM_MAX_RPS = _env("NPM_MAX_RPS", "0")
#: npm's counters answer 429 sooner than its registry, without saying from when on.
NPM_DOWNLOADS_MAX_RPS = _env("NPM_DOWNLOADS_MAX_RPS", "5")
#: jsDelivr states that it has no limits.
JSDELIVR_MAX_RPS = _env("JSDELIVR_MAX_RPS", "0")
#: GitHub allows 900 points a minute, a GET being one; what an hour may hold it says in its answers.
GITHUB_MAX_RPS = _env("GITHUB_MAX_RPS", "10")
#: GitLab allows 400 a minute for single projects.
GITLAB_MAX_RPS = _env("GITLAB_MAX_RPS", "5")
#: Codeberg is run by volunteers.
CODEBERG_MAX_RPS = _env("CODEBERG_MAX_RPS", "2")
#: pypistats allows 30 a minute.
PYPISTATS_MAX_RPS = _env("PYPISTATS_MAX_RPS", "0.5")
#: GETs under way at once to jsDelivr, a content delivery network that sets no limit.
JSDELIVR_CONCURRENCY = _env("JSDELIVR_CONCURRENCY", "128")
#: Which root takes another number of them than BATCH_CONCURRENCY.
SOURCE_CONCURRENCY = {"JSDELIVR_CDN_ROOT": "JSDELIVR_CONCURRENCY"}
#: Which root is asked at which rate.
SOURCE_RATES = {
    "PYPI_ROOT": "PYPI_MAX_RPS",
    "NPM_ROOT": "NPM_MAX_RPS",
    "NPM_DOWNLOADS_ROOT": "NPM_DOWNLOADS_MAX_RPS",
    "JSDELIVR_CDN_ROOT": "JSDELIVR_MAX_RPS",
    "JSDELIVR_DATA_ROOT": "JSDELIVR_MAX_RPS",
    "GITHUB_API_ROOT": "GITHUB_MAX_RPS",
    "GITLAB_API_ROOT": "GITLAB_MAX_RPS",
    "CODEBERG_API_ROOT": "CODEBERG_MAX_RPS",
    "PYPISTATS_ROOT": "PYPISTATS_MAX_RPS",
}
#: Seconds a Retry-After is heeded at most.
RETRY_AFTER_MAX = 600
#: Seconds without one good answer from a host before the crawl is stopped; the next one goes on.
HOST_PATIENCE = 900
RETRY_TIMES = 5
RETRY_GIVE_UP_LOG_LEVEL = "DEBUG"  # the spider says in one line what it gave up
AUTOTHROTTLE_ENABLED = True
AUTOTHROTTLE_START_DELAY = 0.05
AUTOTHROTTLE_MAX_DELAY = 60
AUTOTHROTTLE_TARGET_CONCURRENCY = 8.0
CONCURRENT_REQUESTS = 32
CONCURRENT_REQUESTS_PER_DOMAIN = 8
#: Requests taken beyond CONCURRENT_REQUESTS while as many of those only wait for their source.
HELD_REQUESTS = 256

# --- batches (pyfcrawl.batch) -------------------------------------------------------------------

DOWNLOADER = "pyfcrawl.batch.ordinary.PatientDownloader"
DOWNLOAD_HANDLERS = {
    "batch": "pyfcrawl.batch.handler.BatchDownloadHandler",
    "http": "pyfcrawl.batch.ordinary.OrdinaryDownloadHandler",
    "https": "pyfcrawl.batch.ordinary.OrdinaryDownloadHandler",
}
#: GETs that one Scrapy request stands for; 1 turns batches off.
BATCH_SIZE = _env("BATCH_SIZE", "200")
#: GETs under way at once to one host, at most; it starts lower and backs off under strain.
BATCH_CONCURRENCY = _env("BATCH_CONCURRENCY", "64")
#: Bytes of one answer; a larger one is refused.
BATCH_MAX_BODY = _env("BATCH_MAX_BODY", str(32 * 1024 * 1024))
#: Seconds a single GET may take.
DOWNLOAD_TIMEOUT = 60
#: Batches carried out side by side, so that a slow answer in one doesn't idle the line. Those for
#: another source than the one a crawl goes by have a line of their own.
DOWNLOAD_SLOTS = {
    "batch": {"concurrency": 4, "delay": 0, "throttle": False},
    "beside": {"concurrency": 4, "delay": 0, "throttle": False},
}
#: The Simple index of a whole registry is some 45 MB.
DOWNLOAD_WARNSIZE = 128 * 1024 * 1024

# --- feeds (rss) --------------------------------------------------------------------------------

#: Seconds for which a new project, or a release, that a feed named is not looked at again for
#: that; 0: it is looked at every time.
RSS_DEDUP_TTL_NEW = _env("RSS_DEDUP_TTL_NEW", "86400")
RSS_DEDUP_TTL_UPDATE = _env("RSS_DEDUP_TTL_UPDATE", "86400")

# --- the timetable (scrapy schedule) ------------------------------------------------------------
# Crontab lines: minute, hour, day of month, month, weekday. Set to nothing: not at all.

#: New releases, from the feeds.
SCHEDULE_RSS = _env("SCHEDULE_RSS", "*/1 * * * *", may_be_empty=True)
#: All that changed on PyPI.
SCHEDULE_SYNC = _env("SCHEDULE_SYNC", "0 * * * *", may_be_empty=True)
#: Packages on npm.
SCHEDULE_NPM = _env("SCHEDULE_NPM", "0 1 * * *", may_be_empty=True)
#: The packages that are indexed, whether or not they changed (mode=refresh).
SCHEDULE_REFRESH = _env("SCHEDULE_REFRESH", "0 2 * * 0", may_be_empty=True)
#: Download numbers.
SCHEDULE_DOWNLOADS = _env("SCHEDULE_DOWNLOADS", "0 4 * * 0", may_be_empty=True)
#: Facts of repositories.
SCHEDULE_GITHUB = _env("SCHEDULE_GITHUB", "0 5 * * 0", may_be_empty=True)
#: Every project on PyPI (mode=full).
SCHEDULE_FULL = _env("SCHEDULE_FULL", "0 3 1 * *", may_be_empty=True)
#: For which profiles; empty: DEFAULT_PROFILE.
SCHEDULE_PROFILES = _env("SCHEDULE_PROFILES", "")
#: In which time zone the lines are read.
SCHEDULE_TIMEZONE = _env("SCHEDULE_TIMEZONE", "UTC")
#: Seconds that a job begins late at most, each installation by another part of it.
SCHEDULE_JITTER = _env("SCHEDULE_JITTER", "300")
#: By which name the timetable keeps its marks in the state store; empty: the machine's.
SCHEDULE_NAME = _env("SCHEDULE_NAME", "")
#: A scrapyd to run the jobs, such as http://localhost:6800; empty: they run where the timetable is.
SCRAPYD_URL = _env("SCRAPYD_URL", "")
SCRAPYD_USERNAME = _env("SCRAPYD_USERNAME", "")
SCRAPYD_PASSWORD = _env("SCRAPYD_PASSWORD", "")
#: As what the project is deployed there.
SCRAPYD_PROJECT = _env("SCRAPYD_PROJECT", "pyfcrawl")

# --- components ---------------------------------------------------------------------------------

DOWNLOADER_MIDDLEWARES = {
    "pyfcrawl.middlewares.PolitenessMiddleware": 560,  # behind retry (550)
    "pyfcrawl.middlewares.TokenMiddleware": 990,  # next to the network, so nobody else sees them
}
SPIDER_MIDDLEWARES = {
    # Warns of every retry that a spider asks for, which has to carry its count in meta.
    "scrapy.spidermiddlewares.metacopy.MetaCopyDetectionMiddleware": None,
}
EXTENSIONS = {
    "pyfcrawl.extensions.keeper.Keeper": 100,
    "pyfcrawl.extensions.progress.ProgressReport": 200,
    "pyfcrawl.scheduling.budget.SharedBudget": 300,  # does nothing without Redis
    "pyfcrawl.extensions.metrics.CrawlMetrics": 300,
    "pyfcrawl.extensions.monitors.Monitors": 400,
    "pyfcrawl.extensions.records.RunRecord": 900,  # behind all that have a say in how it ended
    "scrapy.extensions.logstats.LogStats": None,  # ProgressReport says it better
    "scrapy.extensions.remote_control.RemoteControl": None,  # opens a port nobody asked for
}
ITEM_PIPELINES = {
    "pyfcrawl.pipelines.readme.ReadmePipeline": 100,
    "pyfcrawl.pipelines.images.ScreenshotPipeline": 200,
    "pyfcrawl.pipelines.document.DocumentPipeline": 300,
    "pyfcrawl.pipelines.health.HealthPipeline": 400,
    "pyfcrawl.pipelines.history.HistoryPipeline": 450,
    "pyfcrawl.pipelines.index.IndexPipeline": 500,
}
#: Items of one response on their way at once: enough to fill a group of writes.
CONCURRENT_ITEMS = 64

# --- READMEs (pipelines) ------------------------------------------------------------------------

#: Worker processes that render READMEs; 0: one less than the machine has cores.
RENDER_WORKERS = _env("RENDER_WORKERS", "0")
#: Seconds one README may take before it is kept as plain text.
RENDER_TIMEOUT = 20
#: Whether to fetch the first bytes of README images that don't declare their width.
IMAGE_PROBE = _env("IMAGE_PROBE", "False")

# --- what a run says ----------------------------------------------------------------------------

#: Seconds between signs of life of a run; one that misses three of them counts as died.
HEARTBEAT = 30
#: What started a run, for its record: `schedule` for the timetable.
RUN_BY = _env("RUN_BY", "")
#: Without a run that ended well for so long a source is overdue; one not named never is.
OVERDUE_AFTER = _env("OVERDUE_AFTER", "pypi=3h,rss=10m,npm=2d,github=9d,pypistats=9d")
#: Where Prometheus finds the numbers of a run; no port: nowhere.
METRICS_PORT = _env("METRICS_PORT", "0")
METRICS_HOST = _env("METRICS_HOST", "127.0.0.1")
#: Percent of a run's visits that may fail before a monitor says so.
MONITOR_FAILURE_RATE = _env("MONITOR_FAILURE_RATE", "5")
SPIDERMON_ENABLED = True
SPIDERMON_SPIDER_CLOSE_MONITORS = ("pyfcrawl.extensions.monitors.RunMonitors",)
LOG_LEVEL = _env("LOG_LEVEL", "INFO")
LOG_VERSIONS = ()
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: Seconds between progress lines in a log.
PROGRESS_INTERVAL = 30
