"""All objects may be used from any thread."""

from __future__ import annotations

import gc
import sys
import threading
import time
import unittest
import unittest.mock
import weakref
from typing import Any, Callable

from support import USER, Case, Thing, collect, eventually, together

import modelreg
from modelreg import Registry

ROUNDS = 400


class Threads(Case):
    def test_readers_beside_a_writer_see_whole_lists(self) -> None:
        db = self.db()
        done = threading.Event()

        def write() -> None:
            try:
                for number in range(ROUNDS):
                    # Always A before B: a list has B only with its A, and both of one round.
                    db.register("A", user_data=number)
                    db.register("B", user_data=number)
                    if number % 5 == 0:
                        self.registry.clear()
            finally:
                done.set()

        def read() -> None:
            models = db.models
            while not done.is_set():
                names = models.names
                self.assertIn(names, ((), ("A",), ("A", "B")))
                self.assertIn([model.name for model in models.as_tuple()], ([], ["A"], ["A", "B"]))
                for name, model in models.items():
                    try:
                        self.assertIsInstance(model.user_data, int)
                        self.assertEqual(model.name, name)
                    except modelreg.StaleHandleError:
                        pass
                with db.hold_models() as held:
                    for entry in held:
                        self.assertIsInstance(entry.user_data, int)

        together(write, read, read)
        self.registry.clear()
        self.assertEqual((len(db.models), len(self.registry._keeper.alive)), (0, 0))

    def test_a_change_that_another_thread_told_of_is_seen(self) -> None:
        db = self.db()
        told: list[int] = []
        turn = threading.Semaphore(0)
        back = threading.Semaphore(0)

        def write() -> None:
            for number in range(ROUNDS):
                db.register(f"M{number}")
                told.append(number)
                turn.release()
                back.acquire()

        def read() -> None:
            for number in range(ROUNDS):
                turn.acquire()
                self.assertEqual(len(db.models), number + 1)
                self.assertIn(f"M{told[-1]}", db.models)
                back.release()

        together(write, read)

    def test_of_several_threads_one_lets_go(self) -> None:
        dropped: list[int] = []
        for go in ("unregister", "release", "free", "unhold", "close"):
            for _ in range(20):
                registry = Registry()
                db = registry.data_source("db")
                model = db.register("M", user_data=Thing(lambda: dropped.append(1)))
                before = len(dropped)
                successes: list[int] = []
                if go == "unregister":
                    function: Callable[[], None] = model.unregister
                elif go == "release":
                    function = db.release
                elif go == "free":
                    function = db.hold_models().free
                    db.release()
                elif go == "unhold":
                    function = model.hold().release
                    db.release()
                else:
                    function = registry.close

                def attempt(function: Callable[[], None] = function, successes: list[int] = successes) -> None:
                    try:
                        function()
                        successes.append(1)
                    except modelreg.StaleHandleError:
                        pass

                together(attempt, attempt, attempt, attempt)
                self.assertEqual(len(dropped), before + 1, go)
                if go in ("unregister", "release"):
                    self.assertEqual(len(successes), 1, go)

    def test_the_identical_objects_whichever_thread_asks_first(self) -> None:
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        self.addCleanup(sys.setswitchinterval, interval)
        for number in range(300):
            # Now and then one that nobody has asked before.
            if number % 2 == 0:
                db = self.db(f"db{number}")
            db.register(f"M{number}")
            seen: list[tuple[object, ...]] = []

            def ask(db: modelreg.DataSource = db, number: int = number, seen: list[tuple[object, ...]] = seen) -> None:
                models = db.models
                seen.append((models, db.models_on, models.as_tuple(), models.names, models[f"M{number}"]))

            together(ask, ask, ask, ask)
            for column in zip(*seen):
                self.assertEqual(len({id(each) for each in column}), 1)

    def test_a_view_that_several_threads_make_at_once_is_one(self) -> None:
        db = self.db()
        begin = modelreg.Models.__init__

        def slow(models: modelreg.Models, *arguments: Any, **named: Any) -> None:
            begin(models, *arguments, **named)
            time.sleep(0.01)

        seen: list[tuple[int, int]] = []
        with unittest.mock.patch.object(modelreg.Models, "__init__", slow):
            ask = lambda: seen.append((id(db.models), id(db.models_on)))  # noqa: E731
            together(ask, ask, ask, ask)
        self.assertEqual(seen, [(id(db.models), id(db.models_on))] * 4)

    def test_closing_a_registry_that_others_are_at(self) -> None:
        for _ in range(30):
            registry = Registry()
            db = registry.data_source("db")
            gone: list[weakref.ref[Thing]] = []

            def use(
                registry: Registry = registry, db: modelreg.DataSource = db, gone: list[weakref.ref[Thing]] = gone
            ) -> None:
                try:
                    for number in range(200):
                        data = Thing()
                        gone.append(weakref.ref(data))
                        db.register(f"M{number % 7}", USER, user_data=data)
                        del data
                        list(db.models.values())
                        registry.find_by_name("M3")
                        db.hold_models().free()
                except (modelreg.StaleHandleError, modelreg.ForeignHandleError):
                    pass

            together(use, use, registry.close)
            registry.close()
            del use
            self.assertTrue(all(reference() is None for reference in gone))

    def test_the_collector_beside_everything(self) -> None:
        stop = threading.Event()
        threshold = gc.get_threshold()
        gc.set_threshold(5)
        self.addCleanup(gc.set_threshold, *threshold)

        def churn() -> None:
            try:
                for _ in range(ROUNDS // 4):
                    registry = Registry()
                    db = registry.data_source("db")
                    data = Thing(db.models.__repr__)
                    data.cycle = [data, registry, db]  # type: ignore[attr-defined]
                    db.register("M", USER, user_data=data)
                    held = db.hold_models(), db.models["M"].hold(), registry.watch() if hasattr(registry, "x") else None
                    del registry, db, data, held
            finally:
                stop.set()

        def use() -> None:
            db = self.db()
            number = 0
            while not stop.is_set():
                number += 1
                db.register(f"M{number % 9}", user_data=[number])
                self.assertIn(f"M{number % 9}", db.models)
                if number % 50 == 0:
                    self.registry.clear()

        together(churn, use)
        collect()

    def test_the_sweeper_at_full_speed_beside_changes(self) -> None:
        registry = self.registry
        dropped: list[int] = []
        made = 0
        with registry.sweeper.start(interval=0.001, max_idle=0):

            def write(code: str) -> Callable[[], None]:
                def run() -> None:
                    nonlocal made
                    with modelreg.tenant(code):
                        for number in range(ROUNDS):
                            registry.register(f"M{number % 5}", USER, user_data=Thing(lambda: dropped.append(1)))

                return run

            together(write("a"), write("b"))
            made = 2 * ROUNDS
        registry.clear()
        self.assertTrue(eventually(lambda: len(dropped) == made), (len(dropped), made))
        registry.reclaim()
        self.assertEqual(registry.stats().bytes_in_use, 0)


if __name__ == "__main__":
    unittest.main()
