// The limit of the cache, and what has to go for it.
#include "weights/cache.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "weights/testing/mem_cluster.h"

namespace exogpu::weights {
namespace {

using namespace testing;
namespace fs = std::filesystem;

class Cache : public ::testing::Test {
 protected:
  // A model that fills the cache by 3 to 4 MB, and that was used so many hours ago.
  std::shared_ptr<const Content> add(WeightCache& cache, uint64_t seed, int hours) {
    ExampleModel made(folder_, std::format("{}.gguf", seed), seed, "llama", 1);
    auto model = cache.make(made.content->encoded_manifest());
    EXPECT_TRUE(model) << model.error().message;
    fill(**model, *made.content, all_objects(made.content->manifest()));
    EXPECT_TRUE((*model)->sync());
    model->reset();
    fs::last_write_time(cache.folder() / made.content->id().text() / "lock",
                        fs::file_time_type::clock::now() - std::chrono::hours(hours));
    return made.content;
  }
  static std::vector<ContentId> content_ids(const WeightCache& cache) {
    std::vector<ContentId> ids;
    for (const CacheEntry& entry : cache.entries()) ids.push_back(entry.content);
    return ids;
  }
  Folder folder_;
};

TEST_F(Cache, TheLeastRecentlyUsedIsRemovedFirst) {
  const auto cache = cache_in(folder_, "cache", 100 * MiB);
  const auto middle = add(*cache, 1, 5), oldest = add(*cache, 2, 9), newest = add(*cache, 3, 1);
  ASSERT_EQ(content_ids(*cache), (std::vector{oldest->id(), middle->id(), newest->id()}));
  Bytes sum = 0;
  for (const CacheEntry& entry : cache->entries()) {
    EXPECT_GT(entry.bytes, oldest->manifest().bytes() * 9 / 10);
    sum += entry.bytes;
  }
  ASSERT_TRUE(cache->make_room(100 * MiB - sum));
  EXPECT_EQ(cache->entries().size(), 3u);
  ASSERT_TRUE(cache->make_room(100 * MiB - sum + 1));
  EXPECT_EQ(content_ids(*cache), (std::vector{middle->id(), newest->id()}));

  // Use makes new.
  EXPECT_TRUE(cache->find(middle->id()));
  ASSERT_TRUE(cache->make_room(100 * MiB - sum / 2));
  EXPECT_EQ(content_ids(*cache), std::vector{middle->id()});
}

TEST_F(Cache, OnlyACompleteModelHasAName) {
  const auto cache = cache_in(folder_, "cache", 100 * MiB);
  ExampleModel made(folder_, "1.gguf", 1, "llama", 1);
  {
    auto model = cache->make(made.content->encoded_manifest()).value();
    const auto all = all_objects(made.content->manifest());
    fill(*model, *made.content, std::span(all).first(all.size() - 1));
    EXPECT_EQ(model->set_complete("tiny").error().code, ErrorCode::failed_precondition);
    EXPECT_EQ(cache->entries().at(0).name, "");
    fill(*model, *made.content, std::span(all).last(1));
    ASSERT_TRUE(model->set_complete("tiny"));
    ASSERT_TRUE(model->sync());
  }
  const fs::path folder = cache->folder() / made.content->id().text();
  EXPECT_EQ(cache->entries().at(0).name, "tiny");
  EXPECT_EQ(cache->entries().at(0).file, folder / "model.gguf");
  EXPECT_TRUE(cache->find(made.content->id()));
  EXPECT_EQ(cache->entries().at(0).name, "tiny") << "it is still complete";
  fs::resize_file(folder / "journal", 0);
  EXPECT_TRUE(cache->find(made.content->id()));
  EXPECT_EQ(cache->entries().at(0).name, "");
}

TEST_F(Cache, NothingInUseIsRemoved) {
  const auto cache = cache_in(folder_, "cache", 20 * MiB);
  const auto one = add(*cache, 1, 9), other = add(*cache, 2, 5);
  const auto used = cache->find(one->id());
  ASSERT_TRUE(used);
  EXPECT_EQ(cache->find(one->id())->get(), used->get()) << "one object for all";
  const auto room = cache->make_room(19 * MiB);
  ASSERT_FALSE(room);
  EXPECT_EQ(room.error().code, ErrorCode::resource_exhausted);
  EXPECT_EQ(content_ids(*cache), std::vector{one->id()});
  EXPECT_EQ(cache->remove(one->id()).error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(cache->remove(other->id()).error().code, ErrorCode::not_found);
}

TEST_F(Cache, NothingInUseElsewhereIsRemoved) {
  const auto cache = cache_in(folder_, "cache", 20 * MiB);
  const auto one = add(*cache, 1, 9);
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto model = PartialModel::open(cache->folder() / one->id().text(), one->id());
    const char word = model ? '1' : '0';
    if (::write(ready[1], &word, 1) != 1) _exit(1);
    while (true) ::pause();
  }
  char word = 0;
  ASSERT_EQ(::read(ready[0], &word, 1), 1);
  EXPECT_EQ(word, '1');
  EXPECT_EQ(cache->make_room(19 * MiB).error().code, ErrorCode::resource_exhausted);
  EXPECT_EQ(cache->find(one->id()).error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(cache->entries().size(), 1u);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(cache->make_room(19 * MiB));
  EXPECT_TRUE(cache->entries().empty());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(Cache, TheDiskHasALimitToo) {
  const auto cache = cache_in(folder_, "cache", UINT64_MAX / 4);
  const auto room = cache->make_room(UINT64_MAX / 8);
  ASSERT_FALSE(room);
  EXPECT_EQ(room.error().code, ErrorCode::resource_exhausted);
  EXPECT_NE(room.error().message.find("disk"), std::string::npos) << room.error().message;
}

TEST_F(Cache, TheLimitIsHalfOfWhatIsFreeUnlessGiven) {
  const auto cache = WeightCache::open({.folder = folder_ / "cache"});
  ASSERT_TRUE(cache);
  const Bytes free = fs::space(folder_.path()).available;
  EXPECT_GT((*cache)->limit(), free / 3);
  EXPECT_LT((*cache)->limit(), free * 2 / 3);
}

TEST_F(Cache, IncompleteFoldersAreRemoved) {
  const auto cache_folder = folder_ / "cache";
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (const char* name : {".new-0011", ".old-2233"}) {
    fs::create_directories(cache_folder / name);
    std::ofstream(cache_folder / name / "model.gguf") << "much";
    fs::last_write_time(cache_folder / name, old);
  }
  fs::create_directories(cache_folder / ".new-young");
  cache_in(folder_, "cache");
  EXPECT_FALSE(fs::exists(cache_folder / ".new-0011"));
  EXPECT_FALSE(fs::exists(cache_folder / ".old-2233"));
  EXPECT_TRUE(fs::exists(cache_folder / ".new-young"));
}

TEST_F(Cache, WhatIsDamagedBeyondUseIsMadeAnew) {
  const auto cache = cache_in(folder_, "cache");
  const auto one = add(*cache, 1, 9);
  flip_byte(cache->folder() / one->id().text() / "manifest", 20);
  EXPECT_EQ(cache->find(one->id()).error().code, ErrorCode::not_found);
  const auto model = cache->make(one->encoded_manifest());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->present_bytes(), 0u);
}

}  // namespace
}  // namespace exogpu::weights
