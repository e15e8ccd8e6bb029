"""Many changes with the sweeper at full speed, and no leak: `python soak.py [changes]`, ten million by default.

Two threads register, replace, move, hold, unregister, release and clear, with `user_data` and questions between. At the
end nothing may be in use, no object alive, and the process no larger than after the first tenth.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import weakref

import modelreg

THREADS = 2


class Thing:
    """What models carry."""

    __slots__ = ("__weakref__", "number")

    def __init__(self, number: int) -> None:
        self.number = number


def resident() -> int:
    """Bytes of memory that the process has; 0 where that cannot be found out."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def change(registry: modelreg.Registry, changes: int, seed: int, watched: weakref.WeakSet[Thing]) -> None:
    """Makes so many changes."""
    schema = modelreg.Schema({"name": "User", "properties": {"email": "string"}})
    done = number = 0
    with modelreg.tenant(f"tenant{seed}"):
        while done < changes:
            number += 1
            with registry.data_source(connector="memory", database=f"d{seed}-{number % 7}") as db:
                for each in range(40):
                    thing = Thing(number)
                    if each == 0:
                        watched.add(thing)
                    db.register(f"M{each % 15}", schema, user_data=thing)
                    registry.register(f"T{each % 5}", user_data=thing)
                done += 80
                try:
                    model = db.models["M3"]
                    with model.hold() as held:
                        model.move(data_source=db)
                        model.unregister()
                        assert isinstance(held.user_data, Thing)
                    done += 2
                    db.hold_models().free()
                except (KeyError, modelreg.StaleHandleError):
                    pass  # The sweeper, or the other thread's clear, was faster.
            if number % 50 == 0:
                registry.clear()
            done += 2


def main() -> int:
    """Runs it, and says what came out."""
    changes = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    registry = modelreg.Registry()
    watched: weakref.WeakSet[Thing] = weakref.WeakSet()
    sizes = []
    begun = time.perf_counter()
    with registry.sweeper.start(interval=0.001, max_idle=0):
        for part in (changes // 10, changes - changes // 10):
            threads = [
                threading.Thread(target=change, args=(registry, part // THREADS, seed, watched))
                for seed in range(THREADS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            registry.clear()
            registry.reclaim()
            gc.collect()
            sizes.append(resident())
        info = registry.sweeper.info
    seconds = time.perf_counter() - begun
    registry.reclaim()
    in_use, alive = registry.stats().bytes_in_use, len(registry._keeper.alive)
    report = registry.leak_report()
    print(f"{changes} changes in {seconds:.1f} s, {info.sweeps} sweeps, {info.dropped} tenants dropped")
    print(f"bytes in use {in_use}, objects alive {alive}, watched {len(watched)}, leaks {report.count}")
    print(f"resident after a tenth {sizes[0]}, at the end {sizes[1]}")
    registry.close()
    grown = sizes[1] > sizes[0] * 1.05 + (4 << 20)
    return 1 if in_use or alive or len(watched) or report or grown else 0


if __name__ == "__main__":
    sys.exit(main())
