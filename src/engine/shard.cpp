#include "engine/shard.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "engine/all_finite.h"
#include "engine/batch_plan.h"
#include "engine/cut/exchange.h"
#include "engine/host_embedding.h"
#include "engine/recurrent_memory.h"
#include "engine/residents.h"
#include "engine/runner.h"
#include "engine/shard_fit.h"
#include "engine/shard_setup.h"
#include "engine/stream_hooks.h"
#include "engine/sum_hooks.h"
#include "engine/tensors/weight_layouts.h"
#include "engine/thread_hooks.h"
#include "gpu/buffer.h"
#include "gpu/cpu_threads/compute_threads.h"
#include "gpu/guard.h"
#include "gpu/host.h"

namespace exogpu::engine {

struct Shard::Impl {
  const model::Gguf& file;
  const gpu::Device& device;
  Architecture arch;
  wire::LayerRange layers;
  ShardOptions options;
  uint32_t fixed_threads;  // 0: as many as find free cores
  bool flash;
  WeightStore weights;
  KvCache cache;
  RecurrentMemory memory;
  MemoryNeed need = {};
  HostEmbedding embedding = {};
  ggml_backend_ptr backend = {};
  std::optional<gpu::ComputeThreads> threads = {};  // of a shard on the CPU
  std::shared_ptr<gpu::SharedThreadUse> thread_use = {};
  std::optional<ThreadHooks> thread_hooks = {};  // likewise
  std::optional<SumHooks> sum_hooks = {};        // of a member
  std::unique_ptr<StreamHooks> stream = {};      // where layers stream
  std::vector<SegmentHooks*> hooks = {};
  std::optional<Runner> runner = {};
  BatchPlan plan = {};
  BatchPlan replay_plan = {};
  std::optional<Residents> residents = {};
  std::vector<float> embedded = {};
  std::vector<SequenceTokens> pooled = {};
  std::vector<float> joined = {};  // at rank 0 of a group: the logits of all members

  GraphSource source() const {
    return {arch,  layers,         weights.weights(),    weights.prompt_weights(), cache, memory.states(),
            flash, on_processor(), options.threads == 1, options.embeddings};
  }
  bool on_processor() const { return device.info().kind == gpu::DeviceKind::cpu; }
  bool is_first() const { return layers.begin == 0; }
  bool is_last() const { return layers.end == arch.n_layers; }
  bool reads_file() const { return need.weights_mapped > 0 || need.layers_streamed > 0 || embeds_on_host(); }
  bool embeds_on_host() const { return is_first() && weights.weights().embedding == nullptr; }

  static Result<std::unique_ptr<Impl>> plan_only(const model::Gguf& file, wire::LayerRange layers,
                                                 const gpu::Device& device, const ShardOptions& requested,
                                                 bool two_layouts = false) {
    EXO_TRY(Architecture a, read_architecture(file));
    if (requested.member) a = member_architecture(std::move(a), requested.member->cut);
    EXO_TRY(ShardOptions options, complete_options(requested, a, layers));
    ggml_backend_dev_t handle = device.handle();
    EXO_TRY(bool flash, choose_flash_attention(device, a, options));
    EXO_CHECK(check_cache_type(a, options.kv_type, flash));
    const gpu::LayoutAim aim = layout_aim(options.objective);
    const WeightAims aims =
        two_layouts ? WeightAims{gpu::LayoutAim::answers, gpu::LayoutAim::prompts} : WeightAims{aim, aim};
    EXO_TRY(WeightStore weights, WeightStore::plan(file, a, layers, options.context, device, aims,
                                                   slicer(file, requested.member), options.weight_budget));
    ggml_backend_buffer_type_t home = ggml_backend_dev_buffer_type(handle);
    KvCache cache(a, layers, options.cache_rows(), options.kv_type, home);
    RecurrentMemory memory(a, layers, options, options.cache_rows(), home);
    auto impl = std::unique_ptr<Impl>(new Impl{.file = file,
                                               .device = device,
                                               .arch = a,
                                               .layers = layers,
                                               .options = options,
                                               .fixed_threads = requested.threads,
                                               .flash = flash,
                                               .weights = std::move(weights),
                                               .cache = std::move(cache),
                                               .memory = std::move(memory)});
    EXO_CHECK(impl->measure());
    return impl;
  }

  Result<void> measure() {
    weights.pretend_loaded(true);
    cache.pretend_loaded(true);
    memory.pretend_loaded(true);
    auto compute = Runner::measure(source(), largest_batches(options), device.handle());
    weights.pretend_loaded(false);
    cache.pretend_loaded(false);
    memory.pretend_loaded(false);
    EXO_TRY(need.compute, std::move(compute));
    need.weights = weights.bytes();
    need.weights_mapped = weights.bytes_mapped();
    need.layers_streamed = weights.residency().streamed();
    need.weights_streamed = weights.bytes_streamed();
    for (const ConvertedWeights& of : weights.converted()) need.weights_converted += of.bytes;
    need.cache = cache.bytes();
    need.state = memory.state_bytes();
    need.retained = memory.input_bytes();
    return {};
  }

  Result<void> start_backend() {
    EXO_CHECK(
        gpu::guarded(device, "starting", [&] { backend.reset(ggml_backend_dev_init(device.handle(), nullptr)); }));
    if (backend == nullptr)
      return fail(ErrorCode::unavailable, "{} ({}) could not be started", device.info().name, device.info().backend);
    const auto set_threads = reinterpret_cast<ggml_backend_set_n_threads_t>(
        ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device.handle()), "ggml_backend_set_n_threads"));
    if (set_threads == nullptr) return {};
    threads.emplace(fixed_threads);
    thread_use = std::make_shared<gpu::SharedThreadUse>();
    thread_hooks.emplace(*threads, backend.get(), set_threads);
    hooks.push_back(&*thread_hooks);
    return {};
  }

  Result<void> join_group() {
    if (!options.member) return {};
    EXO_TRY(auto staging, SumHooks::staging(device, size_t{options.batch_tokens} * arch.d_model));
    sum_hooks.emplace(*options.member->exchange, backend.get(), std::move(staging));
    hooks.push_back(&*sum_hooks);
    if (is_last() && is_rank_0()) joined.resize(size_t{options.outputs} * arch.n_vocab);
    return {};
  }

  // After the weights are loaded. Layers are waited for before threads are chosen.
  Result<void> start_stream() {
    if (need.layers_streamed == 0) return {};
    EXO_TRY(auto read, weights.layer_reader(device));
    stream = std::make_unique<StreamHooks>(weights.residency(), layers.begin, std::move(read), backend.get());
    hooks.insert(hooks.begin(), stream.get());
    return {};
  }
  bool is_rank_0() const { return options.member->cut.rank == 0; }

  Result<void> load(const Progress& progress, const std::stop_token& stop) {
    EXO_CHECK(check_shared_keys(arch, layers));
    EXO_CHECK(check_fit({file.path().string(), device.info().name, arch, layers, options, flash, need},
                        device.memory().free));
    EXO_CHECK(start_backend());
    EXO_CHECK(join_group());
    EXO_CHECK(gpu::guarded_result(device, "loading weights",
                                  [&] { return weights.load(gpu::read_host_cpu().threads(), progress, stop); }));
    EXO_CHECK(file.check());
    EXO_CHECK(start_stream());
    EXO_CHECK(gpu::guarded_result(device, "reserving the KV cache", [&] { return cache.load(); }));
    EXO_CHECK(gpu::guarded_result(device, "reserving the states", [&] { return memory.load(); }));
    if (embeds_on_host()) {
      EXO_TRY(embedding, HostEmbedding::open(file, arch));
      embedded.resize(size_t{options.batch_tokens} * arch.d_model);
    }
    size_t result_floats = result_width() * (!is_last()           ? options.batch_tokens
                                             : options.embeddings ? options.sequences
                                                                  : options.outputs);
    EXO_TRY(Runner ready, gpu::guarded_result(device, "reserving compute memory", [&] {
              return Runner::create(source(), largest_batches(options), result_floats, backend.get(),
                                    {.after_layer = cuts_around_streamed(weights.residency()),
                                     .after_sums = options.member != nullptr,
                                     .prompts_by_layer = threads.has_value()});
            }));
    runner.emplace(std::move(ready));
    residents.emplace(device, cache, memory, options);
    plan.shape.groups.reserve(options.sequences);
    plan.positions.reserve(options.batch_tokens);
    plan.cache_rows.reserve(options.batch_tokens);
    plan.output_rows.reserve(options.outputs);
    plan.output_positions.reserve(options.outputs);
    plan.shape.output_groups.reserve(options.sequences);
    return {};
  }

  Result<RunnerInput> input_of(const Batch& batch) {
    size_t n = plan.shape.tokens;
    if (!is_first()) {
      if (const size_t needed = n * arch.activation_width(); batch.activations.size() != needed)
        return fail(ErrorCode::invalid_argument, "{} tokens need {} activations, but {} are given", n, needed,
                    batch.activations.size());
      if (!all_finite(batch.activations))
        return fail(ErrorCode::invalid_argument, "the activations hold values that are not finite");
      return RunnerInput{{}, batch.activations};
    }
    if (batch.tokens.size() != n)
      return fail(ErrorCode::invalid_argument, "the sequences announce {} tokens, but {} are given", n,
                  batch.tokens.size());
    for (model::TokenId token : batch.tokens)
      if (token < 0 || std::cmp_greater_equal(token, arch.n_vocab))
        return fail(ErrorCode::invalid_argument, "token {} is outside the vocabulary of {}", token, arch.n_vocab);
    return first_input(batch.tokens);
  }

  // Of the shard with layer 0.
  RunnerInput first_input(std::span<const model::TokenId> tokens) {
    if (!embeds_on_host()) return {tokens, {}};
    std::span<float> rows = std::span(embedded).first(tokens.size() * arch.d_model);
    embedding.look_up(tokens, rows);
    return {tokens, rows};
  }

  BatchLimits limits() const { return {options.batch_tokens, options.outputs, options.context, !memory.empty()}; }

  // Records which sequences' caches are sound: those with a finite result, which depends on all of the cache. Without a
  // result a cache stays suspect.
  Result<void> check_result(const Batch& batch, std::span<const float> result) {
    std::optional<wire::SeqId> bad;
    for (const SequenceTokens& s : batch.sequences) {
      size_t values = result_width() * (is_last() ? s.outputs : s.count);
      EXO_ASSERT(values <= result.size(), "a result has the rows that its batch asks for");
      bool finite = all_finite(result.first(values));
      result = result.subspan(values);
      residents->suspect(s.sequence, !finite || values == 0);
      if (!finite && !bad) bad = s.sequence;
    }
    if (!bad) return {};
    return fail(ErrorCode::corrupt,
                "{}: layers {} to {} computed values that are not finite for sequence {}; the weights may be damaged "
                "(exogpu inspect --check finds out)",
                file.path().string(), layers.begin, layers.end, bad->value());
  }

  // Values of each row of the result.
  size_t result_width() const {
    if (!is_last()) return arch.activation_width();
    return options.embeddings ? arch.embedding_width() : arch.head_rows;
  }

  // Computes tokens that are resident already once more, for the states of recurrent layers.
  Result<void> replay(uint32_t sequence, uint32_t position, const StepInputs& inputs) {
    const auto count =
        static_cast<uint32_t>(is_first() ? inputs.tokens.size() : inputs.activations.size() / arch.activation_width());
    const SequenceTokens again{.sequence = wire::SeqId(sequence), .position = position, .count = count, .outputs = 0};
    const uint32_t length = residents->set_length(sequence, position);
    auto planned = plan_batch({&again, 1}, residents->lengths(), residents->regions(), limits(), replay_plan);
    residents->set_length(sequence, length);
    EXO_CHECK(planned);
    const RunnerInput input = is_first() ? first_input(inputs.tokens) : RunnerInput{{}, inputs.activations};
    EXO_TRY([[maybe_unused]] auto result,
            gpu::guarded_result(device, "computing again", [&] { return runner->run(replay_plan, input, {}, hooks); }));
    return {};
  }

  // Before a batch of these sequences: their states are those of their lengths.
  Result<void> catch_up(const Batch& batch) {
    if (memory.empty()) return {};
    const auto again = [this](uint32_t sequence, uint32_t position, const StepInputs& inputs) {
      return replay(sequence, position, inputs);
    };
    for (const SequenceTokens& s : batch.sequences)
      EXO_CHECK(gpu::guarded_result(device, "restoring states",
                                    [&] { return memory.catch_up(s.sequence.value(), s.position, again); }));
    return {};
  }

  Result<std::span<const float>> run(const RunnerInput& input, std::span<float> into) {
    if (threads) {
      threads->set_tokens(plan.shape.tokens);
      threads->set_share(thread_use->share());
    }
    if (options.member && is_last()) into = {};
    return runner->run(plan, input, into, hooks);
  }

  // Of a member with the last layer: at rank 0 the logits of all members, elsewhere its own.
  Result<std::span<const float>> join(std::span<const float> own, std::span<float> into) {
    if (!options.member || !is_last() || own.empty()) return own;
    if (into.empty()) into = joined;
    const size_t rows = own.size() / arch.head_rows;
    const std::span<float> whole = into.first(is_rank_0() ? rows * arch.n_vocab : 0);
    EXO_CHECK(options.member->exchange->gather(own, rows, whole));
    return is_rank_0() ? whole : own;
  }

  Result<std::span<const float>> forward(const Batch& batch) {
    if (options.embeddings) EXO_CHECK(rows_of_embeddings(arch, batch.sequences, pooled));
    EXO_CHECK(plan_batch(options.embeddings ? std::span<const SequenceTokens>(pooled) : batch.sequences,
                         residents->lengths(), residents->regions(), limits(), plan));
    if (!is_last()) plan.drop_outputs();
    EXO_CHECK(catch_up(batch));
    EXO_TRY(RunnerInput input, input_of(batch));
    auto result = gpu::guarded_result(device, "computing", [&] { return run(input, batch.into); });
    if (threads) {
      threads->end_step();
      thread_use->set(threads->use());
    }
    if (result)
      if (auto sound = check_result(batch, *result); !sound) result = std::unexpected(sound.error());
    // Also the better reason for a result that is not finite.
    if (reads_file())
      if (auto same = file.check(); !same) result = std::unexpected(same.error());
    if (need.layers_streamed > 0) release_rows_of_file();
    if (result) result = join(*result, batch.into);
    if (!result) {
      memory.failed(batch);
      residents->failed(batch);
      return result;
    }
    EXO_CHECK(gpu::guarded(device, "keeping states", [&] { memory.moved(batch); }));
    residents->grown(batch);
    return result;
  }

  // What was looked up in the file would stay in memory.
  void release_rows_of_file() const {
    weights.release_mapped();
    if (embeds_on_host()) embedding.release();
  }

  Result<void> check_sequence(wire::SeqId sequence) const {
    if (sequence.value() < options.sequences) return {};
    return fail(ErrorCode::invalid_argument, "sequence {} is beyond the {} this shard holds", sequence.value(),
                options.sequences);
  }
};

Shard::Shard(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Shard::Shard(Shard&&) noexcept = default;
Shard& Shard::operator=(Shard&&) noexcept = default;
Shard::~Shard() = default;

Result<Shard> Shard::load(const model::Gguf& file, wire::LayerRange layers, const gpu::Device& device,
                          const ShardOptions& options, const Progress& progress, const std::stop_token& stop) {
  if (device.layouts() != nullptr) learn_layouts(file, layers, device);
  const bool two_layouts = !options.member && worth_two_layouts(file, device);
  EXO_TRY(auto impl, Impl::plan_only(file, layers, device, options, two_layouts));
  if (two_layouts && impl->need.layers_streamed == 0 && impl->need.total() > device.memory().free) {
    EXO_TRY(impl, Impl::plan_only(file, layers, device, options));
  }
  EXO_CHECK(impl->load(progress, stop));
  return Shard(std::move(impl));
}

Result<MemoryNeed> Shard::measure(const model::Gguf& file, wire::LayerRange layers, const gpu::Device& device,
                                  const ShardOptions& options) {
  EXO_TRY(auto impl, Impl::plan_only(file, layers, device, options));
  return impl->need;
}

Result<std::span<const float>> Shard::forward(const Batch& batch) {
  auto result = impl_->forward(batch);
  if (!result && impl_->options.member) impl_->options.member->exchange->abandon();
  return result;
}

Result<void> Shard::truncate(wire::SeqId sequence, uint32_t end) {
  EXO_CHECK(impl_->check_sequence(sequence));
  return impl_->residents->truncate(sequence.value(), end);
}

Result<void> Shard::copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) {
  for (wire::SeqId s : {from, to}) EXO_CHECK(impl_->check_sequence(s));
  return impl_->residents->copy_prefix(from.value(), to.value(), length);
}

Result<void> Shard::place(std::span<const Placement> placements) { return impl_->residents->place(placements); }

Bytes Shard::release_rows() const { return impl_->residents->release_rows(); }

std::shared_ptr<std::byte[]> Shard::host_memory(size_t bytes) const {
  auto buffer = gpu::HostBuffer::allocate(impl_->device, bytes);
  if (!buffer) return nullptr;
  const auto owner = std::make_shared<gpu::HostBuffer>(*std::move(buffer));
  return {owner, owner->bytes().data()};
}

uint32_t Shard::length(wire::SeqId sequence) const {
  return impl_->check_sequence(sequence) ? impl_->residents->lengths()[sequence.value()] : 0;
}

const Architecture& Shard::architecture() const { return impl_->arch; }
wire::LayerRange Shard::layers() const { return impl_->layers; }
const ShardOptions& Shard::options() const { return impl_->options; }
const MemoryNeed& Shard::memory() const { return impl_->need; }
std::vector<ConvertedWeights> Shard::converted() const { return impl_->weights.converted(); }
StreamUse Shard::stream_use() const { return impl_->stream ? impl_->stream->use() : StreamUse(); }
bool Shard::on_processor() const { return impl_->on_processor(); }
uint32_t Shard::computing_threads() const { return impl_->threads ? impl_->threads->threads() : 0; }
std::string Shard::threads_reason() const { return impl_->threads ? impl_->threads->reason() : ""; }
std::shared_ptr<gpu::SharedThreadUse> Shard::thread_use() const { return impl_->thread_use; }
bool Shard::reads_file() const { return impl_->reads_file(); }
bool Shard::flash_attention() const { return impl_->flash; }
uint64_t Shard::graphs_built() const { return impl_->runner->graphs_built(); }

}  // namespace exogpu::engine
