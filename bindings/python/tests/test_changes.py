"""Following changes, the leak report, and the sweeper."""

from __future__ import annotations

import unittest
from datetime import datetime, timedelta, timezone

from support import USER, Case, eventually, together

import modelreg
from modelreg import ChangeKind, Registry


class Changes(Case):
    def test_every_kind_of_change(self) -> None:
        registry = self.registry
        watcher = registry.watch()
        self.assertIsNone(watcher.poll())
        db, other = self.db(), self.db("other")
        label = db.tenant
        old = db.register("A", USER)
        new = db.register("A")
        new.move(data_source=other)
        new.unregister()
        db.register("B")
        registry.drop_tenant(label)
        other.register("C")
        other.release()
        db.register("D")
        registry.clear()
        registry.close()
        changes = list(watcher)
        kinds = [change.kind for change in changes]
        self.assertEqual(
            [kind for kind in kinds if kind != ChangeKind.TENANT_DROPPED],
            [
                ChangeKind.REGISTERED,
                ChangeKind.REPLACED,
                ChangeKind.MOVED,
                ChangeKind.REMOVED,
                ChangeKind.REGISTERED,
                ChangeKind.REMOVED,
                ChangeKind.REGISTERED,
                ChangeKind.REMOVED,
                ChangeKind.OWNER_RELEASED,
                ChangeKind.REGISTERED,
                ChangeKind.CLEARED,
                ChangeKind.DESTROYED,
            ],
        )
        self.assertEqual((changes[0].model, changes[0].owner, changes[0].name), (old, db, "A"))
        self.assertEqual(changes[0].tenant, label)
        self.assertEqual((changes[1].model, changes[1].replaced), (new, old))
        self.assertEqual(changes[2].owner, other)
        dropped = [change for change in changes if change.kind == ChangeKind.TENANT_DROPPED]
        self.assertIn((label, 1), [(change.tenant, change.count) for change in dropped])
        released = changes[kinds.index(ChangeKind.OWNER_RELEASED)]
        self.assertEqual((released.owner, released.name), (other, "other"))
        self.assertEqual(changes[kinds.index(ChangeKind.CLEARED)].count, 1)
        sequences = [change.sequence for change in changes]
        self.assertEqual(sequences, sorted(set(sequences)))
        now = datetime.now(timezone.utc)
        self.assertTrue(all(abs(now - change.at) < timedelta(minutes=1) for change in changes))
        self.assertEqual(list(watcher), [])

    def test_it_can_be_iterated_again(self) -> None:
        with self.registry.watch() as watcher:
            self.registry.register("A")
            self.assertEqual([change.name for change in watcher], ["A"])
            self.assertEqual(list(watcher), [])
            self.registry.register("B")
            self.assertEqual([change.name for change in watcher], ["B"])
        with self.assertRaises(modelreg.NullHandleError):
            watcher.poll()
        watcher.close()

    def test_what_finds_no_room_is_counted(self) -> None:
        with self.registry.watch(capacity=4) as watcher:
            for number in range(10):
                self.registry.register(f"M{number}")
            changes = list(watcher)
            lost = sum(change.count for change in changes if change.kind == ChangeKind.LOST)
            told = sum(1 for change in changes if change.kind == ChangeKind.REGISTERED)
            self.assertEqual(lost + told, 10)
            self.assertGreater(lost, 0)

    def test_watchers_know_nothing_of_one_another(self) -> None:
        with self.registry.watch() as one, self.registry.watch() as other:
            self.registry.register("A")
            self.assertEqual(len(list(one)), 1)
            self.assertEqual(len(list(other)), 1)

    def test_a_watcher_outlives_its_registry(self) -> None:
        with Registry() as registry:
            watcher = registry.watch()
            owner = registry.app("a")
            owner.register("M")
        changes = list(watcher)
        self.assertEqual(changes[-1].kind, ChangeKind.DESTROYED)
        first = changes[0]
        self.assertEqual((first.owner, first.model.is_valid), (owner, False))  # type: ignore[union-attr]

    def test_an_owner_that_nobody_has_any_more(self) -> None:
        with self.registry.watch() as watcher:
            self.db("gone").release()
            (change,) = (each for each in watcher if each.kind == ChangeKind.OWNER_RELEASED)
            owner = change.owner
            assert owner is not None
            self.assertEqual((owner.name, owner.is_valid), ("gone", False))

    def test_threads(self) -> None:
        with self.registry.watch(capacity=1 << 16) as watcher:

            def write() -> None:
                for number in range(500):
                    self.registry.register(f"M{number % 7}")

            seen: "list[int]" = []

            def read() -> None:
                for _ in range(500):
                    seen.extend(change.sequence for change in watcher)

            together(write, write, read)
            seen.extend(change.sequence for change in watcher)
            self.assertEqual((len(seen), len(set(seen)), seen), (1000, 1000, sorted(seen)))


class Leaks(Case):
    def test_what_is_alive_is_told(self) -> None:
        self.assertFalse(self.registry.leak_report())
        self.assertEqual(self.registry.leak_report().text, "")
        db = self.db("catalogue")
        model = db.register("Book")
        held, snapshot = model.hold(), db.hold_models()
        report = self.registry.leak_report()
        self.assertTrue(report)
        self.assertEqual(report.count, len(report.lines))
        for word in ("catalogue", "Book", f"{db.handle:x}", f"{model.handle:x}", f"{snapshot.handle:x}"):
            self.assertIn(word, str(report))
        db.release()
        self.assertIn("Book", str(self.registry.leak_report()))
        snapshot.free()
        held.release()
        self.assertFalse(self.registry.leak_report(), str(self.registry.leak_report()))

    def test_a_long_report(self) -> None:
        db = self.db()
        for number in range(300):
            db.register(f"Model{number}")
        report = self.registry.leak_report()
        self.assertEqual((report.count, len(report.lines)), (301, 301))
        self.assertIn("Model299", report.text)


class Sweeping(Case):
    def test_settings_and_counts(self) -> None:
        sweeper = self.registry.sweeper
        info = sweeper.info
        self.assertEqual((info.interval, info.max_idle), (timedelta(minutes=5), timedelta(minutes=30)))
        self.assertEqual((info.running, info.sweeps, info.dropped, info.last_sweep_at), (False, 0, 0, None))
        with sweeper.start(interval=60, max_idle=timedelta(seconds=5)):
            self.assertTrue(sweeper.running)
            self.assertEqual(
                (sweeper.info.interval, sweeper.info.max_idle), (timedelta(seconds=60), timedelta(seconds=5))
            )
            sweeper.start(interval=30)
            self.assertEqual(sweeper.info.interval, timedelta(seconds=30))
        self.assertFalse(sweeper.running)
        sweeper.stop()

    def test_a_forced_run_uses_the_settings(self) -> None:
        registry = self.registry
        registry.set_clock(1_000_000)
        registry.register("A", tenant="acme")
        registry.set_clock(1_000_000 + 29 * 60_000)
        self.assertEqual(registry.sweeper.run(), 0)
        registry.set_clock(1_000_000 + 30 * 60_000)
        self.assertEqual(registry.sweeper.run(), 1)
        info = registry.sweeper.info
        self.assertEqual((info.sweeps, info.dropped), (2, 1))
        self.assertIsNotNone(info.last_sweep_at)

    def test_its_thread_drops_idle_tenants_and_every_list_knows(self) -> None:
        registry, db = self.registry, self.db()
        db.register("A", user_data=[1])
        registry.register("G")
        self.assertEqual(list(db.models), ["A"])
        with registry.sweeper.start(interval=0.005, max_idle=0.0):
            self.assertTrue(eventually(lambda: list(db.models) == []))
        self.assertEqual((list(registry.tenants()), len(registry.tenant_models())), ([], 1))
        self.assertTrue(db.is_valid)

    def test_closing_the_registry_in_the_block(self) -> None:
        with self.registry.sweeper.start(interval=0.005):
            self.registry.close()

    def test_many_registries(self) -> None:
        registries = [Registry() for _ in range(10)]
        for registry in registries:
            registry.register("M", tenant="t", user_data=[1])
            registry.sweeper.start(interval=0.005, max_idle=0)
        for registry in registries:
            self.assertTrue(eventually(lambda: not list(registry.tenants())))
            self.assertTrue(eventually(lambda: not registry._keeper.alive))
            registry.close()


if __name__ == "__main__":
    unittest.main()
