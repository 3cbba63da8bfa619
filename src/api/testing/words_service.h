// A fake of a node for tests of the server: writes words instead of running a model. One thread writes for all clients,
// one token for each in turn, like a device that computes a batch.
//
// The answer to a prompt repeats its words, one token each, after a number that depends on the seed. Some words of a
// prompt trigger special behaviour: "!slow" waits 20 ms between tokens, "!fast" writes 500 tokens at a time, "!fail"
// fails before the first token, "!break" after three, "!vanish" ends without a result, "!hold" never begins, "!full"
// is refused because the client's own requests wait, "!crowded" because those of others do. A prompt of more than 1,000
// words is too long. All logprobs are the same number. The answer to a chat is read as Hermes models write: <think> and
// <tool_call> in its words are what they are for a model.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <list>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>

#include "api/testing/words_plans.h"
#include "api/testing/words_text.h"
#include "base/mutex.h"
#include "base/rng.h"
#include "base/testing/temp_dir.h"
#include "node/answer.h"  // engine::StopMatcher
#include "node/service.h"
#include "node/testing/some_audit.h"

namespace exogpu::api::testing {

class WordsService : public WordsPlans {
 public:
  static constexpr uint32_t kContext = 1000;
  static constexpr std::chrono::milliseconds kRefusedWait{12'500};

  // `tick`: the pause between rounds; each answer grows by a token per round.
  explicit WordsService(std::chrono::microseconds tick = std::chrono::microseconds(200))
      : tick_(tick), thread_([this](const std::stop_token& stop) { run(stop); }) {}

  ~WordsService() override {
    thread_.request_stop();
    changed_.notify_all();
    thread_.join();
  }

  std::vector<node::ModelEntry> models() const override {
    return {{.id = "words",
             .created = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000)),
             .context_tokens = kContext},
            {.id = "family/other words", .created = {}, .context_tokens = kContext},
            {.id = "unloaded",
             .created = {},
             .context_tokens = 2048,
             .state = node::ModelState::unloaded,
             .load_reason = "it was too large",
             .load_failed = true}};
  }

  Result<std::shared_ptr<node::ModelText>> text(std::string_view model) const override {
    EXO_CHECK(ready());
    for (const node::ModelEntry& entry : models()) {
      if (entry.state == node::ModelState::loaded && (model.empty() || model == entry.id))
        return std::make_shared<WordsText>();
    }
    return fail(ErrorCode::not_found, "there is no model \"{}\"", model);
  }

  Result<void> ready() const override {
    if (loading) return fail(ErrorCode::unavailable, "words is being loaded");
    return {};
  }

  std::shared_ptr<const node::ClusterSnapshot> cluster() const override {
    node::NodeSnapshot self;
    self.name = "test";
    self.api_url = "http://10.9.8.7:8080";
    auto snapshot = std::make_shared<node::ClusterSnapshot>();
    snapshot->nodes.push_back(std::move(self));
    wire::LibraryModel unloaded;
    unloaded.model = "unloaded";
    unloaded.architecture = "llama";
    unloaded.parameters = 30'000'000;
    unloaded.bytes = 60'000'000;
    unloaded.abilities.tools = true;
    snapshot->library.push_back({.model = std::move(unloaded), .nodes = {"test"}});
    return snapshot;
  }
  std::shared_ptr<const node::ClusterSnapshot> wait_for_cluster(uint64_t, std::chrono::milliseconds) const override {
    return cluster();
  }

  Result<void> load(std::string_view model, const wire::LoadSettings& settings) override {
    const MutexLock lock(mutex_);
    last_load_ = {.model = std::string(model), .settings = settings};
    return {};
  }
  wire::LoadModel last_load() const {
    const MutexLock lock(mutex_);
    return last_load_;
  }

  Result<void> unload(std::string_view model) override {
    if (model != "words") return fail(ErrorCode::not_found, "there is no model \"{}\"; here are: words", model);
    return {};
  }

  // Anything but "!fail" is there at once.
  void pull(std::string source, std::shared_ptr<node::PullListener> listener, std::stop_token) override {
    if (source == "!fail") return listener->on_end(fail(ErrorCode::not_found, "the hub does not have it"));
    listener->on_progress({.file = 0, .files = 1, .done = 5, .total = 5});
    listener->on_end(source);
  }

  node::AccessKeys& access_keys() override { return *keys_; }
  node::Audit* audit() override { return audit_.get(); }

  void generate(node::GenerationRequest request, std::shared_ptr<node::GenerationListener> listener,
                std::stop_token cancel) override {
    const MutexLock lock(mutex_);
    ++started;
    running_.push_back(std::make_unique<Work>(std::move(request), std::move(listener), std::move(cancel)));
    last_request_ = running_.back()->request;
    changed_.notify_all();
  }

  std::unique_ptr<node::StreamStore::Writer> keep_stream(wire::StreamId id, node::StreamOptions options) override {
    return streams.create(id, std::move(options), node::StreamStore::Clock::now());
  }
  void read_stream(wire::StreamRead request, node::StreamReader done) override {
    streams.read(request, done, node::StreamStore::Clock::now());
  }

  node::GenerationRequest last_request() const {
    const MutexLock lock(mutex_);
    return last_request_;
  }

  node::StreamStore streams;
  std::atomic<bool> loading = false;
  std::atomic<uint32_t> started = 0, finished = 0, cancelled = 0;

 private:
  exogpu::testing::TempDir state_;
  std::unique_ptr<node::AccessKeys> keys_ = node::AccessKeys::open(state_.path(), {}).value();
  std::unique_ptr<node::Audit> audit_ = node::testing::some_audit(state_.path());
  using Clock = std::chrono::steady_clock;

  struct Answer {
    std::optional<engine::StopMatcher> stops;
    std::unique_ptr<model::AnswerParser> parser;  // of a chat
    uint32_t tokens = 0;
    bool ended = false;
  };

  struct Work {
    Work(node::GenerationRequest given, std::shared_ptr<node::GenerationListener> receiver, std::stop_token stop)
        : request(std::move(given)), listener(std::move(receiver)), cancel(std::move(stop)), answers(request.answers) {}
    node::GenerationRequest request;
    std::shared_ptr<node::GenerationListener> listener;
    std::stop_token cancel;
    std::vector<Answer> answers;
    std::vector<std::string> words;
    bool begun = false;
    Clock::time_point next{};

    bool contains(const char* word) const { return std::ranges::contains(words, word); }
  };

  static std::string prompt_text(const node::GenerationRequest& request) {
    if (const auto* text = std::get_if<std::string>(&request.prompt)) return *text;
    std::string text;
    if (const auto* tokens = std::get_if<std::vector<model::TokenId>>(&request.prompt)) {
      for (const model::TokenId token : *tokens) text += std::to_string(token) + " ";
      return text;
    }
    if (const auto* infill = std::get_if<node::InfillPrompt>(&request.prompt)) {
      return infill->prefix + " " + infill->suffix + " " + infill->start;
    }
    const auto& chat = std::get<model::ChatRequest>(request.prompt);
    for (const auto& message : nlohmann::json::parse(chat.messages_json)) {
      if (message.at("content").is_string()) text += message.at("content").get<std::string>() + " ";
    }
    return text;
  }

  static std::vector<std::string> words_of(const node::GenerationRequest& request) {
    std::istringstream text(prompt_text(request));
    std::vector<std::string> words;
    for (std::string word; text >> word;) words.push_back(word);
    if (words.empty()) words.emplace_back("nothing");
    return words;
  }

  // False: the work is finished.
  bool begin(Work& work) {
    work.words = words_of(work.request);
    uint32_t removed = 0;
    const auto& shortening = work.request.shortening;
    for (uint32_t turns = 1; shortening && work.words.size() > kContext && turns <= shortening->turns; ++turns) {
      node::ShortenedPrompt shorter = shortening->without(turns);
      removed = shorter.messages_removed;
      node::GenerationRequest request = work.request;
      request.prompt = std::move(shorter.prompt);
      work.words = words_of(request);
    }
    if (removed > 0) work.listener->on_shortened(removed);
    if (work.words.size() > kContext) {
      work.listener->on_error(
          {ErrorCode::resource_exhausted,
           std::format("the prompt has {} tokens, and the context {}; shorten it", work.words.size(), kContext)});
      return false;
    }
    if (work.contains("!full") || work.contains("!crowded")) {
      work.listener->on_refused({.position = 3, .own = work.contains("!full") ? 2U : 0U, .wait = kRefusedWait});
      work.listener->on_error({ErrorCode::unavailable, "12 requests wait already"});
      return false;
    }
    if (work.contains("!fail")) {
      work.listener->on_error({ErrorCode::unavailable, "the device is away"});
      return false;
    }
    if (work.contains("!vanish")) return false;
    for (Answer& answer : work.answers) {
      auto stops = engine::StopMatcher::create(work.request.options.stops);
      if (!stops) {
        work.listener->on_error(stops.error());
        return false;
      }
      answer.stops = *std::move(stops);
      if (const auto* chat = std::get_if<model::ChatRequest>(&work.request.prompt)) {
        answer.parser = std::make_unique<model::AnswerParser>(
            model::AnswerParserOptions{.form = model::AnswerForm::of("<tool_call>"),
                                       .tools = model::tool_shapes(chat->tools_json),
                                       .calls_max = chat->calls_max});
      }
    }
    work.begun = true;
    if (!work.contains("!hold")) work.listener->on_prompt(static_cast<uint32_t>(work.words.size()));
    if (work.request.embedding) return embed(work);
    if (work.request.options.echo) echo(work);
    return true;
  }

  // The number of words, and their letters.
  bool embed(Work& work) const {
    std::vector<float> values = {static_cast<float>(work.words.size()), 0, 1};
    for (const std::string& word : work.words) values[1] += static_cast<float>(word.size());
    if (const uint32_t most = work.request.embedding->dimensions; most > 0) values.resize(most);
    work.listener->on_embedding(values);
    work.listener->on_end(0, {.prompt_tokens = static_cast<uint32_t>(work.words.size())});
    return false;
  }

  static void echo(const Work& work) {
    std::vector<node::TokenReport> reports;
    for (const std::string& word : work.words) {
      if (!work.request.options.sampling.logprobs) break;
      const node::TokenReport::Candidate chosen{.token = 1, .bytes = word, .logprob = -0.25F};
      const std::vector likeliest(reports.empty() ? 0 : 1, chosen);
      reports.push_back({.chosen = chosen, .begins = reports.empty(), .likeliest = likeliest});
    }
    for (uint32_t i = 0; i < work.answers.size(); ++i) {
      work.listener->on_piece(i, {.text = prompt_text(work.request)}, reports);
    }
  }

  std::string token(const Work& work, uint32_t answer, uint32_t position) const {
    const bool thinks = work.words.front() == "<think>";  // which must stand at the beginning
    if (position == 0 && !thinks) {
      return std::to_string(random_bits(work.request.options.sampling.seed + answer, 0) % 1'000'000);
    }
    return " " + work.words[(thinks ? position : position - 1) % work.words.size()];
  }

  // The reports go with the first piece.
  static void write(Work& work, uint32_t index, const std::string& text, std::vector<node::TokenReport> reports) {
    Answer& answer = work.answers[index];
    if (answer.parser) {
      answer.parser->push(text, [&](const model::AnswerPiece& piece) {
        work.listener->on_piece(index, piece, std::exchange(reports, {}));
      });
    }
    const bool rest = answer.parser ? !reports.empty() : !text.empty() || !reports.empty();
    if (rest) work.listener->on_piece(index, {.text = answer.parser ? "" : text}, reports);
  }

  void end(Work& work, uint32_t index, engine::FinishReason reason) {
    Answer& answer = work.answers[index];
    answer.ended = true;
    const std::string rest = answer.stops->stopped() ? "" : answer.stops->flush();
    write(work, index, rest, {});
    if (answer.parser) {
      answer.parser->finish([&](const model::AnswerPiece& piece) { work.listener->on_piece(index, piece, {}); });
    }
    const auto stop = answer.stops->matched();
    work.listener->on_end(index, {.reason = reason,
                                  .stop = stop ? work.request.options.stops[*stop] : "",
                                  .prompt_tokens = static_cast<uint32_t>(work.words.size()),
                                  .prompt_reused = 1,
                                  .answer_tokens = answer.tokens});
  }

  bool write_one(Work& work, uint32_t index) {
    Answer& answer = work.answers[index];
    if (work.request.options.only_prompt) {
      end(work, index, engine::FinishReason::length);
      return true;
    }
    const std::string text = token(work, index, answer.tokens++);
    if (work.contains("!break") && answer.tokens > 3) {
      work.listener->on_error({ErrorCode::unavailable, "the device was unplugged"});
      return false;
    }
    std::vector<node::TokenReport> reports;
    if (const auto logprobs = work.request.options.sampling.logprobs) {
      const node::TokenReport::Candidate chosen{
          .token = static_cast<model::TokenId>(answer.tokens), .bytes = text, .logprob = -0.5f};
      reports.push_back({.chosen = chosen, .likeliest = std::vector(*logprobs, chosen)});
    }
    const std::string out = answer.stops->push(text);
    write(work, index, out, std::move(reports));
    if (answer.parser && answer.parser->is_full()) {
      end(work, index, engine::FinishReason::end_of_text);
    } else if (answer.stops->stopped()) {
      end(work, index, engine::FinishReason::stop_string);
    } else if (answer.tokens == work.request.options.tokens_max) {
      end(work, index, engine::FinishReason::length);
    } else if (answer.tokens == kContext && !work.contains("!fast") && !work.contains("!slow")) {
      end(work, index, engine::FinishReason::context_full);
    }
    return true;
  }

  // False: the work is finished.
  bool advance(Work& work, Clock::time_point now) {
    if (work.cancel.stop_requested()) {
      ++cancelled;
      work.listener->on_error({ErrorCode::cancelled, "cancelled"});
      return false;
    }
    if (!work.begun && !begin(work)) return false;
    if (work.next > now || work.contains("!hold")) return true;
    if (work.contains("!slow")) work.next = now + std::chrono::milliseconds(20);
    const int times = work.contains("!fast") ? 500 : 1;
    bool open = false;
    for (uint32_t i = 0; i < work.answers.size(); ++i) {
      for (int k = 0; k < times && !work.answers[i].ended; ++k) {
        if (!write_one(work, i)) return false;
      }
      open = open || !work.answers[i].ended;
    }
    return open;
  }

  void run(const std::stop_token& stop) {
    std::vector<std::unique_ptr<Work>> batch;
    while (!stop.stop_requested()) {
      {
        MutexLock lock(mutex_);
        while (!stop.stop_requested() && running_.empty() && batch.empty()) changed_.wait(lock);
        std::ranges::move(running_, std::back_inserter(batch));
        running_.clear();
      }
      const auto now = Clock::now();
      std::erase_if(batch, [&](auto& work) {
        if (advance(*work, now)) return false;
        ++finished;
        return true;
      });
      if (!batch.empty()) std::this_thread::sleep_for(tick_);
    }
  }

  const std::chrono::microseconds tick_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::unique_ptr<Work>> running_ EXO_GUARDED_BY(mutex_);  // begun, and not yet taken by the thread
  node::GenerationRequest last_request_ EXO_GUARDED_BY(mutex_);
  wire::LoadModel last_load_ EXO_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace exogpu::api::testing
