#include "node/library/own_library.h"

#include <gtest/gtest.h>

#include <fstream>

#include "model/gguf.h"
#include "node/testing/generation_log.h"
#include "tiny_model/tiny_model.h"
#include "weights/catalogue.h"
#include "weights/testing/example_model.h"

namespace exogpu::node {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class OwnLibraryTest : public ::testing::Test {
 protected:
  OwnLibraryTest()
      : folder_(fs::path(::testing::TempDir()) /
                std::format("own_library_{}", ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "models");
  }
  ~OwnLibraryTest() override { fs::remove_all(folder_); }

  fs::path write(const fs::path& name, std::string_view family = "llama") {
    const auto bytes = tiny::tiny_model(family).value();
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return folder_ / name;
  }
  OwnLibraryOptions options(const fs::path& given = {}) const {
    return {.folder = folder_ / "models", .given = given, .manifests = folder_ / "manifests"};
  }
  static std::vector<std::string> names(const std::vector<OwnModel>& models) {
    std::vector<std::string> names;
    for (const OwnModel& model : models) names.push_back(model.facts.model);
    return names;
  }
  using Names = std::vector<std::string>;

  fs::path folder_;
};

TEST_F(OwnLibraryTest, ListsWhatCanBeServed) {
  const fs::path given = write("elsewhere/given.gguf");
  write("models/ORG/REPO/tiny-Q4_K_M.gguf");
  write("models/b.gguf", "qwen2");
  write("models/c/b.gguf");
  std::ofstream(folder_ / "models" / "broken.gguf") << "GGUF and no more";
  std::ofstream(folder_ / "models" / "half.gguf.part") << "GGUF";
  LibraryScanner scanner(options(given));
  const auto models = scanner.scan();
  EXPECT_EQ(names(models), (Names{"b", "c/b", "given", "tiny-Q4_K_M"})) << "two of one name differ by their path";
  const wire::LibraryModel& b = models[0].facts;
  EXPECT_EQ(b.architecture, "qwen2");
  EXPECT_GT(b.layers, 0U);
  EXPECT_GT(b.bytes, 0U);
  EXPECT_GT(b.parameters, 0U);
  EXPECT_GT(b.context, 0U);
  EXPECT_GT(b.changed_s, 1'600'000'000U);
  EXPECT_TRUE(b.content.empty()) << "it was not read whole";
}

TEST_F(OwnLibraryTest, KnowsTheContentOfAFileThatWasReadWhole) {
  const fs::path path = write("models/tiny.gguf");
  LibraryScanner scanner(options());
  EXPECT_TRUE(scanner.scan().at(0).facts.content.empty());
  const auto file = model::Gguf::open(path).value();
  ASSERT_TRUE(weights::Catalogue(folder_ / "manifests").manifest_of(file));
  EXPECT_EQ(scanner.scan().at(0).facts.content,
            weights::Catalogue(folder_ / "manifests").content_of(file).value().text());
}

TEST_F(OwnLibraryTest, HasTheCompleteModelsOfTheCache) {
  const auto file = std::make_shared<const model::Gguf>(model::Gguf::open(write("elsewhere/tiny.gguf")).value());
  const auto manifest = weights::Catalogue(folder_ / "manifests").manifest_of(*file).value();
  const auto content = weights::Content::of_file(file, manifest).value();
  OwnLibraryOptions with_cache = options();
  with_cache.cache = weights::WeightCache::open({.folder = folder_ / "cache", .limit = GiB}).value();
  const auto received = with_cache.cache->make(content->encoded_manifest()).value();
  LibraryScanner scanner(with_cache);
  weights::testing::fill(*received, *content, weights::testing::all_objects(manifest));
  EXPECT_TRUE(scanner.scan().empty()) << "nobody knows its name";
  ASSERT_TRUE(received->set_complete("served"));
  const auto models = scanner.scan();
  ASSERT_EQ(names(models), Names{"served"});
  EXPECT_TRUE(models[0].cached);
  EXPECT_EQ(models[0].facts.content, content->id().text());
  EXPECT_EQ(models[0].facts.architecture, "llama");

  write("models/served.gguf", "qwen2");
  const auto later = scanner.scan();
  ASSERT_EQ(names(later), Names{"served"});
  EXPECT_FALSE(later[0].cached) << "what the user has put there comes first";
}

TEST_F(OwnLibraryTest, SeesWhatChanges) {
  testing::TaskQueue tasks;
  int changes = 0;
  OwnLibrary library(options(), {.post = [&](auto task) { tasks.post(std::move(task)); },
                                 .in_background = [&](auto task) { tasks.post(std::move(task)); },
                                 .on_change = [&] { ++changes; }});
  cluster::Time now{1h};
  const auto scan = [&] {
    library.tick(now);
    tasks.run();
  };
  write("models/a.gguf");
  scan();
  EXPECT_EQ(names(library.models()), Names{"a"});
  EXPECT_EQ(changes, 1);
  write("models/b.gguf");
  scan();
  EXPECT_EQ(names(library.models()), Names{"a"}) << "it does not look all the time";
  now += OwnLibrary::kRescan;
  scan();
  EXPECT_EQ(names(library.models()), (Names{"a", "b"}));
  EXPECT_EQ(changes, 2);
  now += OwnLibrary::kRescan;
  scan();
  EXPECT_EQ(changes, 2);

  ASSERT_NE(library.find("b"), nullptr);
  library.set_content(library.find("b")->path, "abc");
  EXPECT_EQ(library.facts().at(1).content, "abc");
  EXPECT_EQ(changes, 3);
  now += OwnLibrary::kRescan;
  scan();
  EXPECT_EQ(library.facts().at(1).content, "abc") << "the file is the same";
  EXPECT_EQ(changes, 3);
  fs::remove(folder_ / "models" / "a.gguf");
  write("models/b.gguf", "qwen2");
  fs::last_write_time(folder_ / "models" / "b.gguf", fs::file_time_type::clock::now() + 5s);
  library.set_changed();
  scan();
  ASSERT_EQ(names(library.models()), Names{"b"});
  EXPECT_EQ(library.facts().at(0).architecture, "qwen2");
  EXPECT_TRUE(library.facts().at(0).content.empty());
  EXPECT_EQ(library.find("a"), nullptr);
}

TEST(ModelNames, AreThoseOfTheFilesWithoutPartNumbers) {
  EXPECT_EQ(model_name_of("/models/x-Q4_K_M.gguf"), "x-Q4_K_M");
  EXPECT_EQ(model_name_of("/models/x-00001-of-00003.gguf"), "x");
  EXPECT_EQ(model_name_of("/models/other.bin"), "other");
}

}  // namespace
}  // namespace exogpu::node
