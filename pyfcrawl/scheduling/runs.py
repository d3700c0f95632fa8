"""What a shared run is: its name in Redis, and what is written there of it.

Workers that are given the same spider with the same arguments, for profiles that say the same,
work on one run.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass, replace
from typing import Any

import msgspec

from pyfcrawl.core.ledger import Plan

#: Arguments that may differ from machine to machine.
_LOCAL = frozenset({"report_dir"})


def run_name(spider: str, arguments: Any) -> str:
    """`pypi-1a2b3c4d5e6f`: the spider, and a hash of all that its arguments say."""
    names = [each.name for each in fields(arguments)] if is_dataclass(arguments) else []
    told = {name: getattr(arguments, name) for name in names if name not in _LOCAL}
    said = msgspec.json.encode(told, order="deterministic", enc_hook=repr)
    return f"{spider}-{hashlib.sha256(said).hexdigest()[:12]}"


def queue_key(prefix: str, name: str) -> str:
    """Under which a run's queue lies; the braces keep its keys together on a cluster."""
    return f"{prefix}:queue:{{{name}}}"


def open_runs_key(prefix: str) -> str:
    """Under which the names of all open runs are, as a set."""
    return f"{prefix}:queue:runs"


def dead_key(prefix: str) -> str:
    """Under which requests of ended runs that were given up are listed, newest first."""
    return f"{prefix}:queue:dead"


def label(spider: str, arguments: Any) -> str:
    """The run as a person would tell it: its profiles, and arguments that are not the usual."""
    if not is_dataclass(arguments):
        return spider
    told = [spider]
    for each in fields(arguments):
        value = getattr(arguments, each.name)
        if each.name in _LOCAL:
            continue
        if each.name == "profiles":
            told.append(f"profile={','.join(profile.name for profile in value)}")
        elif value != each.default:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            told.append(f"{each.name}={text[:60]}")
    return " ".join(told)


def plan_text(plan: Plan) -> str:
    """A plan as it is kept: its parts are the queue's affair."""
    return msgspec.json.encode(replace(plan, parts=[])).decode()


def read_plan(text: str) -> Plan:
    """The plan that `plan_text` wrote."""
    return msgspec.json.decode(text, type=Plan)
