#!/usr/bin/env python3
"""Runs tidy on bad trees: every rule must be able to fail, and must name the place."""

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True

from tidy import check_tree, load_rules, main

GOOD = {
    "CMakeLists.txt": "exogpu_room(base LINK spdlog::spdlog)\nexogpu_room(model LINK exogpu_base TEST_LINK exogpu_tiny)\n",
    "src/base/error.h": "#pragma once\n#include <string>\n",
    "src/base/error.cpp": '#include "base/error.h"\n\n#include <sys/mman.h>\n#include <unistd.h>\n',
    "src/base/base_test.cpp": '#include <gtest/gtest.h>\n#include "base/error.h"\n',
    "src/model/gguf.h": '#pragma once\n#include "base/error.h"\n',
    "src/model/gguf.cpp": '#include "model/gguf.h"\n#include <nlohmann/json.hpp>\n',
    "src/model/gguf_reject_test.cpp": '#include "model/gguf.h"\n#include "tiny_model/tiny_model.h"\n',
}


class Tidy(unittest.TestCase):
    def findings(self, changes):
        """The findings in the good tree with these files put in; a file of None is omitted."""
        with tempfile.TemporaryDirectory() as folder:
            for path, text in {**GOOD, **changes}.items():
                if text is None:
                    continue
                file = Path(folder) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text if isinstance(text, bytes) else text.encode())
            return [str(finding) for finding in check_tree(Path(folder), load_rules())]

    def expect_one(self, changes, place, words):
        findings = self.findings(changes)
        self.assertEqual(len(findings), 1, findings)
        self.assertTrue(findings[0].startswith(place + ": "), findings[0])
        self.assertIn(words, findings[0])

    def test_a_good_tree_has_no_finding(self):
        self.assertEqual(self.findings({}), [])

    def test_an_old_word_is_named_with_the_new_one(self):
        self.expect_one({"src/base/old.h": "#pragma once\n// What Wishes say.\n"}, "src/base/old.h:2", "request")
        self.expect_one({"docs/old.md": "the flag was_here\n"}, "docs/old.md:1", "already_present")

    def test_the_glossary_may_name_old_words_and_other_words_may_contain_them(self):
        self.assertEqual(self.findings({"docs/glossary.md": "not: Wishes\n", "src/base/new.h": "#pragma once\n// page_offset\n"}), [])

    def test_includes_point_only_down(self):
        self.expect_one(
            {"src/base/up.h": '#pragma once\n\n#include "model/gguf.h"\n'}, "src/base/up.h:3", "base may include nothing"
        )

    def test_rooms_of_one_level_do_not_know_each_other(self):
        self.expect_one({"src/model/keys.h": '#pragma once\n#include "security/keys.h"\n'}, "src/model/keys.h:2", "base, wire")

    def test_angle_brackets_hide_nothing(self):
        self.expect_one({"src/base/up.cpp": "#include <model/gguf.h>\n"}, "src/base/up.cpp:1", "base may include")

    def test_a_room_without_a_line(self):
        self.expect_one({"src/attic/old.h": "#pragma once\n"}, "src/attic/old.h", "no line in")

    def test_an_include_without_its_room(self):
        self.expect_one({"src/model/a.cpp": '#include "gguf.h"\n'}, "src/model/a.cpp:1", "model/gguf.h")

    def test_libraries_stay_in_their_rooms(self):
        self.expect_one({"src/model/a.cpp": "#include <ggml.h>\n"}, "src/model/a.cpp:1", "only gpu, engine")
        self.expect_one({"src/base/a.cpp": "#include <nlohmann/json.hpp>\n"}, "src/base/a.cpp:1", "only gpu")
        self.expect_one({"src/base/a.cpp": "#include <boost/asio.hpp>\n"}, "src/base/a.cpp:1", "only net")
        self.expect_one({"src/base/a.cpp": "#include <zmq/zmq.hpp>\n"}, "src/base/a.cpp:1", "no library")
        self.expect_one({"src/base/a.cpp": "#include <gtest/gtest.h>\n"}, "src/base/a.cpp:1", "only tests")

    def test_headers_stay_with_the_files_that_may_include_them(self):
        sampler = {"src/engine/sampler.h": "#pragma once\n", "src/node/node.h": "#pragma once\n"}
        bad = {"src/node/loop.h": '#pragma once\n#include "engine/sampler.h"\n'}
        self.expect_one({**sampler, **bad}, "src/node/loop.h:2", "only src/engine/, src/pipeline/shard_compute.h")
        good = {"src/pipeline/shard_compute.h": '#pragma once\n#include "engine/sampler.h"\n'}
        self.assertEqual(self.findings({**sampler, **good}), [])

    def test_link_lines_follow_the_table(self):
        cmake = "exogpu_room(base LINK spdlog::spdlog)\nexogpu_room(model LINK exogpu_base\n  exogpu_gpu)\n"
        self.expect_one({"CMakeLists.txt": cmake}, "CMakeLists.txt:2", "model links gpu")

    def test_folders_that_include_each_other(self):
        changes = {
            "src/model/text/text.h": '#pragma once\n#include "model/error.h"\n',
            "src/model/jinja/jinja.h": "#pragma once\n",
            "src/model/error.h": "#pragma once\n",
            "src/model/error_test.cpp": '#include "model/text/text.h"\n',
        }
        self.assertEqual(self.findings(changes), [])
        changes["src/model/text/text.cpp"] = '#include "model/text/text.h"\n#include "model/jinja/jinja.h"\n'
        self.assertEqual(self.findings(changes), [])
        changes["src/model/jinja/jinja.cpp"] = '#include "model/jinja/jinja.h"\n#include "model/text/text.h"\n'
        self.expect_one(changes, "src/model/jinja/jinja.cpp:2", "src/model/text, which includes src/model/jinja (src/model/text/text.cpp:2)")

    def test_a_source_includes_its_own_header_first(self):
        self.expect_one({"src/base/error.cpp": '#include <string>\n#include "base/error.h"\n'}, "src/base/error.cpp:1", "base/error.h first")
        self.expect_one({"src/base/error.cpp": "int x;\n"}, "src/base/error.cpp", "base/error.h first")

    def test_a_folder_and_one_inside_it_that_include_each_other(self):
        changes = {
            "src/model/text/text.h": '#pragma once\n#include "model/gguf.h"\n',
            "src/model/use.cpp": '#include "model/text/text.h"\n',
        }
        self.expect_one(changes, "src/model/use.cpp:1", "src/model/text, which includes src/model (src/model/text/text.h:2)")

    def test_a_header_brings_no_library_to_another_room(self):
        changes = {
            "src/engine/shard.h": '#pragma once\n#include "engine/weights.h"\n',
            "src/engine/weights.h": "#pragma once\n#include <ggml.h>\n",
            "src/node/node.cpp": '#include "node/node.h"\n#include "engine/shard.h"\n',
            "src/node/node.h": "#pragma once\n",
            "src/node/node_test.cpp": '#include "engine/shard.h"\n',
        }
        self.expect_one(changes, "src/node/node.cpp:2", "brings ggml in by way of engine/shard.h, engine/weights.h; only gpu")

    def test_long_files(self):
        self.assertEqual(self.findings({"docs/a.md": "x\n" * 800}), [])
        self.expect_one({"docs/a.md": "x\n" * 801}, "docs/a.md", "801 lines")
        self.assertEqual(self.findings({"src/base/a.cpp": "\n" * 400}), [])
        self.expect_one({"src/base/a.cpp": "\n" * 401}, "src/base/a.cpp", "401 lines; at most 400")

    def test_white_space(self):
        self.expect_one({"docs/a.md": "x\n\ty\n"}, "docs/a.md:2", "a tab")
        self.expect_one({"docs/a.md": "x \ny\n"}, "docs/a.md:1", "white space at the end")
        self.expect_one({"docs/a.md": "x\ny"}, "docs/a.md:2", "no newline")
        self.expect_one({"docs/a.md": "x\r\n"}, "docs/a.md", "CR LF")
        self.expect_one({"docs/a.md": b"x\n\xff\n"}, "docs/a.md:2", "not UTF-8")

    def test_files_that_programs_made_have_any_form(self):
        self.assertEqual(self.findings({"apps/dashboard/dist/a.js": "a\t" + "\n" * 900 + "mistake"}), [])
        self.expect_one({"apps/dashboard/dist/a.js": "https://py" + "pi.org/x\n"}, "apps/dashboard/dist/a.js:1", "registry")

    def test_tests_stand_beside_what_they_test(self):
        self.expect_one({"src/model/lost_test.cpp": "\n"}, "src/model/lost_test.cpp", "no lost.cpp or lost.h")
        self.expect_one({"src/model/lost_fuzz.cpp": "\n"}, "src/model/lost_fuzz.cpp", "no lost.cpp or lost.h")

    def test_a_higher_room_may_test_a_lower_one(self):
        changes = {"src/engine/gguf_test.cpp": '#include "model/gguf.h"\n#include <ggml.h>\n'}
        self.assertEqual(self.findings(changes), [])

    def test_headers_have_a_guard(self):
        self.expect_one({"src/base/bare.h": "\n"}, "src/base/bare.h", "#pragma once")

    def test_banned_words(self):
        for word in ("deb." + "debian.org", "registry." + "npmjs.org", "py" + "pi.org", " /ro" + "ot/x", '"/wo' + 'rk/main"'):
            self.expect_one({"scripts/a": f"first\nurl={word}\n"}, "scripts/a:2", "; ")
        self.assertEqual(self.findings({"scripts/a": "$here/work/x and ../root/y\n"}), [])

    def test_the_table_points_down(self):
        rules = load_rules()
        rules["rooms"]["base"]["may_include"] = ["model", "nowhere"]
        with tempfile.TemporaryDirectory() as folder:
            texts = [finding.text for finding in check_tree(Path(folder), rules)]
        self.assertEqual(
            texts, ["room base may include model, which is not below it", "room base may include nowhere, which has no line"]
        )

    def test_a_finding_ends_the_program_with_1(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as output:
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertEqual(main([folder]), 2)
            (Path(folder) / "src").mkdir()
            self.assertEqual(main([folder]), 0)
            (Path(folder) / "src" / "a.h").write_text("\n")
            self.assertEqual(main([folder]), 1)
        self.assertIn("src/a.h: no #pragma once", output.getvalue())


if __name__ == "__main__":
    unittest.main()
