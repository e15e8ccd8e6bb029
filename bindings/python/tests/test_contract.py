"""The sentences of the contract, as Python sees them."""

from __future__ import annotations

import asyncio
import hashlib
import unittest
import unittest.mock
from datetime import datetime, timedelta, timezone

from support import USER, Case, together

import modelreg
from modelreg import App, DataSource, Model, Registry


class Scene(unittest.TestCase):
    def test_the_scene_to_reproduce_exactly(self) -> None:
        with Registry() as registry, registry.data_source("db", connector="memory") as db:
            user = db.register("User", USER)
            before = db.models.as_tuple()
            stamp = db.models.stamp
            self.assertEqual(before, (user,))
            registry.clear()
            after = db.models.as_tuple()
            self.assertEqual(after, ())
            self.assertNotEqual(db.models.stamp, stamp)
            product = db.register("Product")
            first, second = db.models.as_tuple(), db.models.as_tuple()
            self.assertEqual(first, (product,))
            self.assertIs(first, second)
            self.assertEqual(db.models.stamp, db.models.stamp)
            self.assertEqual(before, (user,))


class Words(Case):
    def test_kinds_of_owners(self) -> None:
        db, app = self.db(), self.registry.app("shop")
        self.assertIsInstance(db, DataSource)
        self.assertIsInstance(app, App)
        self.assertEqual((db.kind, app.kind), (modelreg.KIND_DATA_SOURCE, modelreg.KIND_APP))
        number = self.registry.kind("worker")
        self.assertGreaterEqual(number, 1000)
        self.assertEqual(self.registry.kind("worker"), number)
        worker = self.registry.owner("worker", "w")
        self.assertEqual((worker.kind, worker.name), (number, "w"))
        self.assertEqual(self.registry.owner(number).kind, number)
        for name in ("ds", "app", "global", ""):
            with self.assertRaises(modelreg.InvalidNameError):
                self.registry.kind(name)
        model = worker.register("Job")
        self.assertEqual((model.owner, model.app, model.data_source), (worker, worker, None))
        self.assertTrue(worker.tenant.startswith("worker_"))

    def test_many_registries_know_nothing_of_one_another(self) -> None:
        with Registry() as other, other.data_source("db") as foreign:
            self.assertIsNone(other.find_by_name("User"))
            with self.assertRaises(modelreg.ForeignHandleError):
                self.registry.register("User", data_source=foreign)

    def test_the_default_registry_is_one_and_cannot_be_closed(self) -> None:
        one, other = Registry.default(), Registry.default()
        self.assertEqual(one, other)
        with self.assertRaises(modelreg.InvalidArgumentError):
            one.close()
        with one:
            pass
        self.assertTrue(one.is_valid)
        with one.data_source("d") as db:
            self.assertEqual(db.register("M"), db.models["M"])
            with self.assertRaisesRegex(modelreg.ModelregError, "was not made by"):
                db.register("N", user_data=object())
        one.clear()
        one.reclaim()

    def test_a_stamp_is_of_one_snapshot(self) -> None:
        db = self.db()
        stamps = []
        for number in range(20):
            db.register(f"M{number % 3}")
            stamps.append(db.models.stamp)
            with db.hold_models() as held, db.hold_models() as again:
                self.assertEqual((held.stamp, again.stamp), (stamps[-1], stamps[-1]))
        self.assertEqual(len(set(stamps)), len(stamps))

    def test_the_generation_counts_clears(self) -> None:
        self.assertEqual(self.registry.generation, 1)
        self.registry.clear()
        self.registry.clear()
        self.assertEqual(self.registry.generation, 3)


class Partitions(Case):
    def test_a_model_on_a_data_source_lives_in_its_partition(self) -> None:
        db = self.registry.data_source(connector="mysql", host="h", port=3306, database="d")
        digits = hashlib.md5(b"mysql:h:3306:d").hexdigest()[:8]
        self.assertEqual(db.tenant, f"ds_mysql_{digits}")
        app = self.registry.app()
        self.assertEqual(app.register("A", data_source=db).tenant, db.tenant)
        self.assertEqual(db.register("B").tenant, db.tenant)

    def test_defaults_of_the_configuration(self) -> None:
        def digits(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()[:8]

        make = self.registry.data_source
        self.assertEqual(make(connector="x").tenant, f"ds_x_{digits('x:localhost::default')}")
        self.assertEqual(make(connector="x", url="x://h/a/b?c=d").tenant, f"ds_x_{digits('x:localhost::b')}")
        self.assertTrue(make().tenant.startswith("ds_none_"))
        self.assertTrue(make(connector="").tenant.startswith("ds_unknown_"))

    def test_equal_configurations_share_one_partition(self) -> None:
        for _ in range(1000):
            with self.db("same") as db:
                db.register("User")
        one, other = self.db("same"), self.db("same")
        one.register("A")
        other.register("B")
        self.assertEqual(one.tenant, other.tenant)
        self.assertEqual([info.code for info in self.registry.tenants()], [one.tenant])
        self.assertEqual(self.registry.tenant(one.tenant).owners, 2)  # type: ignore[union-attr]

    def test_each_may_own_a_model_of_one_name(self) -> None:
        one, other = self.db("same"), self.db("same")
        mine, yours = one.register("User"), other.register("User")
        self.assertEqual((one.models["User"], other.models["User"]), (mine, yours))
        self.assertNotEqual(mine, yours)

    def test_an_app_has_a_partition_of_its_own(self) -> None:
        one, other = self.registry.app("a"), self.registry.app("a")
        self.assertEqual(one.register("M").tenant, one.tenant)
        self.assertNotEqual(one.tenant, other.tenant)
        self.assertRegex(one.tenant, r"^app_\d+$")

    def test_otherwise_the_tenant_that_was_named_else_global(self) -> None:
        register = self.registry.register
        self.assertEqual(register("M", tenant="acme").tenant, "acme")
        self.assertEqual(register("M").tenant, "global")
        self.assertEqual(register("M", tenant="").tenant, "global")
        self.assertEqual(register("M", tenant="trap").tenant, "global")
        self.assertEqual(register("M", tenant="global").tenant, "global")
        db = self.db()
        self.assertEqual(register("M", data_source=db, tenant="acme").tenant, db.tenant)

    def test_the_current_tenant_of_a_block(self) -> None:
        self.assertEqual(modelreg.current_tenant(), "")
        with modelreg.tenant("acme"):
            self.assertEqual(modelreg.current_tenant(), "acme")
            self.assertEqual(self.registry.register("M").tenant, "acme")
            self.assertEqual(self.registry.register("N", tenant="").tenant, "global")
            with modelreg.tenant("other"):
                self.assertEqual(self.registry.register("M").tenant, "other")
            with modelreg.tenant(None):
                self.assertEqual(modelreg.current_tenant(), "")
                self.assertEqual(self.registry.register("M").tenant, "global")
            self.assertEqual(modelreg.current_tenant(), "acme")
            model = self.registry.register("P", tenant="x")
            model.move()
            self.assertEqual(model.tenant, "acme")
        self.assertEqual(modelreg.current_tenant(), "")

    def test_the_library_s_tenant_of_a_thread(self) -> None:
        def elsewhere() -> None:
            self.assertEqual(modelreg.current_tenant(), "")

        modelreg.set_thread_tenant("acme")
        self.addCleanup(modelreg.set_thread_tenant, None)
        self.assertEqual(modelreg.current_tenant(), "acme")
        self.assertEqual(self.registry.register("M").tenant, "acme")
        with modelreg.tenant("block"):
            self.assertEqual(self.registry.register("M").tenant, "block")
        with modelreg.tenant(""):
            self.assertEqual(self.registry.register("M").tenant, "global")
        together(elsewhere)
        modelreg.set_thread_tenant("")
        self.assertEqual(modelreg.current_tenant(), "")

    def test_tasks_that_take_turns_never_see_one_another_s_tenant(self) -> None:
        async def work(code: str) -> None:
            with modelreg.tenant(code):
                for number in range(20):
                    model = self.registry.register(f"M{number}")
                    await asyncio.sleep(0)
                    self.assertEqual((model.tenant, modelreg.current_tenant()), (code, code))

        async def main() -> None:
            await asyncio.gather(*(work(f"t{number}") for number in range(5)))

        asyncio.run(main())
        self.assertEqual(modelreg.current_tenant(), "")

    def test_a_partition_goes_with_its_last_owner(self) -> None:
        one, other = self.db("same"), self.db("same")
        one.register("A")
        other.register("B")
        label = one.tenant
        one.release()
        self.assertIsNotNone(self.registry.tenant(label))
        other.release()
        self.assertIsNone(self.registry.tenant(label))

    def test_releasing_a_data_source_takes_what_is_on_it_and_releasing_an_app_its_models(self) -> None:
        app = self.registry.app()
        with self.db("one") as one, self.db("two") as two:
            on_one, on_two = app.register("A", data_source=one), app.register("B", data_source=two)
            one.release()
            self.assertEqual((on_one.is_valid, on_two.is_valid), (False, True))
            self.assertEqual(list(app.models), ["B"])
            app.release()
            self.assertFalse(on_two.is_valid)
            self.assertEqual(list(two.models_on), [])


class Registering(Case):
    def test_a_name_is_needed(self) -> None:
        with self.assertRaises(modelreg.InvalidNameError):
            self.registry.register("")

    def test_a_second_of_a_name_takes_the_place_of_the_first(self) -> None:
        db = self.db()
        old, second = db.register("A"), db.register("B")
        new = db.register("A")
        self.assertEqual(db.models.as_tuple(), (new, second))
        self.assertEqual((old.is_valid, new.is_valid), (False, True))
        self.assertNotEqual(old, new)
        self.assertEqual(self.registry.stats().registered_total, 3)

    def test_with_an_app_that_one_owns_it(self) -> None:
        db, app = self.db(), self.registry.app()
        model = db.register("M", app=app)
        self.assertEqual((model.owner, model.data_source, model.app), (app, db, app))
        self.assertEqual(list(app.models), ["M"])
        self.assertEqual(list(db.models), [])
        self.assertEqual(db.models_on.as_tuple(), (model,))
        self.assertIs(db.models_on.as_tuple(), db.models_on.as_tuple())
        self.assertEqual(list(app.models_on), [])

    def test_two_models_of_one_name_on_a_data_source(self) -> None:
        db, app = self.db(), self.registry.app()
        mine, apps = db.register("M"), app.register("M", data_source=db)
        self.assertEqual(db.models_on.as_tuple(), (mine, apps))
        self.assertEqual(db.models_on.names, ("M", "M"))
        self.assertEqual(list(db.models_on), ["M"])
        self.assertEqual(db.models_on["M"], mine)

    def test_move(self) -> None:
        one, other, app = self.db("one"), self.db("two"), self.registry.app()
        marker = object()
        model = one.register("M", user_data=marker)
        other.register("A")
        old = other.register("M")
        before = self.registry.stats().registered_total
        model.move(data_source=other)
        self.assertEqual((other.names, list(one.models)), (("A", "M"), []))
        self.assertEqual((other.models["M"], old.is_valid, model.user_data is marker), (model, False, True))
        self.assertEqual(self.registry.stats().registered_total, before + 1)
        model.move(data_source=one, app=app)
        self.assertEqual((model.owner, model.data_source, list(one.models_on)), (app, one, ["M"]))
        model.move()
        self.assertEqual((model.owner, model.tenant), (None, "global"))

    def test_an_owner_handed_in_as_another_kind(self) -> None:
        db, app = self.db(), self.registry.app()
        with self.assertRaises(modelreg.InvalidArgumentError):
            self.registry.register("M", data_source=app)
        with self.assertRaises(modelreg.InvalidArgumentError):
            self.registry.register("M", app=db)

    def test_settings_and_schema_come_back(self) -> None:
        model = self.registry.register("User", USER, settings={"strict": True, "ü": [1, None]})
        self.assertEqual(model.settings, {"strict": True, "ü": [1, None]})
        schema = model.schema
        assert schema is not None
        self.assertEqual([p.name for p in schema.properties], ["email", "age"])
        self.assertIsNone(self.registry.register("Bare").schema)
        self.assertEqual(self.registry.register("Bare2").settings, {})
        self.assertEqual(
            self.registry.register("FromText", '{"properties": {}}', settings='{"a": 1}').settings, {"a": 1}
        )
        for settings in ("[]", "{", "x"):
            with self.assertRaises(modelreg.JsonError):
                self.registry.register("Bad", settings=settings)

    def test_when_it_was_registered(self) -> None:
        before = datetime.now(timezone.utc) - timedelta(milliseconds=1)
        model = self.registry.register("M")
        self.assertTrue(before <= model.registered_at <= datetime.now(timezone.utc) + timedelta(milliseconds=1))


class Asking(Case):
    def test_a_view_is_a_mapping(self) -> None:
        db = self.db()
        models = db.models
        self.assertEqual((len(models), list(models), dict(models), "A" in models), (0, [], {}, False))
        made = {name: db.register(name) for name in ("B", "A", "ü", "C")}
        self.assertEqual(list(models), ["B", "A", "ü", "C"])
        self.assertEqual(list(models.keys()), list(made))
        self.assertEqual(list(models.values()), list(made.values()))
        self.assertEqual(list(models.items()), list(made.items()))
        self.assertEqual(dict(models), made)
        self.assertEqual(models, made)
        self.assertEqual((len(models), len(models.values()), len(models.items())), (4, 4, 4))
        self.assertTrue("ü" in models and made["A"] in models.values() and ("A", made["A"]) in models.items())
        self.assertFalse("x" in models or object() in models or ("A", made["B"]) in models.items())
        self.assertIsNone(models.get("x"))
        with self.assertRaises(KeyError):
            models["x"]
        self.assertEqual(models.names, ("B", "A", "ü", "C"))
        self.assertIn("'ü'", repr(models))
        with self.assertRaises(TypeError):
            models["A"] = made["A"]  # type: ignore[index]

    def test_while_nothing_changed_the_same_objects(self) -> None:
        db = self.db()
        db.register("A")
        models = db.models
        self.assertIs(db.models, models)
        self.assertIs(models["A"], models["A"])
        self.assertIs(models["A"], models.as_tuple()[0])
        self.assertIs(models.names, db.names)
        self.assertIs(models.as_tuple(), models.as_tuple())
        tuple_before, names_before, model = models.as_tuple(), models.names, models["A"]
        # Asking for another list raises the word, and not the answer.
        self.registry.find_by_name("A")
        list(db.models_on)
        self.assertIs(models.as_tuple(), tuple_before)
        db.register("B")
        self.assertIsNot(models.as_tuple(), tuple_before)
        self.assertIsNot(models.names, names_before)
        self.assertEqual(models["A"], model)
        self.assertEqual((tuple_before, names_before), ((model,), ("A",)))

    def test_repeated_questions_make_no_foreign_call(self) -> None:
        db = self.db()
        for number in range(100):
            db.register(f"M{number}")
        models = db.models

        def ask() -> None:
            self.assertEqual(len(models), 100)
            self.assertTrue("M5" in models and models["M99"].name == "M99")
            self.assertEqual(len(list(models.items())), len(models.as_tuple()))
            self.assertEqual(models.names[3], "M3")

        ask()
        before = self.registry.stats()
        for _ in range(50):
            ask()
        after = self.registry.stats()
        self.assertEqual((after.cache_hits, after.cache_misses), (before.cache_hits, before.cache_misses))
        with unittest.mock.patch.object(type(models), "_ask", side_effect=AssertionError("asked")):
            ask()
            db.register("New")
            with self.assertRaisesRegex(AssertionError, "asked"):
                len(models)

    def test_every_change_is_seen(self) -> None:
        registry = self.registry
        db, app, other = self.db(), registry.app(), self.db("other")

        def names() -> list[list[str]]:
            return [list(owner.models) for owner in (db, app)] + [list(db.models_on)]

        a = db.register("A")
        self.assertEqual(names(), [["A"], [], ["A"]])
        app.register("B", data_source=db)
        self.assertEqual(names(), [["A"], ["B"], ["A", "B"]])
        a.unregister()
        self.assertEqual(names(), [[], ["B"], ["B"]])
        c = other.register("C")
        c.move(data_source=db)
        self.assertEqual(names(), [["C"], ["B"], ["B", "C"]])
        registry.drop_tenant(db.tenant)
        self.assertEqual(names(), [[], [], []])
        db.register("D")
        self.assertEqual(names(), [["D"], [], ["D"]])
        registry.drop_idle(0)
        self.assertEqual(names(), [[], [], []])
        db.register("E")
        self.assertEqual(names(), [["E"], [], ["E"]])
        registry.sweeper.start(interval=3600, max_idle=0)
        registry.sweeper.run()
        registry.sweeper.stop()
        self.assertEqual(names(), [[], [], []])
        db.register("F")
        self.assertEqual(names(), [["F"], [], ["F"]])
        registry.clear()
        self.assertEqual(names(), [[], [], []])
        db.release()
        self.stale(lambda: len(db.models))
        self.stale(lambda: "F" in db.models)
        self.stale(lambda: db.models.get("F"))
        registry.close()
        self.stale(lambda: list(app.models))
        self.assertIn("gone", repr(app.models))

    def test_one_owner_s_cache_alone_can_be_invalidated(self) -> None:
        db, other = self.db(), self.db("other")
        db.register("A")
        other.register("A")
        mine, yours = db.models.as_tuple(), other.models.as_tuple()
        db.invalidate()
        self.assertIsNot(db.models.as_tuple(), mine)
        self.assertEqual(db.models.as_tuple(), mine)
        self.assertIs(other.models.as_tuple(), yours)

    def test_asked_as_another_kind_an_owner_has_nothing(self) -> None:
        db = self.db()
        db.register("A")
        self.assertEqual(list(db.models_as(modelreg.KIND_DATA_SOURCE)), ["A"])
        self.assertEqual(list(db.models_as(modelreg.KIND_ANY)), ["A"])
        self.assertEqual(list(db.models_as(modelreg.KIND_APP)), [])
        self.assertNotIn("A", db.models_as(1000))

    def test_long_lists_and_long_names(self) -> None:
        db = self.db()
        names = [f"{'n' * 200}{number}" for number in range(500)]
        made = [db.register(name) for name in names]
        self.assertEqual(db.names, tuple(names))
        self.assertEqual(db.models.as_tuple(), tuple(made))
        self.assertEqual(list(db.models_on), names)
        with db.hold_models() as held:
            self.assertEqual((held.names, held.models), (tuple(names), tuple(made)))
        long = db.register("m" * 4096)
        self.assertEqual(modelreg.Registry.from_handle(self.registry.handle).find_by_name(long.name), long)
        found = self.registry.tenant_models(db.tenant)[-1]
        self.assertEqual(found.name, "m" * 4096)
        with self.assertRaises(modelreg.TooLongError):
            db.register("m" * 4097)

    def test_a_list_that_changes_between_the_two_questions_is_read_from_a_snapshot(self) -> None:
        db = self.db()
        db.register("A")
        with unittest.mock.patch.object(type(db.models), "_ask_twice", return_value=None):
            self.assertEqual((db.names, db.models.as_tuple()), (("A",), (db.models["A"],)))
        stamp = db.models.stamp
        with db.hold_models() as held:
            self.assertEqual(held.stamp, stamp)

    def test_find_by_name_looks_in_global_first_then_by_partition(self) -> None:
        registry = self.registry
        db, app = self.db(), registry.app()
        first, second = db.register("M"), app.register("M")
        self.assertEqual(registry.find_by_name("M"), first)
        self.assertEqual(registry.find_by_name("M", tenant=app.tenant), second)
        everywhere = registry.register("M")
        self.assertEqual(registry.find_by_name("M"), everywhere)
        self.assertEqual(registry.find_by_name("M", tenant=""), everywhere)
        self.assertEqual(registry.find_by_name("M", tenant="trap"), everywhere)
        self.assertIsNone(registry.find_by_name("M", tenant="nobody"))
        self.assertIsNone(registry.find_by_name("N"))
        other = self.db()
        newest = other.register("M")
        self.assertEqual(registry.find_by_name("M", tenant=db.tenant), newest)

    def test_find_by_structure(self) -> None:
        registry = self.registry
        db = self.db()
        model = db.register("User", USER)
        self.assertEqual(registry.find_by_structure(USER), model)
        self.assertEqual(
            registry.find_by_structure({"properties": {"age": "Number", "email": USER["properties"]["email"]}}), model
        )
        with modelreg.Schema(USER) as schema:
            self.assertEqual(registry.find_by_structure(schema), model)
        self.assertIsNone(registry.find_by_structure({"properties": {"age": "string", "email": "string"}}))
        self.assertEqual(registry.stats().reused_total, 3)
        self.assertIsNone(registry.find_by_structure(USER, strict=True))
        strict = db.register("Strict", USER, strict=True)
        self.assertEqual(registry.find_by_structure(USER, strict=True), strict)
        self.assertEqual(registry.find_by_structure(USER), model)
        db.register("Set", USER, settings={"strict": True})
        self.assertEqual(registry.find_by_structure(USER), model)

    def test_find_by_structure_keeps_to_the_tenant(self) -> None:
        registry = self.registry
        acme = registry.register("Anonymous", USER, tenant="acme", settings={"anonymous": True})
        self.assertIsNone(registry.find_by_structure(USER, tenant="other"))
        self.assertEqual(registry.find_by_structure(USER, tenant="acme"), acme)
        self.assertEqual(registry.find_by_structure(USER), acme)
        self.assertIsNone(registry.find_by_structure(USER, tenant="trap"))
        with modelreg.tenant("other"):
            self.assertIsNone(registry.find_by_structure(USER))
            self.assertEqual(registry.find_by_structure(USER, tenant=""), acme)
        everywhere = registry.register("Global", USER)
        with modelreg.tenant("acme"):
            self.assertEqual(registry.find_by_structure(USER), everywhere)
        self.assertEqual(registry.find_by_structure(USER, tenant="trap"), everywhere)

    def test_find_by_structure_passes_marked_models_over(self) -> None:
        registry = self.registry
        here = registry.register("Here", USER, marks=1)
        there = registry.register("There", USER, tenant="t", marks=2)
        self.assertEqual(registry.find_by_structure(USER, pass_over=1), there)
        self.assertIsNone(registry.find_by_structure(USER, pass_over=3))
        self.assertEqual(registry.find_by_structure(USER, pass_over_outside_global=3), here)
        self.assertIsNone(registry.find_by_structure(USER, pass_over=1, pass_over_outside_global=2))

    def test_all_models_are_those_outside_global(self) -> None:
        registry = self.registry
        registry.register("G")
        one, two = self.db("one").register("A", USER), registry.register("B", tenant="acme")
        self.assertEqual(registry.all_models(), (one, two))
        self.assertEqual([model.tenant for model in registry.all_models()], [one.tenant, "acme"])
        with registry.hold_models() as held:
            self.assertEqual((held.models, held.stamp), ((one, two), 0))
        self.assertEqual([model.name for model in registry.tenant_models()], ["G"])
        self.assertEqual(registry.tenant_models("acme"), (two,))
        self.assertEqual(registry.tenant_models("nobody"), ())


class Holding(Case):
    def test_a_held_model_is_readable_whatever_happens(self) -> None:
        db = self.db()
        marker = object()
        model = db.register("User", USER, settings={"a": 1}, user_data=marker)
        with model.hold() as held:
            self.registry.close()
            self.assertEqual((held.name, held.settings, held.user_data is marker), ("User", {"a": 1}, True))
            self.assertEqual(held.schema.name, "User")  # type: ignore[union-attr]
            self.assertIsInstance(held.registered_at, datetime)
            self.assertEqual(held.model, model)
            self.assertFalse(model.is_valid)
            self.stale(lambda: model.tenant)
        with self.assertRaises(ValueError):
            held.name
        with self.assertRaises(ValueError):
            held.user_data
        held.release()

    def test_a_held_snapshot_stays_as_it_was(self) -> None:
        db = self.db()
        marker = object()
        model = db.register("User", USER, settings={"a": 1}, user_data=marker)
        db.register("B")
        snapshot = db.hold_models()
        for change in (self.registry.clear, db.release, self.registry.close):
            change()
            self.assertEqual((len(snapshot), snapshot.names), (2, ("User", "B")))
            entry = snapshot[0]
            self.assertEqual((entry.name, entry.settings, entry.user_data), ("User", {"a": 1}, marker))
            self.assertEqual(entry.schema.name, "User")  # type: ignore[union-attr]
            self.assertIsInstance(entry.registered_at, datetime)
            self.assertEqual((entry.model, entry.position), (model, 0))
            self.assertIsNone(snapshot[1].schema)
        self.assertEqual([entry.position for entry in snapshot[::-1]], [1, 0])
        self.assertEqual(snapshot[-1], snapshot[1])
        self.assertEqual([entry.name for entry in snapshot], ["User", "B"])
        with self.assertRaises(IndexError):
            snapshot[2]
        snapshot.free()
        snapshot.free()
        with self.assertRaises(modelreg.NullHandleError):
            entry.name

    def test_handles_of_models_are_stale_after_every_way_to_go(self) -> None:
        db = self.db()
        for go in (
            lambda model: model.unregister(),
            lambda model: db.register("M"),
            lambda model: self.registry.clear(),
            lambda model: self.registry.drop_tenant(db.tenant),
            lambda model: self.registry.drop_idle(0),
            lambda model: self.registry.close(),
        ):
            model = db.register("M", USER)
            go(model)
            self.assertFalse(model.is_valid)
            for question in (
                lambda: model.settings,
                lambda: model.schema,
                lambda: model.user_data,
                lambda: model.owner,
                lambda: model.tenant,
                lambda: model.registered_at,
                model.hold,
                model.unregister,
                model.move,
            ):
                self.stale(question)
            self.assertEqual(model.name, "M")


class LettingGo(Case):
    def test_after_clear_owners_are_usable_and_counts_are_zero(self) -> None:
        db = self.db()
        db.register("A")
        self.registry.register("B", tenant="acme")
        self.registry.clear()
        stats = self.registry.stats()
        self.assertEqual((stats.models, stats.tenants, stats.registered_total, stats.unique_structures), (0, 0, 0, 0))
        self.assertEqual(stats.owners, 1)
        self.assertEqual(list(self.registry.tenants()), [])
        self.assertEqual(db.register("C"), db.models["C"])

    def test_drop_tenant(self) -> None:
        registry = self.registry
        one, other = self.db("same"), self.db("same")
        one.register("A")
        other.register("A")
        other.register("B")
        self.assertEqual(registry.drop_tenant(one.tenant, one), 0)
        self.assertEqual((list(one.models), list(other.models)), ([], ["A", "B"]))
        self.assertEqual(registry.drop_tenant(one.tenant, other), 2)
        self.assertEqual([registry.drop_tenant(code) for code in ("nobody", "", "trap")], [0, 0, 0])
        registry.register("G")
        self.assertEqual(registry.drop_tenant("global"), 1)
        self.assertEqual(registry.tenant_models("global"), ())

    def test_drop_idle_by_a_clock_that_tests_set(self) -> None:
        registry = self.registry
        registry.set_clock(1_000_000)
        registry.register("A", tenant="old")
        registry.set_clock(1_010_000)
        registry.register("A", tenant="new")
        info = registry.tenant("old")
        assert info is not None
        self.assertEqual(info.idle, timedelta(seconds=10))
        self.assertEqual(registry.drop_idle(11), 0)
        self.assertEqual(registry.drop_idle(timedelta(seconds=10)), 1)
        self.assertEqual([info.code for info in registry.tenants()], ["new"])
        registry.set_clock(1_100_000)
        registry.touch("new")
        registry.touch("nobody")
        self.assertEqual(registry.drop_idle(10), 0)
        self.assertEqual(registry.drop_idle(0), 1)
        registry.set_clock(None)

    def test_touching_an_owner_is_use_of_its_partition(self) -> None:
        db = self.db()
        self.registry.set_clock(1_000_000)
        db.register("A")
        self.registry.set_clock(2_000_000)
        db.touch()
        self.assertEqual(self.registry.drop_idle(1), 0)

    def test_tenants_tell_of_themselves(self) -> None:
        db = self.db()
        db.register("A", USER)
        db.register("B", USER)
        self.registry.register("G")
        info = self.registry.tenant(db.tenant)
        assert info is not None
        self.assertEqual((info.code, info.is_data_source, info.models, info.names), (db.tenant, True, 2, 2))
        self.assertEqual((info.structures, info.owners), (1, 1))
        self.assertLessEqual(info.created_at, info.last_used_at)
        everywhere = self.registry.tenant()
        assert everywhere is not None
        self.assertEqual((everywhere.code, everywhere.number, everywhere.models), ("global", 0, 1))
        self.assertIsNone(self.registry.tenant("nobody"))

    def test_memory_in_use_is_zero_after_everything_was_let_go(self) -> None:
        registry = self.registry
        with self.db() as db:
            for number in range(100):
                db.register(f"M{number}", USER, settings={"n": number}, user_data=number)
            with db.hold_models():
                memory = registry.memory()
                for kind in (
                    "models",
                    "indices",
                    "owners",
                    "lists",
                    "names",
                    "schemas",
                    "snapshots",
                    "tenants",
                    "texts",
                ):
                    self.assertGreater(getattr(memory, kind), 0, kind)
        registry.reclaim()
        self.assertEqual(registry.memory().in_use, 0)
        self.assertEqual(registry.stats().bytes_in_use, 0)


class Counting(Case):
    def test_what_the_registry_and_its_cache_count(self) -> None:
        db = self.db()
        db.register("A", USER)
        db.register("B", USER)
        db.register("B")
        self.assertEqual(self.registry.stats().cache_hit_rate, 0.0)
        list(db.models)
        db.hold_models().free()
        stats = self.registry.stats()
        self.assertEqual((stats.registered_total, stats.models, stats.owners, stats.tenants), (3, 2, 1, 1))
        self.assertEqual(stats.unique_structures, 2)
        self.assertGreater(stats.cache_hits + stats.cache_misses, 0)
        self.assertTrue(0 < stats.cache_hit_rate < 1)
        misses = stats.cache_misses
        self.registry.clear()
        self.assertGreaterEqual(self.registry.stats().cache_misses, misses)

    def test_models_and_owners_are_equal_by_handle(self) -> None:
        db = self.db()
        model = db.register("A")
        again = self.registry.find_by_name("A")
        assert again is not None
        self.assertIsNot(model, again)
        self.assertEqual((model, hash(model)), (again, hash(again)))
        self.assertEqual(len({model, again, db.models["A"]}), 1)
        self.assertEqual((model.owner, hash(model.owner)), (db, hash(db)))
        self.assertIs(model.owner, db)
        self.assertNotEqual(model, db)
        self.assertNotEqual(model, model.handle)
        self.assertNotEqual(db, self.db())
        self.assertIsInstance(model, Model)
        self.assertEqual(Registry.from_handle(self.registry.handle), self.registry)

    def test_limits(self) -> None:
        with Registry(max_models=2, max_owners=1) as small:
            small.register("A")
            small.register("B")
            with self.assertRaises(modelreg.FullError):
                small.register("C")
            with small.app():
                with self.assertRaises(modelreg.FullError):
                    small.app()


if __name__ == "__main__":
    unittest.main()
