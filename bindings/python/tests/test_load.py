"""Loading an application."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path

from support import SAMPLE_APP, Case

import modelreg


class Loading(Case):
    def application(self, files: "dict[str, object]") -> Path:
        """A directory with these files; a text is written as it is, anything else as JSON."""
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        directory = Path(temporary.name)
        (directory / "models").mkdir()
        for name, content in files.items():
            (directory / name).write_text(
                content if isinstance(content, str) else json.dumps(content), encoding="utf-8"
            )
        return directory

    def test_the_sample_application(self) -> None:
        report = self.registry.load(SAMPLE_APP)
        self.assertTrue(report.loaded)
        self.assertEqual((report.data_source_count, report.model_count, report.property_count), (4, 13, 47))
        self.assertEqual(report.problems, ())
        app = report.app
        assert app is not None
        self.assertEqual((app.name, type(app)), ("sample-app", modelreg.App))
        self.assertEqual(list(report.data_sources), ["catalogue", "reporting", "sessions", "outbox"])
        catalogue = report.data_sources["catalogue"]
        self.assertIsInstance(catalogue, modelreg.DataSource)
        self.assertEqual(len(app.models), 12)
        self.assertIn("Café", catalogue.models_on)
        self.assertEqual(app.models["Member"].schema.base, "User")  # type: ignore[union-attr]
        self.assertEqual([model.name for model in self.registry.tenant_models()], ["FloorPlan"])
        report.release()
        report.release()
        self.assertFalse(app.is_valid or catalogue.is_valid)

    def test_settings(self) -> None:
        with self.registry.load(str(SAMPLE_APP), environment="production", app="shop", tenant="acme") as report:
            self.assertEqual(report.app.name, "shop")  # type: ignore[union-attr]
            self.assertEqual([model.name for model in self.registry.tenant_models("acme")], ["FloorPlan"])
            sources = report.data_sources
            self.assertNotEqual(sources["catalogue"].tenant, sources["reporting"].tenant)
        self.assertEqual(self.registry.stats().owners, 0)
        with self.registry.load(SAMPLE_APP, app=False) as report:
            self.assertIsNone(report.app)
            self.assertIn("Book", report.data_sources["catalogue"].models)
        with modelreg.tenant("current"):
            self.registry.load(SAMPLE_APP)
        self.assertEqual([model.name for model in self.registry.tenant_models("current")], ["FloorPlan"])

    def test_problems(self) -> None:
        files = {
            "datasources.json": {"db": {"connector": "memory"}},
            "model-config.json": {"Good": {"dataSource": "db"}, "Lost": {"dataSource": "nowhere"}},
            "models/good.json": {"name": "Good", "properties": {"a": "string"}},
            "models/lost.json": {"name": "Lost"},
            "models/bad.json": '{"name": "Bad",\n  "properties": {"a": }}',
        }
        directory = self.application(files)
        report = self.registry.load(directory)
        self.assertTrue(report.loaded)
        self.assertIn("Good", report.app.models)  # type: ignore[union-attr]
        by_file = {problem.file: problem for problem in report.problems}
        bad = by_file["models/bad.json"]
        self.assertEqual((bad.line, bad.error), (2, modelreg.JsonError))
        self.assertGreater(bad.column, 1)
        self.assertTrue(str(bad).startswith("models/bad.json:2:"))
        self.assertIn(modelreg.UnknownDataSourceError, [problem.error for problem in report.problems])
        report.release()
        before = self.registry.stats()
        with self.assertRaises(modelreg.LoadRefusedError) as caught:
            self.registry.load(directory, all_or_nothing=True)
        refused = caught.exception.report
        assert refused is not None
        self.assertEqual((refused.loaded, refused.app, dict(refused.data_sources)), (False, None, {}))
        self.assertEqual(refused.problems, report.problems)
        self.assertEqual(self.registry.stats().models, before.models)

    def test_what_cannot_be_loaded(self) -> None:
        with self.assertRaises(modelreg.FileError):
            self.registry.load("/nowhere/at/all")
        with self.assertRaises(modelreg.NothingToLoadError):
            self.registry.load(self.application({}))


if __name__ == "__main__":
    unittest.main()
