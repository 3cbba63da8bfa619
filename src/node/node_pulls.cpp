// Models that clients have pulled: at the node of the cluster that has room for them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "model/library.h"
#include "node/node_impl.h"

namespace exogpu::node {

using std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds kLook{20};
constexpr std::chrono::seconds kReportWithin{5};

// Of the disk with the folder, or with what it will be in.
std::optional<Bytes> bytes_free(std::filesystem::path folder) {
  if (folder.empty()) return std::nullopt;
  std::error_code error;
  while (!std::filesystem::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  const auto space = std::filesystem::space(folder, error);
  return error ? std::nullopt : std::optional<Bytes>(space.available);
}

// The first file of a model of the models folder. Empty: there is none of this name.
std::filesystem::path file_of(const std::filesystem::path& folder, const std::string& name) {
  const auto entries = model::Library(folder).list();
  if (!entries) return {};
  const auto found = std::ranges::find(*entries, name, &model::LibraryEntry::name);
  std::error_code error;
  return found == entries->end() ? std::filesystem::path() : std::filesystem::canonical(found->files.front(), error);
}

}  // namespace

// What waits for the library to have a file. Of the node's thread, but for `done`, and the rest once that is true.
struct Node::Impl::LibraryLook {
  std::filesystem::path file;
  steady_clock::time_point until;
  std::string name;
  std::atomic<bool> done = false;
};

void Node::Impl::make_pulls() {
  cluster_pulls_.emplace(
      self(), *peers_,
      ClusterPullsHost{.now = [] { return steady_clock::now(); },
                       .post = [this](auto task) { loop_.post(std::move(task)); },
                       .state = [this]() -> const wire::ReplicatedState& { return agent_->state(); },
                       .bytes_free = [this] { return options_.pull ? bytes_free(options_.models) : std::nullopt; },
                       .fetch = [this](const std::string& source, auto listener,
                                       auto cancel) { fetches_.add(source, std::move(listener), std::move(cancel)); },
                       .on_change = [this] { status_->set_changed(); }});
}

// --- any thread but the node's

// Returns when the cluster knows what the folder holds now, or when that takes too long: the name by which requests can
// name the model of this name in the folder.
std::string Node::Impl::await_library(const std::string& pulled, const std::stop_token& stop) {
  const auto look =
      std::make_shared<LibraryLook>(file_of(options_.models, pulled), steady_clock::now() + kReportWithin, pulled);
  loop_.post([this, look] {
    library_->set_changed();
    look_at_library(look);
  });
  while (!look->done && !stop.stop_requested()) std::this_thread::sleep_for(kLook);
  return look->done ? look->name : pulled;
}

void Node::Impl::look_at_library(const std::shared_ptr<LibraryLook>& look) {
  library_->tick(steady_clock::now());
  const auto& nodes = agent_->state().nodes;
  const auto own = nodes.find(self());
  const bool reported = library_->up_to_date() && own != nodes.end() && own->second.library == library_->facts();
  if (!reported && steady_clock::now() < look->until) {
    return loop_.post_after(kLook, [this, look] { look_at_library(look); });
  }
  const auto model = std::ranges::find(library_->models(), look->file, &OwnModel::path);
  if (model != library_->models().end()) look->name = model->facts.model;
  update_requests();
  look->done = true;
}

// Returns once requests at this node can name the model, whichever node has its files.
Result<std::string> Node::Impl::pull_in_cluster(const std::string& source, const ClusterPulls::Progress& progress,
                                                const std::stop_token& stop) {
  Bytes bytes = 0;
  if (options_.pull_bytes) {
    EXO_TRY(bytes, options_.pull_bytes(source, stop));
  }
  EXO_TRY(std::string name, cluster_pulls_->pull(source, bytes, progress, stop));
  const auto until = steady_clock::now() + kReportWithin;
  while (!std::ranges::contains(requests_->models(), name, &ModelEntry::id) && steady_clock::now() < until &&
         !stop.stop_requested()) {
    std::this_thread::sleep_for(kLook);
  }
  return name;
}

}  // namespace exogpu::node
