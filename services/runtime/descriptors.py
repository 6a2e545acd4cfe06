"""How many descriptors a program may have open: what it needs, where the system allows that."""

from __future__ import annotations

import resource


def allow_descriptors(wanted: int) -> int:
    """Raise the limit to `wanted`, as far as the system allows it, and return how many there may be."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now == resource.RLIM_INFINITY:
        return wanted
    if now < wanted:
        now = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (now, most))
    return now
