"""Prints what calls cost. Run it beside a map of one's own to compare: `python benchmark.py`."""

from __future__ import annotations

import statistics
import sys
import threading
import time
import timeit
from typing import Any, Callable

import modelreg

OWNERS = 1000
MODELS = 10


class ByHand:
    """What one would write instead: a dict of dicts behind a lock, copied for each question."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.owners: "dict[int, dict[str, object]]" = {}

    def register(self, owner: int, name: str, thing: object) -> None:
        with self.lock:
            self.owners.setdefault(owner, {})[name] = thing

    def get(self, owner: int, name: str) -> object:
        with self.lock:
            return self.owners[owner][name]

    def list(self, owner: int) -> "list[object]":
        with self.lock:
            return list(self.owners[owner].values())

    def clear(self) -> None:
        with self.lock:
            self.owners.clear()


def nanoseconds(function: Callable[[], Any], number: int = 100_000) -> float:
    """The median of five runs, of one call."""
    return statistics.median(timeit.repeat(function, number=number, repeat=5)) / number * 1e9


def once(function: Callable[[], Any], operations: int) -> float:
    """One operation of a function that does many."""
    begun = time.perf_counter()
    function()
    return (time.perf_counter() - begun) / operations * 1e9


def main() -> None:
    """Measures and prints."""
    print(f"Python {sys.version.split()[0]}, library {modelreg.library_version()}, ns for each operation")
    registry, by_hand = modelreg.Registry(), ByHand()
    schema = modelreg.Schema({"name": "User", "properties": {"email": "string", "age": "number"}})
    owners = [registry.data_source(connector="memory", database=f"d{number}") for number in range(OWNERS)]
    names = [f"Model{number}" for number in range(MODELS)]

    def fill(user_data: Any = None) -> Callable[[], None]:
        def run() -> None:
            for owner in owners:
                for name in names:
                    registry.register(name, schema, data_source=owner, user_data=user_data)

        return run

    def fill_by_hand() -> None:
        for owner in range(OWNERS):
            for name in names:
                by_hand.register(owner, name, schema)

    count = OWNERS * MODELS
    db = owners[7]
    rows = [("register", once(fill(), count), once(fill_by_hand, count))]
    registry.clear()
    fill()()
    rows.append(("clear, for each model", once(registry.clear, count), once(by_hand.clear, count)))
    fill_by_hand()
    rows.append(("register with user_data", once(fill(schema), count), float("nan")))
    rows.append(("clear with user_data, for each model", once(registry.clear, count), float("nan")))
    fill(schema)()
    models = db.models
    number = iter(range(10**9))

    def change_and_list() -> None:
        db.register(names[next(number) % MODELS], schema)
        models.as_tuple()

    rows += [
        (
            'db.models["Model3"], cached',
            nanoseconds(lambda: db.models["Model3"]),
            nanoseconds(lambda: by_hand.get(7, "Model3")),
        ),
        ('"Model3" in db.models, cached', nanoseconds(lambda: "Model3" in db.models), float("nan")),
        ("db.models.as_tuple(), cached", nanoseconds(lambda: models.as_tuple()), nanoseconds(lambda: by_hand.list(7))),
        ("len(db.models), cached", nanoseconds(lambda: len(models)), float("nan")),
        ("register one and list again", nanoseconds(change_and_list, 5000), float("nan")),
        ("first list of an owner", once(lambda: [len(owner.models) for owner in owners], OWNERS), float("nan")),
        ("find_by_name", nanoseconds(lambda: registry.find_by_name("Model3"), 20_000), float("nan")),
        (
            "find_by_structure, schema parsed",
            nanoseconds(lambda: registry.find_by_structure(schema), 20_000),
            float("nan"),
        ),
        ("model.user_data", nanoseconds(lambda: models["Model4"].user_data, 20_000), float("nan")),
        ("hold and free a snapshot of 10", nanoseconds(lambda: db.hold_models().free(), 5000), float("nan")),
        ("an empty Python function", nanoseconds(lambda: None), float("nan")),
    ]
    print(f"{'':40}{'modelreg':>10}{'by hand':>10}")
    for name, ours, theirs in rows:
        print(f"{name:40}{ours:10.0f}{'' if theirs != theirs else f'{theirs:10.0f}'}")

    app = registry.app()
    begun = time.perf_counter()
    for each in range(1000):
        app.register(f"M{each}")
        assert len(app.models) == each + 1
    print(f"1,000 models added to one app, its models asked for after each: {time.perf_counter() - begun:.3f} s")
    registry.close()


if __name__ == "__main__":
    main()
