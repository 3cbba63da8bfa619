#include "engine/runner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "engine/graph/order.h"

namespace exogpu::engine {
namespace {

// Enough for a decode step, a prompt chunk and a few mixtures; each costs only the graph's nodes.
constexpr size_t cached_graphs_max = 6;

template <typename T>
void set(ggml_tensor* t, std::span<const T> data) {
  // An input that no node of this graph reads has no memory.
  if (t != nullptr && t->buffer != nullptr) ggml_backend_tensor_set(t, data.data(), 0, data.size_bytes());
}

// The CPU has every operation; others would end the program at one that they lack.
Result<void> check_operations(const Graph& graph, ggml_backend_dev_t device) {
  if (ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU) return {};
  for (int i = 0; i < ggml_graph_n_nodes(graph.nodes); ++i) {
    const ggml_tensor* node = ggml_graph_node(graph.nodes, i);
    if (ggml_backend_dev_supports_op(device, node)) continue;
    return fail(ErrorCode::unsupported, "{} cannot compute {} as this model needs it; run it on the CPU (--device cpu)",
                ggml_backend_dev_name(device), ggml_op_desc(node));
  }
  return {};
}

}  // namespace

Result<Bytes> Runner::measure(const GraphSource& source, std::span<const BatchShape> largest,
                              ggml_backend_dev_t device) {
  ggml_gallocr_ptr allocator(ggml_gallocr_new(ggml_backend_dev_buffer_type(device)));
  Bytes most = 0;
  for (const BatchShape& shape : largest) {
    Graph graph = build_graph(source, shape);
    EXO_CHECK(check_operations(graph, device));
    size_t bytes = 0;
    ggml_gallocr_reserve_n_size(allocator.get(), graph.nodes, nullptr, nullptr, &bytes);
    most = std::max<Bytes>(most, bytes);
  }
  return most;
}

Runner::Runner(const GraphSource& source, std::span<const BatchShape> largest, ggml_backend_t backend,
               const SegmentRule& rule)
    : source_(source), largest_(largest.begin(), largest.end()), backend_(backend), rule_(rule) {}

// A new allocator with memory for the largest batches. Precondition: no graph of the previous one is cached.
Result<void> Runner::reserve() {
  cached_graphs_.clear();
  allocator_.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend_)));
  for (const BatchShape& shape : largest_) {
    const CachedGraph cached = build(shape);
    if (!ggml_gallocr_reserve(allocator_.get(), cached.graph.nodes))
      return fail(ErrorCode::out_of_memory,
                  "the compute buffers could not be allocated; use a smaller batch (--batch)");
  }
  reserved_ = ggml_gallocr_get_buffer_size(allocator_.get(), 0);
  return {};
}

Result<Runner> Runner::create(const GraphSource& source, std::span<const BatchShape> largest, size_t result_floats,
                              ggml_backend_t backend, const SegmentRule& rule) {
  Runner runner(source, largest, backend, rule);
  EXO_CHECK(runner.reserve());
  size_t mask_elements = 0;
  for (const BatchShape& shape : largest)
    for (const SlotGroup& g : shape.groups) mask_elements = std::max(mask_elements, size_t{g.rows} * g.all_tokens());
  runner.mask_.reserve(mask_elements);
  runner.cached_graphs_.reserve(cached_graphs_max);

  ggml_backend_dev_t device = ggml_backend_get_device(backend);
  ggml_backend_buffer_type_t host = ggml_backend_dev_host_buffer_type(device);
  if (host == nullptr) host = ggml_backend_cpu_buffer_type();
  runner.result_buffer_.reset(ggml_backend_buft_alloc_buffer(host, result_floats * sizeof(float)));
  if (runner.result_buffer_ == nullptr)
    return fail(ErrorCode::out_of_memory, "no {} of host memory for the results",
                format_bytes(result_floats * sizeof(float)));
  runner.result_ = {static_cast<float*>(ggml_backend_buffer_get_base(runner.result_buffer_.get())), result_floats};
  return runner;
}

Runner::CachedGraph Runner::build(const BatchShape& shape) const {
  CachedGraph built{.graph = build_graph(source_, shape), .divided = {}};
  built.divided = segments_of(built.graph, rule_);
  if (built.divided.segments.size() == 1) order_operations(built.graph, backend_);
  return built;
}

Result<Runner::CachedGraph*> Runner::graph_for(const BatchShape& shape) {
  ++clock_;
  for (CachedGraph& k : cached_graphs_) {
    if (k.graph.shape != shape) continue;
    k.last_used = clock_;
    return &k;
  }
  if (cached_graphs_.size() == cached_graphs_max)
    cached_graphs_.erase(std::ranges::min_element(cached_graphs_, {}, &CachedGraph::last_used));
  cached_graphs_.push_back(build(shape));
  cached_graphs_.back().last_used = clock_;
  ++graphs_built_;
  Graph& graph = cached_graphs_.back().graph;
  if (!ggml_gallocr_alloc_graph(allocator_.get(), graph.nodes)) {
    // The allocator has freed its memory and would not notice this at the next graph.
    EXO_CHECK(reserve());
    return fail(ErrorCode::out_of_memory, "the compute buffers for {} tokens could not be allocated", shape.tokens);
  }
  // The graphs share one buffer. If it had to grow, it moved, and the others point into memory that is gone.
  if (Bytes now = ggml_gallocr_get_buffer_size(allocator_.get(), 0); now != reserved_) {
    reserved_ = now;
    cached_graphs_.erase(cached_graphs_.begin(), cached_graphs_.end() - 1);
  }
  return &cached_graphs_.back();
}

void Runner::fill_masks(std::span<ggml_tensor* const> masks, std::span<const SlotGroup> groups,
                        std::span<const int32_t> positions, const SlidingWindow& sliding) {
  for (size_t i = 0; i < masks.size(); ++i) {
    const SlotGroup& group = groups[i];
    if (masks[i]->buffer != nullptr) {
      mask_.resize(size_t{group.rows} * group.all_tokens());
      fill_mask(group, positions.first(group.all_tokens()), sliding, source_.architecture.causal, mask_);
      set<uint16_t>(masks[i], mask_);
    }
    positions = positions.subspan(group.all_tokens());
  }
}

// In text the axes of time, height and width agree, and the fourth is 0.
void Runner::fill_positions(const AttentionInputs& in, std::span<const int32_t> positions) {
  const Architecture& a = source_.architecture;
  if (a.rope.has_axes()) {
    axes_.assign(GGML_MROPE_SECTIONS * positions.size(), 0);
    for (size_t axis = 0; axis < 3; ++axis)
      std::ranges::copy(positions, axes_.begin() + static_cast<std::ptrdiff_t>(axis * positions.size()));
    set<int32_t>(in.positions, axes_);
  } else {
    set<int32_t>(in.positions, positions);
  }
  if (in.query_scales == nullptr) return;
  const QueryTemperature& t = a.temperature;
  scales_.clear();
  for (const int32_t position : positions) {
    const float steps = std::floor((static_cast<float>(position) + t.offset) / static_cast<float>(t.length));
    scales_.push_back(1.0F + t.scale * std::log(1.0F + steps));
  }
  set<float>(in.query_scales, scales_);
}

void Runner::fill(const AttentionInputs& in, std::span<const SlotGroup> groups, std::span<const int32_t> positions) {
  fill_positions(in, positions);
  fill_masks(in.masks, groups, positions, {});
  fill_masks(in.sliding_masks, groups, positions, source_.architecture.sliding);
}

void Runner::fill(const Graph& graph, const BatchPlan& plan, const RunnerInput& input) {
  const GraphInputs& in = graph.inputs;
  set<int32_t>(in.tokens, input.tokens);
  // A prompt's chunk is megabytes, which a GPU copies by itself faster than the processor writes into its memory.
  if (input.activations.size_bytes() < 256 * KiB) {
    set<float>(in.activations, input.activations);
  } else {
    ggml_backend_tensor_set_async(backend_, in.activations, input.activations.data(), 0,
                                  input.activations.size_bytes());
  }
  set<int64_t>(in.cache_rows, plan.cache_rows);
  if (in.slot_numbers != nullptr) {
    slots_.resize(static_cast<size_t>(in.slot_numbers->ne[0]));
    std::iota(slots_.begin(), slots_.end(), 0);
    set<int32_t>(in.slot_numbers, slots_);
  }
  fill(in.attention, plan.shape.groups, plan.positions);
  if (in.output_rows == nullptr) return;
  set<int32_t>(in.output_rows, plan.output_rows);
  fill(in.output_attention, plan.shape.output_groups, plan.output_positions);
}

Result<void> Runner::compute(const CachedGraph& cached, std::span<SegmentHooks* const> hooks) {
  for (const Segment& segment : cached.divided.segments) {
    for (SegmentHooks* each : hooks) EXO_CHECK(each->before(segment));
    const ggml_status status = ggml_backend_graph_compute_async(backend_, segment.nodes);
    if (status != GGML_STATUS_SUCCESS)
      return fail(status == GGML_STATUS_ALLOC_FAILED ? ErrorCode::out_of_memory : ErrorCode::unavailable,
                  "{} could not compute: {}", ggml_backend_name(backend_), ggml_status_to_string(status));
    for (SegmentHooks* each : hooks) EXO_CHECK(each->after(segment));
  }
  return {};
}

Result<std::span<const float>> Runner::run(const BatchPlan& plan, const RunnerInput& input, std::span<float> into,
                                           std::span<SegmentHooks* const> hooks) {
  EXO_TRY(const CachedGraph* cached, graph_for(plan.shape));
  const Graph* graph = &cached->graph;
  const size_t floats = graph->result == nullptr ? 0 : static_cast<size_t>(ggml_nelements(graph->result));
  if (into.empty()) into = result_;
  if (into.size() < floats)
    return fail(ErrorCode::invalid_argument, "a result of {} numbers does not go into {}", floats, into.size());
  fill(*graph, plan, input);
  if (auto computed = compute(*cached, hooks); !computed) {
    ggml_backend_synchronize(backend_);
    return std::unexpected(std::move(computed).error());
  }
  const std::span<float> result = into.first(floats);
  if (floats > 0) ggml_backend_tensor_get_async(backend_, graph->result, result.data(), 0, result.size_bytes());
  ggml_backend_synchronize(backend_);
  return result;
}

}  // namespace exogpu::engine
