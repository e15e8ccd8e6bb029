"""A registry that opens, fills, asks and drops 100,000 data sources ends where it began."""

from __future__ import annotations

import gc
import unittest

from support import USER

from modelreg import Registry, Schema, _call

SOURCES = 100_000
ROOM = 20


class Memory(unittest.TestCase):
    def round(self, registry: Registry, schema: Schema, different: bool) -> None:
        """Opens, fills, asks and drops data sources, a few of which are alive at a time."""
        alive = []
        for number in range(SOURCES):
            database = f"d{number}" if different else "same"
            db = registry.data_source("db", connector="mysql", database=database)
            db.register("User", schema, user_data=[number])
            if number % 10 == 0:
                model = db.models["User"]
                self.assertEqual((model.user_data, len(db.models)), ([number], 1))
            alive.append(db)
            if len(alive) == ROOM:
                for each in alive:
                    each.release()
                alive.clear()
        self.assertEqual(registry.stats().owners, 0)

    def in_use(self, registry: Registry) -> int:
        registry.reclaim()
        return registry.stats().bytes_in_use

    def measure(self, different: bool) -> None:
        with Registry() as registry, Schema(USER) as schema:
            self.round(registry, schema, different)
            self.assertEqual((self.in_use(registry), len(registry._keeper.alive)), (0, 0))
            reserved = registry.stats().bytes_reserved
            gc.collect()
            objects, pool = len(gc.get_objects()), len(_call._pool)
            self.round(registry, schema, different)
            self.assertEqual((self.in_use(registry), len(registry._keeper.alive)), (0, 0))
            self.assertEqual(registry.stats().bytes_reserved, reserved)
            gc.collect()
            self.assertLess(len(gc.get_objects()), objects + 100)
            self.assertLessEqual(len(_call._pool), pool + 1)
            self.assertEqual(len(registry._owners), 0)
            self.assertFalse(registry.leak_report())

    def test_of_one_configuration(self) -> None:
        self.measure(different=False)

    def test_of_different_configurations(self) -> None:
        self.measure(different=True)

    def test_registries_that_come_and_go(self) -> None:
        for number in range(3000):
            with Registry() as registry:
                registry.app(user_data=[number]).register("M", user_data=[number])
        gc.collect()
        objects = len(gc.get_objects())
        for number in range(3000):
            Registry().app().register("M", user_data=[number])
        gc.collect()
        self.assertLess(len(gc.get_objects()), objects + 100)


if __name__ == "__main__":
    unittest.main()
