// Which objects of a model are present on the disk, also after damage, a kill or a restart.
#include "weights/partial_model.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <csignal>
#include <thread>

#include "weights/testing/example_model.h"

namespace exogpu::weights {
namespace {

using namespace testing;
namespace fs = std::filesystem;

class Partial : public ::testing::Test {
 protected:
  std::shared_ptr<PartialModel> create() {
    auto model = PartialModel::create(model_folder_, example_.content->encoded_manifest());
    EXPECT_TRUE(model) << model.error().message;
    return *std::move(model);
  }
  std::shared_ptr<PartialModel> open() {
    auto model = PartialModel::open(model_folder_, example_.content->id());
    EXPECT_TRUE(model) << model.error().message;
    return model ? *std::move(model) : nullptr;
  }
  size_t present(const PartialModel& model) { return static_cast<size_t>(std::ranges::count(model.present(), true)); }

  Folder folder_;
  ExampleModel example_{folder_};
  fs::path model_folder_ = folder_ / "model";
  std::vector<ObjectIndex> all_ = all_objects(example_.content->manifest());
};

TEST_F(Partial, IsSparseAndGrows) {
  auto model = create();
  EXPECT_EQ(model->present_bytes(), 0u);
  EXPECT_EQ(model->missing(all_), all_);
  EXPECT_FALSE(model->gguf());
  EXPECT_EQ(fs::file_size(model_folder_ / "model.gguf"), fs::file_size(example_.path));
  EXPECT_LT(bytes_on_disk(model_folder_ / "model.gguf"), 64 * KiB);

  const Scope scope{{1, 2}, 6};
  const auto some = objects_of(example_.content->manifest(), scope).value();
  fill(*model, *example_.content, some);
  EXPECT_TRUE(model->check_present(scope));
  const auto more = model->check_present({{1, 3}, 6});
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().message.find("blk.2."), std::string::npos) << more.error().message;
  EXPECT_LT(bytes_on_disk(model_folder_ / "model.gguf"), model->present_bytes() + 256 * KiB);

  const auto file = model->gguf();
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ((*file)->tensors().size(), example_.content->manifest().tensors.size());
  const auto* tensor = (*file)->find_tensor("blk.1.attn_q.weight");
  ASSERT_NE(tensor, nullptr);
  EXPECT_TRUE(std::ranges::equal((*file)->data(*tensor), example_.content->gguf()->data(*tensor)));

  fill(*model, *example_.content, model->missing(all_));
  EXPECT_EQ(model->present_bytes(), example_.content->manifest().bytes());
  // The open file sees what has come since.
  tensor = (*file)->find_tensor("blk.4.attn_q.weight");
  EXPECT_TRUE(std::ranges::equal((*file)->data(*tensor), example_.content->gguf()->data(*tensor)));
  const auto again = content_of(model_folder_ / "model.gguf");
  EXPECT_EQ(again->id(), example_.content->id());
}

TEST_F(Partial, NothingIsWrittenOverAPresentObjectOrPastTheEnd) {
  auto model = create();
  fill(*model, *example_.content, all_);
  const std::vector<std::byte> zeros(16);
  EXPECT_EQ(model->write(3, 0, zeros).error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(model->write(3, example_.content->manifest().object(3).bytes - 15, zeros).error().code,
            ErrorCode::invalid_argument);
  EXPECT_EQ(model->write(3, UINT64_MAX, zeros).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(model->verify().value().empty());
}

TEST_F(Partial, OneProcessAtATime) {
  const auto model = create();
  const auto other = PartialModel::open(model_folder_, example_.content->id());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::failed_precondition);
}

TEST_F(Partial, CommittedObjectsArePresentAfterAReopen) {
  fill(*create(), *example_.content, std::span(all_).first(10));
  auto model = open();
  EXPECT_EQ(present(*model), 10u);
  ASSERT_TRUE(model->sync());
  ASSERT_TRUE(model->sync());
  model = nullptr;
  EXPECT_EQ(present(*open()), 10u);
}

// After a power cut only what was made durable counts.
TEST_F(Partial, OnlyWhatIsDurableOutlivesTheMachine) {
  const auto path = folder_ / "journal";
  const ContentId content = example_.content->id();
  {
    auto journal = Journal::open(path, content, 9, 1);
    ASSERT_TRUE(journal);
    for (const ObjectIndex object : {2U, 3U, 5U, 7U}) ASSERT_TRUE(journal->written(object));
    EXPECT_EQ(journal->not_durable(), (std::vector<ObjectIndex>{2, 3, 5, 7}));
    ASSERT_TRUE(journal->durable(std::vector<ObjectIndex>{2, 5}));
    ASSERT_TRUE(journal->gone(5));
    EXPECT_EQ(journal->not_durable(), (std::vector<ObjectIndex>{3, 7}));
  }
  EXPECT_EQ(std::ranges::count(Journal::open(path, content, 9, 1)->present(), true), 3);
  const auto present = Journal::open(path, content, 9, 2)->present();
  EXPECT_EQ(std::ranges::count(present, true), 1);
  EXPECT_TRUE(present[2]);
}

TEST(JournalDeathTest, AnObjectThatTheModelHasNotIsReported) {
  const Folder folder;
  auto journal = Journal::open(folder / "journal", {}, 9, 1);
  ASSERT_TRUE(journal);
  EXPECT_DEATH((void)journal->written(9), "journal.cpp:[0-9]+: a journal has records of its model's objects only");
  EXPECT_DEATH((void)journal->durable(std::vector<ObjectIndex>{2}), "an object is written before it is durable");
}

TEST_F(Partial, ABrokenJournalIsCutWhereItBreaks) {
  fill(*create(), *example_.content, std::span(all_).first(10));
  const auto journal = model_folder_ / "journal";
  fs::resize_file(journal, 9 * 24 + 7);  // the last record is half there
  EXPECT_EQ(present(*open()), 9u);
  EXPECT_EQ(fs::file_size(journal), 9 * 24);
  for (const uint64_t at : {0, 4, 8, 16}) {
    flip_byte(journal, 5 * 24 + at);
    EXPECT_EQ(present(*open()), 5u);
    const auto model = open();
    fill(*model, *example_.content, std::span(all_).subspan(5, 4));
    EXPECT_EQ(present(*model), 9u);
  }
  std::ofstream(journal) << "this is no journal, but it is longer than one of its records";
  EXPECT_EQ(present(*open()), 0u);
  fs::remove(journal);
  EXPECT_EQ(present(*open()), 0u);
}

// The journal of one model is not valid for another.
TEST_F(Partial, AnothersJournalDoesNotCount) {
  fill(*create(), *example_.content, all_);
  ExampleModel other(folder_, "other.gguf", 2);
  const auto other_folder = folder_ / "other";
  ASSERT_TRUE(PartialModel::create(other_folder, other.content->encoded_manifest()));
  fs::copy_file(model_folder_ / "journal", other_folder / "journal", fs::copy_options::overwrite_existing);
  const auto model = PartialModel::open(other_folder, other.content->id());
  ASSERT_TRUE(model);
  EXPECT_EQ(present(**model), 0u);
}

TEST_F(Partial, DamageIsFoundByVerify) {
  auto model = create();
  fill(*model, *example_.content, all_);
  ASSERT_TRUE(model->sync());
  const ObjectIndex damaged = 7;
  flip_byte(model_folder_ / "model.gguf", example_.content->manifest().object(damaged).offset + 5);
  Bytes reported = 0;
  const auto found = model->verify([&](Bytes done, Bytes) { reported = done; });
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, std::vector<ObjectIndex>{damaged});
  EXPECT_EQ(reported, example_.content->manifest().bytes());
  EXPECT_FALSE(model->has(damaged));
  model = nullptr;
  model = open();
  EXPECT_EQ(model->missing(all_), std::vector<ObjectIndex>{damaged});
  fill(*model, *example_.content, model->missing(all_));
  EXPECT_TRUE(model->verify().value().empty());
}

TEST_F(Partial, AFolderThatIsNotTheModel) {
  create();
  fs::resize_file(model_folder_ / "model.gguf", 100);
  EXPECT_EQ(PartialModel::open(model_folder_, example_.content->id()).error().code, ErrorCode::corrupt);
  fs::remove(model_folder_ / "model.gguf");
  EXPECT_EQ(PartialModel::open(model_folder_, example_.content->id()).error().code, ErrorCode::corrupt);
  flip_byte(model_folder_ / "manifest", 40);
  EXPECT_EQ(PartialModel::open(model_folder_, example_.content->id()).error().code, ErrorCode::corrupt);
  fs::remove(model_folder_ / "manifest");
  EXPECT_EQ(PartialModel::open(model_folder_, example_.content->id()).error().code, ErrorCode::corrupt);
  EXPECT_EQ(PartialModel::open(folder_ / "nothing", example_.content->id()).error().code, ErrorCode::not_found);
}

// A process is killed at any moment while it writes; every object that it committed is whole.
TEST_F(Partial, KilledAtAnyMoment) {
  create();
  // How many objects the child has committed so far; shared with it.
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  void* shared = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& committed = *new (shared) std::atomic<int>(0);
  size_t most = 0;
  for (int round = 0; round < 20; ++round) {
    committed = 0;
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto model = PartialModel::open(model_folder_, example_.content->id());
      if (!model) _exit(1);
      for (const ObjectIndex object : (*model)->missing(all_)) {
        const auto bytes = example_.content->bytes(object);
        const size_t half = bytes.size() / 2;
        if (!(*model)->write(object, 0, bytes.first(half)) || !(*model)->write(object, half, bytes.subspan(half)) ||
            !(*model)->commit(object)) {
          _exit(1);
        }
        ++committed;
        if (object % 7 == 0 && !(*model)->sync()) _exit(1);
      }
      committed = INT_MAX;
      while (true) ::pause();
    }
    // Somewhere in the next object, or the one after it.
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (committed < round % 7 && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
    for (int spin = 0; spin < 50 * round; ++spin) std::this_thread::yield();
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
    const auto model = open();
    const auto damaged = model->verify();
    ASSERT_TRUE(damaged);
    EXPECT_TRUE(damaged->empty()) << "round " << round;
    EXPECT_GE(present(*model), most) << "committed objects stay";
    most = present(*model);
  }
  EXPECT_GT(most, 5u);
  ::munmap(shared, page);
}

}  // namespace
}  // namespace exogpu::weights
