// The time of a step, by the measured rates. docs/placement.md has the formulas with their reasons.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "placement/placement.h"

namespace exogpu::placement {

inline constexpr double kNever = std::numeric_limits<double>::infinity();

// The work of one step at a stage.
struct Work {
  double tokens = 1;
  double kv_tokens = 0;  // read from the KV cache, of all sequences together
  double outputs = 1;    // tokens that get logits, one of each sequence
  double products = 0;   // the tokens whose products would take as long at the profile's rate; 0: as many as there are
};

// What a layer, or the head, takes: its products as long as the slower of its weights and their products, and the rest.
struct WorkTime {
  double weights_s = 0;   // to read them
  double products_s = 0;  // to compute with them
  double rest_s = 0;      // KV cache, states, exchanges of a group
  double total() const { return (weights_s > products_s ? weights_s : products_s) + rest_s; }
};

// The rates of the device that count for the model: those of the weight type whose width is nearest to the model's.
// Null when it has none.
const wire::WeightRates* rates_for(const wire::DeviceProfile& device, const wire::ModelShape& shape);

// The rows of the KV cache, of all sequences.
Bytes cache_rows(const wire::ModelShape& shape, const PlacementRequest& request);

// Times by the rates and links of a checked view, and memory, as far as the soft constraints allow that are not given
// up. Borrows the first three arguments, which must outlive it.
class CostModel {
 public:
  CostModel(const wire::ClusterView& view, const wire::ModelShape& shape, const PlacementRequest& request,
            GivenUp given_up = {});

  size_t devices() const { return view_->devices.size(); }
  uint32_t layers() const { return static_cast<uint32_t>(shape_->layers.size()); }
  const wire::ClusterView& view() const { return *view_; }
  const PlacementRequest& request() const { return *request_; }
  const wire::ModelShape& shape() const { return *shape_; }

  GivenUp given_up() const { return given_up_; }

  // Whether a run may begin with layer `at`, or end before it: no layer from it on attends to a cache before it, and
  // the request does not want it with the one before it.
  bool can_cut(uint32_t at) const { return cuts_[at]; }

  wire::StageMemory memory(wire::LayerRange layers) const;
  Bytes memory_free(size_t device) const { return memory_free_[device]; }
  // What a node that is short of memory leaves; all of it elsewhere.
  Bytes memory_unspared(size_t device) const;
  // Null when there is none.
  const DeviceRule* rule(size_t device, Rule rule) const;
  // Whether both devices use the memory of one host.
  bool share_memory(size_t a, size_t b) const;

  WorkTime layer(size_t device, uint32_t layer, const Work& work) const;
  WorkTime head(size_t device, const Work& work) const;
  double layer_s(size_t device, uint32_t layer, const Work& work) const {
    return this->layer(device, layer, work).total();
  }
  double head_s(size_t device, const Work& work) const { return head(device, work).total(); }
  double step_s(size_t device) const { return view_->devices[device].step_s; }
  // A step of a prompt, as Work::products: fewer tokens than the profile's products had cost more each.
  double products(size_t device, double tokens) const;

  double activation_bytes(double tokens) const { return row_bytes_ * tokens; }
  // From one device's memory to another's; kNever without a link.
  double hop_s(size_t from, size_t to, double bytes) const;
  // Whether there is a link, avoided or not.
  bool linked(size_t from, size_t to) const { return link(from, to).exists; }
  bool link_avoided(size_t from, size_t to) const { return link(from, to).avoided; }
  // Whether the nodes of both devices have equal links with all others and with each other.
  bool same_links(size_t a, size_t b) const;
  // The time for which the link itself is busy.
  double link_busy_s(size_t from, size_t to, double bytes) const;
  // The index of the device's node, in the order in which the view names them.
  size_t node(size_t device) const { return node_[device]; }

 private:
  struct Link {
    double delay_s = kNever;
    double s_per_byte = 0;
    bool exists = false, avoided = false;
    friend bool operator==(const Link&, const Link&) = default;
  };
  void add_devices();
  void add_links();
  double exchange_s(size_t device, const Work& work) const;  // of a group, in one layer
  const Link& link(size_t from, size_t to) const { return links_[node_[from] * nodes_ + node_[to]]; }

  const wire::ClusterView* view_;
  const wire::ModelShape* shape_;
  const PlacementRequest* request_;
  GivenUp given_up_;
  double row_bytes_ = 0;
  std::vector<bool> cuts_;          // before each layer, and at the end
  std::vector<Bytes> memory_free_;  // of each device
  std::vector<std::vector<const DeviceRule*>> rules_;
  std::vector<Bytes> weights_before_;  // of the layers before each one, and of all
  std::vector<Bytes> cache_before_;
  std::vector<const wire::WeightRates*> rates_;  // of each device, those of the model's weight type
  size_t nodes_ = 0;
  std::vector<size_t> node_;
  std::vector<Link> links_;  // [nodes, nodes]
};

}  // namespace exogpu::placement
