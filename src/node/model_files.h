// The part of a node that has models: the file that it was given, those of its library that are loaded, the weights
// that it fetches for its stages, the spare weights, and the tokenizers of the models that are served.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cluster/detector.h"
#include "model/chat_template.h"
#include "model/gguf.h"
#include "node/cluster_snapshot.h"
#include "node/dispatch.h"
#include "node/model_offer.h"
#include "node/serving_gate.h"
#include "weights/catalogue.h"
#include "weights/exchange.h"
#include "wire/cluster_log.h"
#include "wire/group_start.h"

namespace exogpu::node {

using SharedGguf = std::shared_ptr<const model::Gguf>;

struct ModelFilesOptions {
  SharedGguf file;                                     // that this node was given; null: none
  std::optional<model::TemplateText> chat_template{};  // instead of the one in that file; without it, in any model's
  std::shared_ptr<weights::WeightCache> cache;
  std::filesystem::path manifests;                   // folder of what is known about files
  std::optional<wire::ServedModel> offered_model{};  // of the own file, where the cluster is to serve it
  bool joins = false;                                // the offer leaves the settings to the cluster: see ModelOffer
  bool spare = true;                                 // fetch all of each model when the node is idle
};

struct ModelFilesHost {
  // Runs a task on the node's thread, later; from any thread. And on another thread, later.
  std::function<void(std::move_only_function<void()>)> post;
  std::function<void(std::move_only_function<void()>)> in_background;
  std::function<void()> on_own_content;  // the own file was read; proposal() may have something
  // An own file is not what it was when it was opened: unavailable, naming the file. Once; it is not used any more.
  std::function<void(const Error&)> on_own_file_changed;
  std::function<void()> on_encoder;  // an encoder() is another, or is needed again
  std::function<void(const std::string&)> note;
  std::function<std::string(wire::NodeId)> name_of{};  // for the log
  std::function<void()> on_complete{};                 // the cache may have another model that is complete
};

// On the node's thread. The host runs no task of it after it is destroyed; stop() is called before.
class ModelFiles {
 public:
  ModelFiles(ModelFilesOptions options, ModelFilesHost host);

  void register_handlers(Dispatch& dispatch);
  // Reads the own file whole, on another thread: once for each file, since the manifests' folder remembers it.
  void start();
  // Ends what is in flight.
  void stop();
  // Another file of this node, which was read whole: other nodes get it from here, and stages here compute from it.
  // A fetch of its layers that is in flight ends with it.
  void add_file(const std::shared_ptr<const weights::Content>& content);
  // A model of the cache: other nodes get it from here.
  void offer(std::shared_ptr<const weights::Content> content) { exchange_.offer(std::move(content)); }
  // An own file, or what the cache has of this content, is about to be removed; the cluster does not serve it.
  void forget(const std::filesystem::path& file, const std::string& content);
  bool has_file(const std::string& content) const { return own_files_.contains(content); }
  // Whether this is the own file, and it is being read.
  bool reading(const std::filesystem::path& file) const;

  void on_link_up(wire::NodeId peer, net::Channel& channel) { exchange_.peer_connected(peer, channel); }
  void on_link_down(wire::NodeId peer) { exchange_.peer_lost(peer); }
  void on_writable(wire::NodeId peer, net::Lane lane) { exchange_.on_writable(peer, lane); }
  // To be called about twice a second. Withdraws an own file once it has changed, as fetch() does; its layers are then
  // fetched from other nodes.
  void tick(cluster::Time now);

  // Gets a file with the tensors of these layers; with no layers, of the headers alone. `done` is called later, once,
  // unless another call for the same model replaces this one before. Errors: those of weights::WeightExchange::fetch().
  void fetch(const wire::StagePlan& plan, wire::LayerRange layers, std::function<void(Bytes, Bytes)> progress,
             std::function<void(Result<SharedGguf>)> done);
  // The same for a member of another node's group. Errors: also failed_precondition, while other parts of the model are
  // being fetched.
  void fetch_for_member(const wire::MemberLoad& part, std::function<void(Result<SharedGguf>)> done);
  // While `idle`, fetches what is missing of the served models, of each if twice its size fits into the cache, so that
  // this node can continue when others are lost. Otherwise stops fetching. Forgets models that are no longer served.
  void update_spare(const wire::ReplicatedState& state, bool idle, cluster::Time now);

  // Loads the tokenizer of this model from its headers, in the background.
  void load_encoder(const std::string& content, SharedGguf file);
  // That of the model with this content id.
  EncoderStatus encoder(const std::string& content) const;

  // See ModelOffer.
  std::optional<wire::ModelSet> proposal(const wire::ReplicatedState& state, const wire::Term& term,
                                         cluster::Time now) {
    return offer_.proposal(state, term, now);
  }

  // Logs once that the cluster serves the model of the own file.
  void compare_own_model(const wire::ReplicatedState& state);

  WeightTraffic traffic() const;

 private:
  bool reading() const { return options_.file && own_content_.empty() && !unreadable_; }
  void check_own_files();
  SharedGguf own_file(const std::string& content) const;
  void on_fetched(const wire::StagePlan& plan, const std::shared_ptr<weights::PartialModel>& model);
  Result<SharedGguf> file_of(const Result<std::shared_ptr<weights::PartialModel>>& model);
  void on_own_content(const Result<std::shared_ptr<const weights::Content>>& content);
  const wire::ModelRecord* next_spare(const wire::ReplicatedState& state) const;
  void fetch_spare(const wire::StagePlan& plan, const wire::ContentId& content);

  ModelFilesOptions options_;
  ModelFilesHost host_;
  weights::WeightExchange exchange_;
  ModelOffer offer_;
  std::optional<weights::Measuring> measuring_;  // the own file
  std::string own_content_;                      // of it, once it was read
  bool unreadable_ = false;                      // the own file
  std::map<std::string, SharedGguf> own_files_;  // by content id, all that were read whole
  bool compared_ = false;
  std::map<std::string, weights::Fetching> fetching_;                       // by content id
  std::map<std::string, std::function<void(Result<SharedGguf>)>> waiting_;  // for those, likewise
  std::map<std::string, weights::Fetching> for_members_;                    // by content id
  weights::Fetching spare_;
  std::set<std::string> spare_contents_;  // of which everything is here
  cluster::Time spare_at_{};              // not before
  std::map<std::string, EncoderStatus> encoders_;
};

}  // namespace exogpu::node
