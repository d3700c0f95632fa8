"""Finding what an address names: a profile, a package of one, a package of any."""

from __future__ import annotations

from starlette.exceptions import HTTPException

from pyfcrawl.core.profiles import Profile
from pyfcrawl.errors import UnknownCollectionError
from pyfcrawl.web.catalog import Package
from pyfcrawl.web.endpoints import Site


def profile_of(site: Site, name: str) -> Profile:
    """The profile of that name. Raises HTTPException, 404."""
    found = site.catalog.profile(name)
    if found is None:
        known = ", ".join(site.catalog.profiles)
        raise HTTPException(404, f"Profile {name!a} does not exist: there are {known}")
    return found


async def package_of(site: Site, profile: Profile, registry: str, name: str) -> Package:
    """A package of a profile. Raises HTTPException, 404."""
    found = await site.catalog.package(profile, registry, name)
    if found is None:
        raise HTTPException(404, f"Package {name!a} of {registry} is not in {profile.name}")
    return found


async def in_any_profile(site: Site, registry: str, name: str, profile: str = "") -> Package | None:
    """A package of the profile named, or of the first that has it, the default one first."""
    if profile:
        return await site.catalog.package(profile_of(site, profile), registry, name)
    catalog = site.catalog
    for each in {catalog.default.name: catalog.default, **catalog.profiles}.values():
        try:
            found = await catalog.package(each, registry, name)
        except UnknownCollectionError:  # not crawled yet
            continue
        if found is not None:
            return found
    return None
