#include "placement/cost.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace exogpu::placement {
namespace {

// The share of experts that the tokens of a step need, if each token chooses its experts at random.
double share_read(double used_share, double tokens) {
  return used_share >= 1 ? 1 : 1 - std::pow(1 - used_share, std::max(tokens, 1.0));
}

}  // namespace

// Nearest as a ratio: narrow types need more work per byte.
const wire::WeightRates* rates_for(const wire::DeviceProfile& device, const wire::ModelShape& shape) {
  auto distance = [&](const wire::WeightRates& r) {
    return std::abs(std::log(r.bits_per_weight / shape.bits_per_weight));
  };
  const auto found = std::ranges::min_element(device.rates, {}, distance);
  return found == device.rates.end() ? nullptr : &*found;
}

Bytes cache_rows(const wire::ModelShape& shape, const PlacementRequest& request) {
  const Bytes granularity = shape.context_granularity;
  const auto whole = [granularity](Bytes tokens) { return (tokens + granularity - 1) / granularity * granularity; };
  if (request.serving.pool_tokens > 0) return whole(request.serving.pool_tokens);
  return whole(request.serving.context) * request.serving.sequences;
}

CostModel::CostModel(const wire::ClusterView& view, const wire::ModelShape& shape, const PlacementRequest& request,
                     GivenUp given_up)
    : view_(&view), shape_(&shape), request_(&request), given_up_(given_up) {
  row_bytes_ = static_cast<double>(wire::row_bytes(request.serving.activations, shape.activation_width).value_or(0));
  const Bytes rows = cache_rows(shape, request);
  weights_before_ = {0};
  cache_before_ = {0};
  for (const wire::LayerShape& layer : shape.layers) {
    weights_before_.push_back(weights_before_.back() + layer.weight_bytes);
    cache_before_.push_back(cache_before_.back() + layer.kv_bytes_per_token * rows +
                            layer.state_bytes * request.serving.sequences);
  }
  cuts_.assign(shape.layers.size() + 1, true);
  for (size_t l = 0; l < shape.layers.size(); ++l) cuts_[l] = !shape.layers[l].joined_to_previous;
  for (const wire::LayerRange& range : request.together) {
    for (uint32_t l = range.begin + 1; l < range.end; ++l) cuts_[l] = false;
  }
  add_devices();
  add_links();
}

void CostModel::add_devices() {
  std::map<wire::NodeId, size_t> nodes;
  std::map<wire::DeviceRef, size_t> devices;
  for (const wire::DeviceProfile& device : view_->devices) {
    devices.emplace(device.id, devices.size());
    node_.push_back(nodes.try_emplace(device.id.node, nodes.size()).first->second);
    rates_.push_back(rates_for(device, *shape_));
    memory_free_.push_back(given_up_.has(Soft::memory) ? device.memory_free : memory_unspared(memory_free_.size()));
  }
  nodes_ = nodes.size();
  rules_.resize(devices.size());
  for (const DeviceRule& rule : request_->rules) {
    const auto device = devices.find(rule.device);
    if (device != devices.end()) rules_[device->second].push_back(&rule);
  }
}

void CostModel::add_links() {
  std::map<wire::NodeId, size_t> nodes;
  for (size_t d = 0; d < devices(); ++d) nodes.emplace(view_->devices[d].id.node, node_[d]);
  links_.resize(nodes_ * nodes_);
  for (size_t i = 0; i < nodes_; ++i) links_[i * nodes_ + i] = {.delay_s = 0, .exists = true};
  for (const wire::LinkProfile& profile : view_->links) {
    auto from = nodes.find(profile.from), to = nodes.find(profile.to);
    if (from == nodes.end() || to == nodes.end() || from == to) continue;
    const auto pair = std::minmax(profile.from, profile.to);
    Link& link = links_[from->second * nodes_ + to->second];
    link.exists = true;
    link.avoided = request_->links_avoided.contains({pair.first, pair.second});
    link.delay_s = link.avoided && !given_up_.has(Soft::link) ? kNever : profile.delay_s;
    link.s_per_byte = 1 / profile.bytes_per_s;
  }
}

Bytes CostModel::memory_unspared(size_t device) const {
  const Bytes free = view_->devices[device].memory_free;
  const auto spared = request_->memory_spared.find(view_->devices[device].id);
  return spared == request_->memory_spared.end() ? free : free - std::min(free, spared->second);
}

const DeviceRule* CostModel::rule(size_t device, Rule rule) const {
  const auto found = std::ranges::find(rules_[device], rule, &DeviceRule::rule);
  return found == rules_[device].end() ? nullptr : *found;
}

wire::StageMemory CostModel::memory(wire::LayerRange layers) const {
  bool first = layers.begin == 0;
  bool last = layers.end == shape_->layers.size();
  wire::StageMemory need;
  need.weights = weights_before_[layers.end] - weights_before_[layers.begin];
  if (first) need.weights += shape_->embedding_bytes;
  if (last) need.weights += shape_->head_bytes;
  if (first && last) need.weights -= shape_->ends_shared_bytes;
  need.cache = cache_before_[layers.end] - cache_before_[layers.begin];
  need.compute = shape_->compute_bytes + (last ? shape_->head_compute_bytes : 0);
  return need;
}

bool CostModel::share_memory(size_t a, size_t b) const {
  const auto& devices = view_->devices;
  return a != b && node_[a] == node_[b] && devices[a].uses_host_memory && devices[b].uses_host_memory;
}

WorkTime CostModel::layer(size_t device, uint32_t layer, const Work& work) const {
  const wire::LayerShape& l = shape_->layers[layer];
  const auto all = static_cast<double>(l.weight_bytes), active = static_cast<double>(l.active_weight_bytes);
  const double share = shape_->experts_used_share;
  const double experts = share < 1 ? std::min((all - active) / (1 - share), all) : 0;
  const double read = std::min(all, all - experts + experts * share_read(share, work.tokens));
  const double weights_s = read / rates_[device]->matvec_bytes_per_s;
  double attended = work.kv_tokens / work.outputs;  // by each token, in its sequence
  if (l.window > 0) attended = std::min(attended, static_cast<double>(l.window));
  const double products = work.products > 0 ? work.products : work.tokens;
  const double compute_s =
      (l.flops_per_token + l.attention_flops * attended) * products / rates_[device]->matmul_flops_per_s;
  const double cache_s =
      static_cast<double>(l.kv_bytes_per_token) * attended * work.outputs / view_->devices[device].memory_bytes_per_s;
  // A step reads and writes the present state of each sequence, which is most of the bytes; it has an output for each.
  const double states_s = static_cast<double>(l.state_bytes) * work.outputs / view_->devices[device].memory_bytes_per_s;
  return {.weights_s = weights_s, .products_s = compute_s, .rest_s = cache_s + states_s + exchange_s(device, work)};
}

double CostModel::products(size_t device, double tokens) const {
  constexpr double measured = 512;
  const double fixed = view_->devices[device].fixed_columns;
  return (tokens + fixed) * measured / (measured + fixed);
}

// Each of the two outputs of a layer is exchanged in F32, for each token.
double CostModel::exchange_s(size_t device, const Work& work) const {
  const wire::DeviceProfile& group = view_->devices[device];
  if (group.exchange_bytes_per_s == 0) return group.exchange_s;
  const double bytes = 2.0 * sizeof(float) * shape_->activation_width * work.tokens;
  return std::max(group.exchange_s, bytes / group.exchange_bytes_per_s);
}

WorkTime CostModel::head(size_t device, const Work& work) const {
  const double weights_s = static_cast<double>(shape_->head_bytes) / rates_[device]->matvec_bytes_per_s;
  return {.weights_s = weights_s,
          .products_s = shape_->head_flops_per_token * work.outputs / rates_[device]->matmul_flops_per_s};
}

double CostModel::hop_s(size_t from, size_t to, double bytes) const {
  const Link& way = link(from, to);
  return bytes / view_->devices[from].download_bytes_per_s + way.delay_s + bytes * way.s_per_byte +
         bytes / view_->devices[to].upload_bytes_per_s;
}

bool CostModel::same_links(size_t a, size_t b) const {
  const size_t x = node_[a], y = node_[b];
  for (size_t other = 0; other < nodes_; ++other) {
    if (other == x || other == y) continue;
    if (links_[x * nodes_ + other] != links_[y * nodes_ + other]) return false;
    if (links_[other * nodes_ + x] != links_[other * nodes_ + y]) return false;
  }
  return links_[x * nodes_ + y] == links_[y * nodes_ + x];
}

double CostModel::link_busy_s(size_t from, size_t to, double bytes) const { return bytes * link(from, to).s_per_byte; }

}  // namespace exogpu::placement
