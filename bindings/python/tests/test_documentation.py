"""What the documentation says is so, and everything public is documented."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import unittest
from pathlib import Path

import modelreg

README = Path(__file__).parents[1] / "README.md"


class Documentation(unittest.TestCase):
    def test_the_readme(self) -> None:
        if not README.is_file():
            self.skipTest("the README is not beside the tests")
        failures, tried = doctest.testfile(str(README), module_relative=False, optionflags=doctest.ELLIPSIS)
        self.assertEqual(failures, 0)
        self.assertGreater(tried, 10)

    def test_the_examples_in_docstrings(self) -> None:
        for module in (modelreg, modelreg.schema):
            failures, tried = doctest.testmod(module)
            self.assertEqual(failures, 0)
            self.assertGreater(tried, 0)

    def test_everything_public_has_a_docstring(self) -> None:
        for name in modelreg.__all__:
            thing = getattr(modelreg, name)
            if not (inspect.isclass(thing) or inspect.isfunction(thing) or inspect.ismodule(thing)):
                continue
            self.assertTrue(inspect.getdoc(thing), name)
            if not inspect.isclass(thing):
                continue
            if dataclasses.is_dataclass(thing):
                # Not the one that dataclass writes.
                self.assertFalse((thing.__doc__ or "").startswith(f"{name}("), name)
            for member, value in vars(thing).items():
                if member.startswith("_") or not (
                    callable(value) or isinstance(value, (property, classmethod, staticmethod))
                ):
                    continue
                function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                self.assertTrue(inspect.getdoc(function), f"{name}.{member}")

    def test_the_version_is_the_project_s(self) -> None:
        text = (README.parent / "pyproject.toml").read_text(encoding="utf-8")
        self.assertIn(f'version = "{modelreg.__version__}"', text)
        self.assertTrue(modelreg.library_version().startswith(modelreg.__version__.rpartition(".")[0]))


if __name__ == "__main__":
    unittest.main()
