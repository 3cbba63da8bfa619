#include "gpu/memory.h"

#include <ggml-backend.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include "base/sanitizer.h"
#include "gpu/buffer.h"
#include "gpu/testing/device.h"

namespace exogpu::gpu {
namespace {

std::vector<std::byte> pattern(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(size);
  std::ranges::generate(bytes, [&] { return static_cast<std::byte>(random()); });
  return bytes;
}

#define ASSERT_OK(expression)                                        \
  do {                                                               \
    auto&& ok_result = (expression);                                 \
    ASSERT_TRUE(ok_result.has_value()) << ok_result.error().message; \
  } while (false)

#define EXPECT_ERROR(expression, expected_code, ...)                                            \
  do {                                                                                          \
    auto&& error_result = (expression);                                                         \
    ASSERT_FALSE(error_result.has_value());                                                     \
    EXPECT_EQ(to_string(error_result.error().code), to_string(expected_code));                  \
    for (std::string part : std::vector<std::string>{__VA_ARGS__}) {                            \
      EXPECT_TRUE(error_result.error().message.contains(part)) << error_result.error().message; \
    }                                                                                           \
  } while (false)

class Memory : public OnEachBackend {
 protected:
  void SetUp() override {
    OnEachBackend::SetUp();
    if (!device_) return;
    auto opened = DeviceMemory::open(*device_);
    ASSERT_TRUE(opened) << opened.error().message;
    memory_ = *opened;
    id_ = device_->info().id;
  }
  BufferId allocate(Bytes size) {
    auto buffer = memory_->allocate(size);
    EXPECT_TRUE(buffer) << buffer.error().message;
    return buffer.value_or(BufferId());
  }
  std::shared_ptr<DeviceMemory> memory_;
  std::string id_;
};

TEST_P(Memory, BytesComeBackAsTheyWent) {
  for (size_t size : {size_t{1}, size_t{3}, size_t{4096}, size_t{1'000'003}, size_t{9'000'000}}) {
    BufferId buffer = allocate(size);
    std::vector<std::byte> in = pattern(size, 1);
    std::vector<std::byte> out(size);
    ASSERT_OK(memory_->upload(buffer, 0, in));
    ASSERT_OK(memory_->download(buffer, 0, out));
    EXPECT_EQ(in, out) << size;
    ASSERT_OK(memory_->free(buffer));
  }
}

TEST_P(Memory, PartsAreCopiedToAnyOffset) {
  constexpr size_t size = 100'000;
  BufferId buffer = allocate(size);
  std::vector<std::byte> expected = pattern(size, 1);
  ASSERT_OK(memory_->upload(buffer, 0, expected));
  std::mt19937 random(2);
  for (int i = 0; i < 50; ++i) {
    size_t offset = random() % size;
    std::vector<std::byte> part = pattern(random() % (size - offset) + 1, random());
    ASSERT_OK(memory_->upload(buffer, offset, part));
    std::ranges::copy(part, expected.begin() + static_cast<ptrdiff_t>(offset));
  }
  std::vector<std::byte> out(size);
  ASSERT_OK(memory_->download(buffer, 0, out));
  EXPECT_EQ(out, expected);
  std::vector<std::byte> tail(77);
  ASSERT_OK(memory_->download(buffer, size - 77, tail));
  EXPECT_TRUE(std::ranges::equal(tail, std::span(expected).last(77)));
}

TEST_P(Memory, CopiesWithinTheDevice) {
  constexpr size_t size = 300'001;
  BufferId a = allocate(size);
  BufferId b = allocate(size);
  std::vector<std::byte> in = pattern(size, 1);
  std::vector<std::byte> zeros(size);
  ASSERT_OK(memory_->upload(a, 0, in));
  ASSERT_OK(memory_->upload(b, 0, zeros));
  ASSERT_OK(memory_->copy(a, 11, b, 5, size - 100));
  ASSERT_OK(memory_->copy(b, 5, b, size - 50, 50));
  std::vector<std::byte> expected(size);
  std::memcpy(expected.data() + 5, in.data() + 11, size - 100);
  std::memcpy(expected.data() + size - 50, expected.data() + 5, 50);
  std::vector<std::byte> out(size);
  ASSERT_OK(memory_->download(b, 0, out));
  EXPECT_EQ(out, expected);
}

TEST_P(Memory, CopiesBetweenDevices) {
  std::optional<Device> cpu = test_device("CPU");
  ASSERT_TRUE(cpu);
  auto host = DeviceMemory::open(*cpu);
  ASSERT_OK(host);
  constexpr size_t size = 700'001;
  std::vector<std::byte> in = pattern(size, 1);
  auto source = Buffer::allocate(*host, size);
  auto middle = Buffer::allocate(memory_, size);
  auto target = Buffer::allocate(*host, size);
  ASSERT_OK(source);
  ASSERT_OK(middle);
  ASSERT_OK(target);
  ASSERT_OK(source->upload(in));
  ASSERT_OK(copy(*source, 0, *middle, 0, size));
  ASSERT_OK(copy(*middle, 1, *target, 0, size - 1));
  std::vector<std::byte> out(size - 1);
  ASSERT_OK(target->download(out));
  EXPECT_TRUE(std::ranges::equal(out, std::span(in).subspan(1)));
  EXPECT_ERROR(copy(**host, source->id(), 1, *memory_, middle->id(), 0, size), ErrorCode::invalid_argument, "cpu");
  EXPECT_ERROR(copy(**host, source->id(), 0, *memory_, middle->id(), 1, size), ErrorCode::invalid_argument, id_);
  EXPECT_ERROR(copy(**host, middle->id(), 0, *memory_, source->id(), 0, 1), ErrorCode::invalid_argument,
               "belongs to other memory");
}

TEST_P(Memory, QueuedCopiesRunInOrderAndAreDoneAfterSynchronize) {
  constexpr size_t size = 500'000;
  BufferId a = allocate(size);
  BufferId b = allocate(size);
  for (bool pinned : {false, true}) {
    std::vector<std::byte> first = pattern(size, 1);
    std::vector<std::byte> second = pattern(size, pinned ? 2 : 3);
    std::vector<std::byte> out(size);
    auto host_in = HostBuffer::allocate(*device_, size);
    auto host_out = HostBuffer::allocate(*device_, size);
    ASSERT_OK(host_in);
    ASSERT_OK(host_out);
    std::ranges::copy(second, host_in->bytes().begin());
    std::span<const std::byte> from = pinned ? std::span<const std::byte>(host_in->bytes()) : second;
    std::span<std::byte> to = pinned ? host_out->bytes() : std::span(out);
    ASSERT_OK(memory_->upload_async(a, 0, first));
    ASSERT_OK(memory_->upload_async(a, 0, from));
    ASSERT_OK(memory_->copy_async(a, 0, b, 0, size));
    ASSERT_OK(memory_->download_async(b, 0, to));
    ASSERT_OK(memory_->synchronize());
    EXPECT_TRUE(std::ranges::equal(to, second)) << (pinned ? "pinned" : "ordinary");
  }
}

TEST_P(Memory, AnEventWaitsForWhatWasQueuedBefore) {
  constexpr size_t size = 500'000;
  BufferId buffer = allocate(size);
  std::vector<std::byte> in = pattern(size, 1);
  std::vector<std::byte> out(size);
  ASSERT_OK(memory_->upload_async(buffer, 0, in));
  ASSERT_OK(memory_->download_async(buffer, 0, out));
  auto event = memory_->record();
  ASSERT_OK(event);
  ASSERT_OK(event->wait());
  EXPECT_EQ(in, out);
  ASSERT_OK(event->wait());
  ASSERT_OK(memory_->synchronize());
}

TEST_P(Memory, AnEventMayOutliveItsMemory) {
  ASSERT_OK(memory_->upload_async(allocate(64), 0, pattern(64, 1)));
  auto event = memory_->record();
  ASSERT_OK(event);
  memory_.reset();
  ASSERT_OK(event->wait());
}

TEST_P(Memory, ACopyThatIsDoneAtOnceComesAfterWhatWasQueued) {
  constexpr size_t size = 2'000'000;
  BufferId buffer = allocate(size);
  std::vector<std::byte> in = pattern(size, 1);
  std::vector<std::byte> out(size);
  ASSERT_OK(memory_->upload_async(buffer, 0, in));
  ASSERT_OK(memory_->download(buffer, 0, out));
  EXPECT_EQ(in, out);
}

TEST_P(Memory, FreeingABufferWithQueuedCopiesIsSafe) {
  std::vector<std::byte> in = pattern(100'000, 1);
  for (int i = 0; i < 20; ++i) {
    BufferId buffer = allocate(in.size());
    ASSERT_OK(memory_->upload_async(buffer, 0, in));
    ASSERT_OK(memory_->free(buffer));
  }
  ASSERT_OK(memory_->upload_async(allocate(in.size()), 0, in));
  memory_.reset();
}

TEST_P(Memory, FreeingTwiceIsAnError) {
  BufferId buffer = allocate(64);
  ASSERT_OK(memory_->free(buffer));
  EXPECT_ERROR(memory_->free(buffer), ErrorCode::invalid_argument, id_, "was freed before");
  std::byte byte = {};
  EXPECT_ERROR(memory_->upload(buffer, 0, {&byte, 1}), ErrorCode::invalid_argument, "was freed before");
  EXPECT_ERROR(memory_->size_of(buffer), ErrorCode::invalid_argument, "was freed before");
}

TEST_P(Memory, AForeignHandleIsAnError) {
  auto other = DeviceMemory::open(*device_);
  ASSERT_OK(other);
  auto foreign = (*other)->allocate(64);
  ASSERT_OK(foreign);
  EXPECT_ERROR(memory_->free(*foreign), ErrorCode::invalid_argument, id_, "belongs to other memory");
  for (uint64_t unknown : {uint64_t{0}, uint64_t{12345}, UINT64_MAX}) {
    EXPECT_ERROR(memory_->free(BufferId(unknown)), ErrorCode::invalid_argument, "was never given out");
  }
  EXPECT_EQ((*other)->allocation_count(), 1u);
}

TEST_P(Memory, ACopyOutOfRangeIsAnErrorThatNamesTheSizes) {
  BufferId buffer = allocate(100);
  BufferId other = allocate(1000);
  std::vector<std::byte> bytes(101);
  EXPECT_ERROR(memory_->upload(buffer, 0, bytes), ErrorCode::invalid_argument, id_, "101 bytes", "100 bytes");
  EXPECT_ERROR(memory_->download(buffer, 0, bytes), ErrorCode::invalid_argument, id_, "101 bytes");
  EXPECT_ERROR(memory_->upload_async(buffer, 1, std::span(bytes).first(100)), ErrorCode::invalid_argument, "offset 1");
  EXPECT_ERROR(memory_->download_async(buffer, 100, std::span(bytes).first(1)), ErrorCode::invalid_argument);
  EXPECT_ERROR(memory_->copy(buffer, 0, other, 0, 101), ErrorCode::invalid_argument);
  EXPECT_ERROR(memory_->copy(other, 0, buffer, 0, 101), ErrorCode::invalid_argument);
  EXPECT_ERROR(memory_->copy_async(other, 0, buffer, 50, 51), ErrorCode::invalid_argument);
  // Sums that wrap round to a small number.
  EXPECT_ERROR(memory_->download(buffer, UINT64_MAX, std::span(bytes).first(1)), ErrorCode::invalid_argument);
  EXPECT_ERROR(memory_->download(buffer, UINT64_MAX - 5, std::span(bytes).first(10)), ErrorCode::invalid_argument);
  EXPECT_ERROR(memory_->copy(buffer, 10, other, 0, UINT64_MAX - 5), ErrorCode::invalid_argument);
  EXPECT_ERROR(memory_->copy(other, UINT64_MAX, buffer, UINT64_MAX, 2), ErrorCode::invalid_argument);
  // Nothing at the very end is inside.
  ASSERT_OK(memory_->upload(buffer, 100, {}));
  EXPECT_ERROR(memory_->upload(buffer, 101, {}), ErrorCode::invalid_argument);
}

TEST_P(Memory, ACopyThatOverlapsItselfIsAnError) {
  BufferId buffer = allocate(100);
  EXPECT_ERROR(memory_->copy(buffer, 0, buffer, 49, 50), ErrorCode::invalid_argument, "overlaps");
  EXPECT_ERROR(memory_->copy_async(buffer, 49, buffer, 0, 50), ErrorCode::invalid_argument, "overlaps");
  ASSERT_OK(memory_->copy(buffer, 0, buffer, 50, 50));
}

TEST_P(Memory, ATooLargeRequestIsAnErrorThatNamesTheSize) {
  EXPECT_ERROR(memory_->allocate(0), ErrorCode::invalid_argument, id_, "0 bytes");
  EXPECT_ERROR(memory_->allocate(uint64_t{1} << 50), ErrorCode::out_of_memory, id_, "1.00 PiB");
  EXPECT_ERROR(memory_->allocate(UINT64_MAX), ErrorCode::out_of_memory, id_, "18446744073709551615 bytes");
  EXPECT_ERROR(memory_->allocate(memory_->info().total + 1), ErrorCode::out_of_memory, id_);
  EXPECT_EQ(memory_->allocation_count(), 0u);
  EXPECT_EQ(memory_->allocated(), 0u);
  ASSERT_OK(memory_->free(allocate(64)));
}

TEST_P(Memory, OneBufferLargerThanTheDeviceCanMakeIsAnError) {
  Bytes largest = ggml_backend_buft_get_max_size(ggml_backend_dev_buffer_type(device_->handle()));
  if (largest >= memory_->info().free) GTEST_SKIP() << "one buffer may be as large as the memory";
  EXPECT_ERROR(memory_->allocate(largest + 1), ErrorCode::resource_exhausted, id_, std::to_string(largest + 1));
}

#ifdef __linux__
TEST_P(Memory, ARefusalOfTheDriverIsAnError) {
  if (device_->info().kind != DeviceKind::cpu) GTEST_SKIP() << "a limit of address space binds the CPU's memory alone";
  if (kSanitized) GTEST_SKIP() << "a sanitizer needs more address space than the limit of this test";
  EXPECT_IN_NEW_PROCESS([] -> std::string {
    std::optional<Device> device = test_device(GetParam());
    auto memory = DeviceMemory::open(*device);
    if (!memory) return memory.error().message;
    rlimit limit = {};
    limit.rlim_cur = 64 * MiB;
    limit.rlim_max = RLIM_INFINITY;
    if (setrlimit(RLIMIT_AS, &limit) != 0) return "setrlimit failed";
    auto buffer = (*memory)->allocate(512 * MiB);
    if (buffer) return "the allocation succeeded";
    if (buffer.error().code != ErrorCode::out_of_memory) return buffer.error().message;
    return buffer.error().message.contains("512 MiB") ? "" : buffer.error().message;
  });
}
#endif

TEST_P(Memory, UsageIsCounted) {
  BufferId a = allocate(1000);
  BufferId b = allocate(24);
  EXPECT_EQ(memory_->allocated(), 1024u);
  EXPECT_EQ(memory_->allocation_count(), 2u);
  EXPECT_EQ(memory_->size_of(b), 24u);
  ASSERT_OK(memory_->free(a));
  EXPECT_EQ(memory_->allocated(), 24u);
  MemoryInfo info = memory_->info();
  EXPECT_GT(info.total, 0u);
  EXPECT_LE(info.free, info.total);
}

TEST_P(Memory, TenThousandAllocationsEndWhereTheyBegan) {
  std::vector<std::byte> bytes = pattern(64 * KiB, 1);
  auto round = [&](int count) {
    for (int i = 0; i < count; ++i) {
      BufferId buffer = allocate(bytes.size());
      ASSERT_OK(memory_->upload(buffer, 0, bytes));
      ASSERT_OK(memory_->free(buffer));
    }
  };
  round(200);  // memory that drivers never release
  Bytes before = resident_bytes();
  round(10'000);
  Bytes after = resident_bytes();
  EXPECT_EQ(memory_->allocated(), 0u);
  EXPECT_EQ(memory_->allocation_count(), 0u);
  if (kSanitized) return;  // which keeps freed memory for a while, and has its own check for leaks
  // 10,000 lost buffers would be 625 MiB.
  EXPECT_LT(after, before + 16 * MiB) << format_bytes(before) << " became " << format_bytes(after);
}

TEST_P(Memory, ABufferFreesItselfOnce) {
  {
    auto a = Buffer::allocate(memory_, 100);
    ASSERT_OK(a);
    Buffer b = std::move(*a);
    EXPECT_EQ(b.size(), 100u);
    EXPECT_EQ(&b.device(), &memory_->device());
    auto c = Buffer::allocate(memory_, 50);
    ASSERT_OK(c);
    b = std::move(*c);
    EXPECT_EQ(b.size(), 50u);
  }
  EXPECT_EQ(memory_->allocation_count(), 0u);
}

TEST_P(Memory, ABufferKeepsItsMemoryOpen) {
  auto buffer = Buffer::allocate(memory_, 16);
  ASSERT_OK(buffer);
  memory_.reset();
  std::vector<std::byte> in = pattern(16, 1);
  std::vector<std::byte> out(16);
  ASSERT_OK(buffer->upload(in));
  ASSERT_OK(buffer->download(out));
  EXPECT_EQ(in, out);
}

TEST_P(Memory, ManyThreadsMayUseOneMemory) {
  std::vector<std::jthread> threads;
  std::atomic<int> wrong = 0;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t i = 0; i < 50; ++i) {
        std::vector<std::byte> in = pattern(10'000 + t, t * 1000 + i);
        std::vector<std::byte> out(in.size());
        auto buffer = Buffer::allocate(memory_, in.size());
        bool good = buffer && buffer->upload(in) && buffer->download(out) && in == out;
        if (!good) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(memory_->allocation_count(), 0u);
}

TEST_P(Memory, HostMemoryOfAnImpossibleSizeIsAnError) {
  EXPECT_ERROR(HostBuffer::allocate(*device_, 0), ErrorCode::invalid_argument, "0 bytes");
  EXPECT_ERROR(HostBuffer::allocate(*device_, uint64_t{1} << 50), ErrorCode::out_of_memory, "1.00 PiB");
}

INSTANTIATE_TEST_SUITE_P(Backends, Memory, testing::Values("CPU", "Vulkan"), backend_name);

}  // namespace
}  // namespace exogpu::gpu
