#include <poll.h>

#include <atomic>
#include <thread>

#include "base/mutex.h"
#include "capi/generation.h"
#include "capi/testing/models.h"
#include "capi/turns.h"

namespace exogpu::capi::testing {
namespace {

// Collects what a callback gets.
struct Collected {
  Mutex mutex;
  CondVar changes;
  std::string text EXO_GUARDED_BY(mutex);
  exogpu_code code EXO_GUARDED_BY(mutex) = -1;
  exogpu_code closing EXO_GUARDED_BY(mutex) = -1;  // of a call that a callback must not make
  bool ended EXO_GUARDED_BY(mutex) = false;
  exogpu_model model{};

  static void piece(void* user, const exogpu_piece* piece) {
    auto* self = static_cast<Collected*>(user);
    const exogpu_code closing = exogpu_model_close(self->model);
    const MutexLock lock(self->mutex);
    self->closing = closing;
    self->text.append(piece->text, piece->length);
    self->code = piece->code;
    self->ended = piece->end == 1;
    self->changes.notify_all();
  }
  void wait() {
    MutexLock lock(mutex);
    while (!ended) changes.wait(lock);
  }
};

TEST_F(ModelTest, AnAnswerIsPulledOrPushed) {
  const exogpu_model model = open("qwen3");
  auto options = generate_options("Once upon a time", 12);
  exogpu_generation generation{};
  ASSERT_OK(exogpu_model_generate(model, &options, &generation));
  const std::string pulled = pull(generation);
  exogpu_generation_stats stats{};
  stats.struct_size = sizeof stats;
  ASSERT_OK(exogpu_generation_stats_of(generation, &stats));
  EXPECT_EQ(stats.answer_tokens, 12U);
  EXPECT_EQ(stats.finish, static_cast<uint32_t>(EXOGPU_FINISH_LENGTH));
  EXPECT_GT(stats.prompt_tokens, 0U);
  EXPECT_OK(exogpu_generation_free(generation));

  Collected collected;
  collected.model = model;
  options.on_piece = Collected::piece;
  options.user = &collected;
  ASSERT_OK(exogpu_model_generate(model, &options, &generation));
  exogpu_piece piece{};
  piece.struct_size = sizeof piece;
  expect_error(exogpu_generation_next(generation, -1, &piece), EXOGPU_FAILED_PRECONDITION, "callback");
  int32_t fd = -1;
  expect_error(exogpu_generation_fd(generation, &fd), EXOGPU_FAILED_PRECONDITION, "callback");
  collected.wait();
  EXPECT_OK(exogpu_generation_free(generation));
  const MutexLock lock(collected.mutex);
  EXPECT_EQ(collected.text, pulled);
  EXPECT_EQ(collected.code, EXOGPU_OK);
  EXPECT_EQ(collected.closing, EXOGPU_FAILED_PRECONDITION);
}

TEST_F(ModelTest, AConversationIsAnswered) {
  const exogpu_model model = open("qwen3");
  auto options = generate_options(nullptr, 5);
  options.messages = R"([{"role":"user","content":"Hello"}])";
  options.variables = R"({"enable_thinking":false})";
  const std::string first = answer(model, options);
  EXPECT_EQ(answer(model, options), first);
}

TEST_F(ModelTest, BadRequestsAreRefused) {
  const exogpu_model model = open("qwen3");
  exogpu_generation generation{};
  auto options = generate_options("a", 4);
  options.messages = "[]";
  expect_error(exogpu_model_generate(model, &options, &generation), EXOGPU_INVALID_ARGUMENT, "either");
  options = generate_options(nullptr, 4);
  expect_error(exogpu_model_generate(model, &options, &generation), EXOGPU_INVALID_ARGUMENT, "either");
  options = generate_options("a", 4);
  options.stop_count = 1;
  expect_error(exogpu_model_generate(model, &options, &generation), EXOGPU_INVALID_ARGUMENT, "stops is");
  expect_error(exogpu_model_generate(model, nullptr, &generation), EXOGPU_INVALID_ARGUMENT, "null pointer");
  exogpu_generate_options_init(nullptr, 0);
  // What only the model's thread finds ends the answer.
  for (const bool too_long : {true, false}) {
    const std::string prompt(too_long ? 40'000 : 1, 'a');
    options = generate_options(prompt.c_str(), 4);
    if (!too_long) options.top_p = 7;
    exogpu_code code = EXOGPU_OK;
    ASSERT_OK(exogpu_model_generate(model, &options, &generation));
    pull(generation, &code);
    EXPECT_EQ(code, too_long ? EXOGPU_RESOURCE_EXHAUSTED : EXOGPU_INVALID_ARGUMENT) << exogpu_last_error();
    exogpu_generation_stats stats{};
    stats.struct_size = sizeof stats;
    expect_error(exogpu_generation_stats_of(generation, &stats), EXOGPU_FAILED_PRECONDITION, "the answer failed");
    EXPECT_OK(exogpu_generation_free(generation));
  }
  expect_error(exogpu_generation_free(generation), EXOGPU_INVALID_ARGUMENT, "was freed or closed before");
  expect_error(exogpu_generation_cancel({}), EXOGPU_INVALID_ARGUMENT, "is 0");
}

TEST_F(ModelTest, StopsEndAnAnswer) {
  const exogpu_model model = open("qwen3");
  auto options = generate_options("Once upon a time", 20);
  const std::string whole = answer(model, options);
  ASSERT_GT(whole.size(), 6U);
  const std::string stop = whole.substr(whole.size() / 2, 3);
  const char* stops[] = {stop.c_str()};
  options.stops = stops;
  options.stop_count = 1;
  EXPECT_EQ(answer(model, options), whole.substr(0, whole.find(stop)));
}

TEST_F(ModelTest, ACancelledAnswerEnds) {
  const exogpu_model model = open("qwen3");
  // Two, of which the second waits for its turn.
  exogpu_generation first{}, second{};
  const auto options = generate_options("Once upon a time", 3'000);
  ASSERT_OK(exogpu_model_generate(model, &options, &first));
  ASSERT_OK(exogpu_model_generate(model, &options, &second));
  exogpu_generation_stats stats{};
  stats.struct_size = sizeof stats;
  expect_error(exogpu_generation_stats_of(second, &stats), EXOGPU_FAILED_PRECONDITION, "has not ended");
  for (const exogpu_generation each : {second, first}) {
    ASSERT_OK(exogpu_generation_cancel(each));
    exogpu_code code = -1;
    pull(each, &code);
    EXPECT_EQ(code, EXOGPU_OK);
    ASSERT_OK(exogpu_generation_stats_of(each, &stats));
    EXPECT_EQ(stats.finish, static_cast<uint32_t>(EXOGPU_FINISH_CANCELLED));
  }
  // Closing the model ends what is being written.
  exogpu_generation third{};
  ASSERT_OK(exogpu_model_generate(model, &options, &third));
  ASSERT_OK(exogpu_model_close(model));
  pull(third);
  EXPECT_OK(exogpu_generation_free(third));
  expect_error(exogpu_model_generate(model, &options, &third), EXOGPU_INVALID_ARGUMENT, "was freed or closed before");
}

TEST_F(ModelTest, AnAnswersEventfdSaysWhenThereIsMore) {
  const exogpu_model model = open("qwen3");
  exogpu_generation generation{};
  const auto options = generate_options("Once upon a time", 8);
  ASSERT_OK(exogpu_model_generate(model, &options, &generation));
  int32_t fd = -1;
  ASSERT_OK(exogpu_generation_fd(generation, &fd));
  std::string text;
  exogpu_piece piece{};
  piece.struct_size = sizeof piece;
  while (piece.end == 0) {
    pollfd each{.fd = fd, .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&each, 1, 60'000), 1);
    ASSERT_OK(exogpu_generation_next(generation, 0, &piece));
    text.append(piece.text, piece.length);
    if (piece.end == 0) continue;
    EXPECT_EQ(poll(&each, 1, 0), 1);  // and stays so
  }
  EXPECT_EQ(text, answer(model, options));
}

TEST(Generations, NothingInTimeIsNoEnd) {
  class Silent final : public TextModel {
    Result<std::string> json() override { return ""; }
    Result<std::vector<model::TokenId>> tokenize(std::string_view, const model::EncodeOptions&) override { return {}; }
    Result<std::string> detokenize(std::span<const model::TokenId>) override { return ""; }
    Result<std::string> render(const std::string&) override { return ""; }
    Result<std::vector<float>> embed(std::string_view) override { return {}; }
    Result<engine::GenerateStats> generate(const AnswerRequest&, const OnText&, const std::stop_token& stop) override {
      Mutex mutex;
      CondVar wakes;
      const std::stop_callback wake(stop, [&] {
        const MutexLock lock(mutex);
        wakes.notify_all();
      });
      MutexLock lock(mutex);
      while (!stop.stop_requested()) wakes.wait(lock);
      throw std::runtime_error("a bug");
    }
  };
  Generation generation(nullptr, nullptr);
  generation.start(std::make_shared<Silent>(), {});
  exogpu_piece piece{};
  const auto late = generation.next(1, piece);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
  EXPECT_EQ(piece.end, 0);
  generation.cancel();
  const auto end = generation.next(-1, piece);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().message, "a bug");
  EXPECT_EQ(piece.end, 1);
}

TEST(TurnsTest, ComeInTheOrderOfArrival) {
  Turns turns;
  std::vector<int> order;
  std::vector<std::thread> threads;
  std::stop_source cancelled;
  {
    const Turns::Turn first(turns, {});
    ASSERT_TRUE(first);
    std::atomic<bool> came = false;
    threads.emplace_back([&] {
      const Turns::Turn turn(turns, cancelled.get_token());
      EXPECT_FALSE(turn);
      came = true;
    });
    cancelled.request_stop();
    while (!came) std::this_thread::yield();
    threads.emplace_back([&] {
      const Turns::Turn turn(turns, {});
      EXPECT_TRUE(turn);
      order.push_back(2);
    });
    order.push_back(1);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector{1, 2}));
}

}  // namespace
}  // namespace exogpu::capi::testing
