"""Tests check_structure.py on small trees: a clean one passes, and each breach is found and named."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import check_structure

TABLE = """\
| room | what lives there | may include |
|---|---|---|
| `base` | ground | standard library |
| `plan` | plans | base |
| `tvm` | the FFI | plan |
| `app` | the command | all |
"""


class CheckStructureTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("ARCHITECTURE.md", TABLE)
        self.write("CMakeLists.txt", "set(BANYAN_ROOMS base plan tvm app)\n")
        self.write("src/base/CMakeLists.txt", "banyan_room(base LIBS fmt::fmt)\n")
        self.write("src/plan/CMakeLists.txt", "banyan_room(plan DEPS base)\n")
        self.write("src/tvm/CMakeLists.txt", "banyan_room(tvm DEPS plan LIBS banyan_tvm_ffi)\n")
        self.write("src/app/CMakeLists.txt", "banyan_room(app DEPS tvm)\n")
        self.write("src/base/a.h", "#pragma once\n")
        self.write("src/plan/b.cc", '#include "plan/b.h"\n#include "base/a.h"\n#include <vector>\n')
        self.write("src/tvm/c.cc", '#include <tvm/ffi/any.h>\nauto f = "s_tir.schedule.Schedule";\n')
        self.write("src/app/main.cc", '#include "base/a.h"\n#include "tvm/c.h"\n')

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def reasons(self):
        return [str(breach) for breach in check_structure.check_tree(self.root)]

    def expect_only(self, *parts):
        reasons = self.reasons()
        self.assertEqual(len(reasons), 1, reasons)
        for part in parts:
            self.assertIn(part, reasons[0])

    def test_clean_tree_passes(self):
        self.assertEqual(self.reasons(), [])

    def test_include_against_the_direction(self):
        self.write("src/base/a.h", '#pragma once\n#include "plan/b.h"\n')
        self.expect_only("src/base/a.h:2:", "base may not include room plan")

    def test_include_against_the_direction_in_a_test_and_a_subfolder(self):
        self.write("src/plan/testing/x_test.cc", '#include "app/y.h"\n')
        self.expect_only("src/plan/testing/x_test.cc:1:", "plan may not include room app")

    def test_relative_include(self):
        self.write("src/app/main.cc", '#include "../base/a.h"\n')
        self.expect_only("src/app/main.cc:1:", "not relative")

    def test_ffi_header_outside_its_room(self):
        self.write("src/app/main.cc", "#include <tvm/ffi/function.h>\n")
        self.expect_only("src/app/main.cc:1:", "tvm-ffi's headers")

    def test_ffi_name_outside_its_room(self):
        for name in ("s_tir.schedule.ScheduleCopy", "ffi.StructuralHash", "te.ComputeOp",
                     "target.build.llvm", "tirx.transform.LowerIntrin", "target.WithHost", "prim.FloorDiv",
                     "runtime.config_threadpool", "target.llvm_get_system_cpu"):
            with self.subTest(name=name):
                self.write("src/app/main.cc", f'auto f = Get("{name}");\n')
                self.expect_only("src/app/main.cc:1:", name)

    def test_words_that_are_no_ffi_names(self):
        self.write("src/app/main.cc", 'auto f = {"target.toml", "runtime.limit", "te", "prog.json"};\n')
        self.assertEqual(self.reasons(), [])

    def test_too_long_files(self):
        self.write("src/base/a.h", "#pragma once\n" * 301)
        self.expect_only("src/base/a.h:301:", "the limit is 300")
        self.write("src/base/a.h", "#pragma once\n" * 300)
        self.write("src/base/a.cc", "\n" * 601)
        self.expect_only("src/base/a.cc:601:", "the limit is 600")

    def test_header_without_guard(self):
        self.write("src/base/a.h", "int f();\n")
        self.expect_only("src/base/a.h:1:", "#pragma once")

    def test_link_against_the_direction(self):
        self.write("CMakeLists.txt", "set(BANYAN_ROOMS base tvm plan app)\n")
        self.write("src/plan/CMakeLists.txt", "banyan_room(plan DEPS base tvm)\n")
        self.write("src/tvm/CMakeLists.txt", "banyan_room(tvm DEPS base)\n")
        reasons = self.reasons()
        self.assertTrue(any("src/plan/" in r and "links tvm" in r for r in reasons), reasons)
        self.assertTrue(any("src/tvm/" in r and "does not link plan" in r for r in reasons), reasons)

    def test_order_of_rooms(self):
        self.write("CMakeLists.txt", "set(BANYAN_ROOMS plan base tvm app)\n")
        self.expect_only("CMakeLists.txt", "plan before base")

    def test_room_that_nobody_lists(self):
        self.write("src/extra/x.cc", "\n")
        self.expect_only("src/extra", "does not list")

    def test_circle_in_the_table(self):
        self.write("ARCHITECTURE.md", TABLE.replace("standard library", "plan"))
        self.assertTrue(any("reaches itself" in reason for reason in self.reasons()))

    def test_exit_status(self):
        command = [sys.executable, check_structure.__file__, str(self.root)]
        self.assertEqual(subprocess.run(command, capture_output=True, check=False).returncode, 0)
        self.write("src/base/a.h", '#pragma once\n#include "app/b.h"\n')
        run = subprocess.run(command, capture_output=True, check=False, text=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("src/base/a.h:2:", run.stdout)


if __name__ == "__main__":
    unittest.main()
