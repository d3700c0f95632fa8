"""Jobs posted to a scrapyd, at most one of each spider waiting or running there."""

from __future__ import annotations

import itertools
from typing import Any

import httpx

from pyfcrawl.errors import ScheduleError
from pyfcrawl.timetable.jobs import STARTED_BY, Job

#: Seconds to connect, and for an answer: scrapyd checks a job before it takes it, which is a second
#: of work on a machine that may be busy with crawls.
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


class ScrapydServer:
    """The scrapyd at `url`, where the project is deployed as `project`."""

    def __init__(self, url: str, username: str, password: str, project: str) -> None:
        self._url = url.rstrip("/")
        self._project = project
        auth = httpx.BasicAuth(username, password) if username or password else None
        self._client = httpx.Client(auth=auth, timeout=_TIMEOUT, trust_env=False)

    def start(self, job: Job, job_id: str) -> bool:
        """See Target.

        An answer may have got lost, so what is asked first is whether the job is there already.
        """
        jobs = self._ask("GET", "listjobs.json", {"project": self._project})
        ahead = [*_listed(jobs, "pending"), *_listed(jobs, "running")]
        if any(each.get("id") == job_id for each in (*ahead, *_listed(jobs, "finished"))):
            return True
        if any(each.get("spider") == job.spider for each in ahead):
            return False
        fields = {"project": self._project, "spider": job.spider, "jobid": job_id}
        self._ask("POST", "schedule.json", {**fields, **job.arguments, "setting": STARTED_BY})
        return True

    def look(self) -> None:
        """See Target: scrapyd itself keeps the jobs."""

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _ask(self, method: str, page: str, fields: dict[str, str]) -> dict[str, Any]:
        where = {"params": fields} if method == "GET" else {"data": fields}
        try:
            response = self._client.request(method, f"{self._url}/{page}", **where)  # type: ignore[arg-type]
            if response.status_code == httpx.codes.UNAUTHORIZED:
                raise self._problem("doesn't take SCRAPYD_USERNAME with SCRAPYD_PASSWORD")
            answer = response.json()
        except httpx.RequestError as error:  # or what it says can't be unpacked
            raise self._problem(f"doesn't answer ({error or type(error).__name__})") from error
        except ValueError as error:
            raise self._problem(f"is no scrapyd: {page} came as something else") from error
        if not isinstance(answer, dict) or answer.get("status") != "ok":
            raise self._problem(f"says: {_message(answer)}")
        return answer

    def _problem(self, what: str) -> ScheduleError:
        return ScheduleError(f"SCRAPYD_URL={self._url} {what}")


def _listed(jobs: dict[str, Any], state: str) -> list[dict[str, Any]]:
    found = jobs.get(state)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _message(answer: Any) -> str:
    message = answer.get("message") if isinstance(answer, dict) else None
    text = " ".join(itertools.islice(str(message or "nothing to be understood").split(), 60))
    missing = text.startswith("project '") and text.endswith("' not found")
    return f"{text}; deploy it with scrapyd-deploy, or correct SCRAPYD_PROJECT" if missing else text
