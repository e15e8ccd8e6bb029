"""``user_data`` is any object, alive exactly as long as something in the library holds it."""

from __future__ import annotations

import signal
import sys
import threading
import time
import unittest
import weakref
from typing import Any, Callable

from support import SAMPLE_APP, USER, Case, Thing, collect, eventually, thing

import modelreg
from modelreg import Registry, _native


class Lifetime(Case):
    def gone(self, reference: weakref.ref[Thing]) -> None:
        """Fails unless the object is gone now, without the collector's help."""
        self.assertIsNone(reference())

    def test_one_reference_while_it_is_registered(self) -> None:
        db = self.db()
        data = object()
        before = sys.getrefcount(data)
        model = db.register("M", user_data=data)
        self.assertEqual(sys.getrefcount(data), before + 1)
        other = db.register("N", user_data=data)
        owner = self.registry.app(user_data=data)
        self.assertEqual(sys.getrefcount(data), before + 3)
        with model.hold(), db.hold_models(), db.hold_models():
            self.assertEqual(sys.getrefcount(data), before + 3)
        model.unregister()
        self.assertEqual(sys.getrefcount(data), before + 2)
        other.move(data_source=self.db("x"))
        self.assertEqual(sys.getrefcount(data), before + 2)
        owner.release()
        self.assertEqual(sys.getrefcount(data), before + 1)
        self.registry.clear()
        self.assertEqual(sys.getrefcount(data), before)

    def test_every_call_that_lets_go_does_so_before_it_returns(self) -> None:
        registry = self.registry
        source = self.db()
        registry.sweeper.start(interval=3600, max_idle=0)

        def replaced(db: modelreg.DataSource, model: modelreg.Model) -> None:
            db.register("M")

        def moved_over(db: modelreg.DataSource, model: modelreg.Model) -> None:
            source.register("M").move(data_source=db)

        ways: list[Callable[[modelreg.DataSource, modelreg.Model], Any]] = [
            lambda db, model: model.unregister(),
            replaced,
            moved_over,
            lambda db, model: db.release(),
            lambda db, model: registry.clear(),
            lambda db, model: registry.drop_tenant(db.tenant),
            lambda db, model: registry.drop_tenant(db.tenant, db),
            lambda db, model: registry.drop_idle(0),
            lambda db, model: registry.sweeper.run(),
            lambda db, model: registry.close(),
        ]
        for way in ways:
            db = self.db("other")
            data, reference = thing()
            model = db.register("M", user_data=data)
            del data
            self.assertIs(model.user_data, reference())
            self.assertIs(db.models["M"].user_data, reference())
            way(db, model)
            self.gone(reference)

    def test_an_owner_s_is_let_go_when_it_is_released_or_its_registry_closed(self) -> None:
        for close in (False, True):
            data, reference = thing()
            owner = self.registry.owner("worker", user_data=data)
            del data
            self.assertIs(owner.user_data, reference())
            self.registry.clear()
            self.assertIsNotNone(reference())
            self.registry.close() if close else owner.release()
            self.gone(reference)
            self.stale(lambda: owner.user_data)

    def test_a_hold_keeps_it(self) -> None:
        data, reference = thing()
        model = self.db().register("M", user_data=data)
        del data
        first, second = model.hold(), model.hold()
        self.registry.close()
        first.release()
        first.release()
        self.assertIs(second.user_data, reference())
        second.release()
        self.gone(reference)

    def test_a_snapshot_keeps_it(self) -> None:
        db = self.db()
        data, reference = thing()
        db.register("M", user_data=data)
        del data
        one, other = db.hold_models(), self.registry.hold_models()
        self.registry.clear()
        one.free()
        self.assertIs(other[0].user_data, reference())
        self.registry.close()
        other.free()
        self.gone(reference)

    def test_holds_and_snapshots_that_are_forgotten_keep_it_no_longer_than_they_live(self) -> None:
        keeps: list[Callable[[modelreg.DataSource], Any]] = [
            lambda db: db.models["M"].hold(),
            lambda db: db.hold_models(),
            lambda db: db.hold_models()[0],
        ]
        for keep in keeps:
            db = self.db()
            data, reference = thing()
            db.register("M", user_data=data)
            del data
            kept = keep(db)
            db.release()
            self.assertIs(kept.user_data if not isinstance(kept, modelreg.Snapshot) else kept[0].user_data, reference())
            del kept
            self.gone(reference)

    def test_a_copied_list_or_a_model_keeps_nothing(self) -> None:
        db = self.db()
        data, reference = thing()
        db.register("M", user_data=data)
        del data
        copied = db.models.as_tuple(), dict(db.models), db.models["M"]
        self.registry.clear()
        self.gone(reference)
        self.stale(lambda: copied[2].user_data)

    def test_a_call_that_fails_keeps_nothing(self) -> None:
        db = self.db()
        calls: list[Callable[[Any], Any]] = [
            lambda data: self.registry.register("", user_data=data),
            lambda data: db.register("M", settings="[", user_data=data),
            lambda data: self.registry.register("M", app=db, user_data=data),
            lambda data: self.registry.app("bad\0name", user_data=data),
            lambda data: self.registry.owner(77, user_data=data),
        ]
        self.registry.close()
        calls += [
            lambda data: self.registry.register("M", user_data=data),
            lambda data: self.registry.app(user_data=data),
        ]
        for call in calls:
            data, reference = thing()
            with self.assertRaises(modelreg.ModelregError):
                call(data)
            del data
            self.gone(reference)
        self.assertEqual(len(self.registry._keeper.alive), 0)

    def test_a_failure_that_is_caught_leaves_no_cycle(self) -> None:
        data, reference = thing()
        try:
            self.registry.register("", user_data=data)
        except modelreg.InvalidNameError:
            pass
        try:
            self.registry.owner(77, user_data=data)
        except modelreg.InvalidArgumentError:
            pass
        del data
        self.gone(reference)

    def test_arguments_of_a_wrong_type_keep_nothing(self) -> None:
        data, reference = thing()
        for call in (
            lambda: self.registry.register(5, user_data=data),  # type: ignore[arg-type]
            lambda: self.registry.register("M", {"properties": {"a": object()}}, user_data=data),
            lambda: self.registry.app(b"x", user_data=data),  # type: ignore[arg-type]
        ):
            with self.assertRaises(TypeError):
                call()
        del data, call
        self.gone(reference)

    def test_any_object_comes_back_as_itself(self) -> None:
        db = self.db()
        for data in (0, "", [], False, -1, 2**80, object(), Thing, lambda: None, float("nan"), (1,), self):
            self.assertIs(db.register("M", user_data=data).user_data, data)
            self.assertIs(self.registry.app(user_data=data).user_data, data)
        self.assertIsNone(db.register("M").user_data)
        self.assertIsNone(self.registry.app().user_data)

    def test_loading_over_a_model_lets_it_go(self) -> None:
        data, reference = thing()
        self.registry.register("FloorPlan", user_data=data)
        del data
        with self.registry.load(SAMPLE_APP):
            self.gone(reference)

    def test_what_is_let_go_may_call_anything(self) -> None:
        db = self.db()
        calls: list[str] = []

        def note() -> None:
            calls.append("called")
            db.register(f"again{len(calls)}", user_data=Thing(note) if len(calls) < 50 else None)
            list(db.models)
            self.registry.clear()

        db.register("M", user_data=Thing(note))
        self.registry.clear()
        self.assertEqual(len(calls), 50)
        db.register("M", user_data=Thing(self.registry.close))
        db.release()
        self.assertFalse(self.registry.is_valid)

    def test_what_it_raises_reaches_nobody(self) -> None:
        def note() -> None:
            raise RuntimeError("in __del__")

        caught: list[Any] = []
        hook, sys.unraisablehook = sys.unraisablehook, caught.append
        try:
            self.db().register("M", user_data=Thing(note))
            self.registry.clear()
        finally:
            sys.unraisablehook = hook
        self.assertEqual(len(caught), 1)

    def test_the_default_registry_refuses_it(self) -> None:
        data, reference = thing()
        with self.assertRaises(modelreg.ModelregError):
            Registry.default().register("M", user_data=data)
        self.assertIs(Registry.from_handle(self.registry.handle), self.registry)
        self.assertIs(Registry.default(), Registry.from_handle(Registry.default().handle))
        del data
        self.gone(reference)


@unittest.skipUnless(hasattr(signal, "setitimer"), "timers that interrupt")
class Interrupted(unittest.TestCase):
    def test_exceptions_out_of_signal_handlers_at_any_moment_lose_nothing(self) -> None:
        class Now(Exception):
            pass

        def handler(*_: object) -> None:
            fired.append(1)
            raise Now

        fired: list[int] = []
        registry = Registry()
        unraisable, sys.unraisablehook = sys.unraisablehook, lambda *_: None
        before = signal.signal(signal.SIGALRM, handler)
        try:
            for round in range(400):
                try:
                    # At another moment of what follows each time; the timer goes off once.
                    signal.setitimer(signal.ITIMER_REAL, 0.00002 + round * 0.000001)
                    for number in range(50):
                        db = registry.data_source(user_data=[round])
                        db.register("M", user_data=[number])
                        db.register("M", user_data=[number])
                        db.release()
                    # One that was raised in a finalizer reaches nobody.
                    while len(fired) <= round:
                        time.sleep(0.001)
                except Now:
                    pass
        finally:
            signal.signal(signal.SIGALRM, before)
            sys.unraisablehook = unraisable
        self.assertEqual(len(fired), 400)
        # What was left behind holds up no fork of this thread.
        self.assertEqual(set(_native.gate.inside.values()) - {threading.get_ident()}, set())
        _native.gate.inside.clear()
        registry.close()
        self.assertEqual(len(registry._keeper.alive), 0)


class Swept(Case):
    def test_what_the_sweeper_s_thread_drops_is_let_go_without_any_call(self) -> None:
        data, reference = thing()
        where: list[threading.Thread] = []
        data.note = lambda: where.append(threading.current_thread())
        with self.registry.sweeper.start(interval=0.01, max_idle=0.0):
            self.registry.register("M", tenant="acme", user_data=data)
            del data
            self.assertTrue(eventually(lambda: reference() is None))
            self.assertGreater(self.registry.sweeper.info.dropped, 0)
        self.assertIn(where[0].name, ("modelreg-release", "MainThread"))

    def test_the_thread_is_there_only_while_a_sweeper_runs(self) -> None:
        def threads() -> list[str]:
            return [thread.name for thread in threading.enumerate() if thread.name == "modelreg-release"]

        self.assertTrue(eventually(lambda: not threads()))
        with Registry() as other:
            self.registry.sweeper.start(interval=0.05)
            other.sweeper.start(interval=60)
            self.assertEqual(len(threads()), 1)
            self.registry.sweeper.stop()
            self.assertEqual(len(threads()), 1)
        self.registry.close()
        other.sweeper
        del other
        self.assertTrue(eventually(lambda: not threads()))
        with Registry() as third, third.sweeper.start():
            self.assertEqual(len(threads()), 1)

    def test_a_sweeper_keeps_no_registry_alive(self) -> None:
        registry = Registry()
        registry.sweeper.start(interval=0.01, max_idle=0)
        data, reference = thing()
        registry.app(user_data=data)
        del data
        gone = weakref.ref(registry)
        del registry
        self.assertTrue(eventually(lambda: gone() is None and reference() is None))


class Garbage(unittest.TestCase):
    def test_a_registry_that_nobody_has_is_closed(self) -> None:
        registry = Registry()
        handle = registry.handle
        data, reference = thing()
        model = registry.app("a").register("M", user_data=data)
        del data, registry
        self.assertTrue(model.is_valid)
        self.assertIs(model.user_data, reference())
        del model
        self.assertIsNone(reference())
        with self.assertRaises(modelreg.StaleHandleError):
            Registry.from_handle(handle)

    def test_views_and_lists_make_no_cycle(self) -> None:
        registry = Registry()
        db = registry.data_source("db")
        db.register("M", USER)
        self.assertEqual(len(list(db.models.items())) + len(db.models_on.as_tuple()), 2)
        handle = registry.handle
        del db, registry
        with self.assertRaises(modelreg.StaleHandleError):
            Registry.from_handle(handle)

    def test_an_object_that_refers_to_its_registry_is_garbage_with_it(self) -> None:
        for how in range(6):
            registry = Registry()
            handle = registry.handle
            data, reference = thing()
            db = registry.data_source("db", user_data=data)
            model = db.register("M", user_data=data)
            data.everything = [registry, db, model, db.models, data]  # type: ignore[attr-defined]
            if how == 1:
                data.everything.append(db.hold_models())  # type: ignore[attr-defined]
            elif how == 2:
                data.everything.append(model.hold())  # type: ignore[attr-defined]
            elif how == 3:
                data.everything.append(registry.sweeper.start(interval=60))  # type: ignore[attr-defined]
            elif how == 4:
                # Finalizers of a cycle run in any order; this one asks what may be closed already.
                data.note = lambda asked=db: (asked.is_valid, repr(asked.models), repr(asked.registry))
            elif how == 5:
                registry.clear()
                db.register("N", user_data=data)
            del registry, db, model, data
            if how == 3:
                # The thread that looks into the queue may have it in its hands just now.
                self.assertTrue(eventually(lambda: collect() and reference() is None))
            collect()
            self.assertIsNone(reference(), how)
            with self.assertRaises(modelreg.StaleHandleError):
                Registry.from_handle(handle)

    def test_objects_end_in_any_order(self) -> None:
        import itertools

        for order in itertools.permutations(range(5)):
            registry = Registry()
            data, reference = thing()
            db = registry.data_source("db")
            model = db.register("M", USER, user_data=data)
            things: list[Any] = [registry, db, model, db.hold_models(), model.hold()]
            del data, registry, db, model
            for position in order:
                things[position] = None
            self.assertIsNone(reference())

    def test_a_registry_whose_making_failed_ends_in_peace(self) -> None:
        with self.assertRaises(modelreg.InvalidNameError):
            Registry(reserved_tenants=["\0"])
        with self.assertRaises(TypeError):
            Registry(reserved_tenants="trap")
        with self.assertRaises(ValueError):
            Registry(max_models=-1)
        collect()


if __name__ == "__main__":
    unittest.main()
