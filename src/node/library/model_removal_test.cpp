#include "node/library/model_removal.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tiny_model/tiny_model.h"
#include "weights/catalogue.h"
#include "weights/testing/example_model.h"

namespace exogpu::node {
namespace {

namespace fs = std::filesystem;

class ModelRemovalTest : public ::testing::Test {
 protected:
  ModelRemovalTest()
      : root_(fs::path(::testing::TempDir()) /
              std::format("model_removal_{}", ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(root_);
    fs::create_directories(folder());
  }
  ~ModelRemovalTest() override { fs::remove_all(root_); }

  fs::path folder() const { return root_ / "models"; }
  fs::path write(const fs::path& name) {
    const auto bytes = tiny::tiny_model("llama").value();
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return root_ / name;
  }
  // The only model of this library.
  static OwnModel only(LibraryScanner& scanner) { return scanner.scan().at(0); }

  fs::path root_;
};

TEST_F(ModelRemovalTest, RemovesTheFilesOfTheFolder) {
  const fs::path file = write("models/ORG/REPO/tiny-Q4_K_M.gguf");
  LibraryScanner scanner({.folder = folder(), .given = {}, .manifests = root_ / "manifests"});
  const OwnModel own = only(scanner);
  const auto list = files_of(own, folder(), nullptr);
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->files, std::vector<fs::path>{file});
  EXPECT_EQ(list->bytes_freed, fs::file_size(file));
  EXPECT_TRUE(fs::exists(file)) << "it only looked";

  const auto removed = remove_files_of(own, folder(), nullptr);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->files, list->files);
  EXPECT_EQ(removed->bytes_freed, list->bytes_freed);
  EXPECT_FALSE(fs::exists(folder() / "ORG")) << "folders that became empty";
  EXPECT_TRUE(fs::exists(folder()));
  EXPECT_TRUE(scanner.scan().empty());
  EXPECT_EQ(remove_files_of(own, folder(), nullptr).error().code, ErrorCode::not_found);
}

TEST_F(ModelRemovalTest, ALinkFreesNothing) {
  const fs::path file = write("elsewhere/tiny.gguf");
  fs::create_symlink(file, folder() / "link.gguf");
  LibraryScanner scanner({.folder = folder(), .given = {}, .manifests = root_ / "manifests"});
  const auto removed = remove_files_of(only(scanner), folder(), nullptr);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->bytes_freed, 0U);
  EXPECT_FALSE(fs::exists(fs::symlink_status(folder() / "link.gguf")));
  EXPECT_TRUE(fs::exists(file)) << "the file is none of the folder";
}

TEST_F(ModelRemovalTest, LeavesAFileThatTheNodeWasGiven) {
  const fs::path file = write("elsewhere/given.gguf");
  LibraryScanner scanner({.folder = folder(), .given = file, .manifests = root_ / "manifests"});
  const auto refused = remove_files_of(only(scanner), folder(), nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::failed_precondition);
  EXPECT_NE(refused.error().message.find(file.string()), std::string::npos) << refused.error().message;
  EXPECT_TRUE(fs::exists(file));
}

TEST_F(ModelRemovalTest, RemovesWhatTheCacheHas) {
  const auto file = std::make_shared<const model::Gguf>(model::Gguf::open(write("elsewhere/tiny.gguf")).value());
  const auto manifest = weights::Catalogue(root_ / "manifests").manifest_of(*file).value();
  const auto content = weights::Content::of_file(file, manifest).value();
  const auto cache = weights::WeightCache::open({.folder = root_ / "cache", .limit = GiB}).value();
  auto received = cache->make(content->encoded_manifest()).value();
  weights::testing::fill(*received, *content, weights::testing::all_objects(manifest));
  ASSERT_TRUE(received->set_complete("served"));
  LibraryScanner scanner({.folder = folder(), .given = {}, .manifests = root_ / "manifests", .cache = cache});
  const OwnModel own = only(scanner);
  EXPECT_EQ(remove_files_of(own, folder(), cache.get()).error().code, ErrorCode::failed_precondition) << "in use";
  received.reset();
  const auto removed = remove_files_of(own, folder(), cache.get());
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_GT(removed->bytes_freed, 0U);
  EXPECT_TRUE(cache->entries().empty());
  EXPECT_TRUE(scanner.scan().empty());
}

}  // namespace
}  // namespace exogpu::node
