#include "node/join_by_approval.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <format>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "net/mdns/discovery.h"
#include "node/host_name.h"
#include "node/nearby.h"
#include "node/pairing_call.h"
#include "security/identity_store.h"
#include "security/pairing/store.h"

namespace exogpu::node {
namespace {

using security::PairingCode;
using wire::CodeFrom;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kMoment{100};
constexpr std::chrono::seconds kBetweenCalls{1};
// For so long one device must be the only one that admits a newcomer: the announcement of a second one may be in
// flight.
constexpr std::chrono::milliseconds kAlone{500};
constexpr std::chrono::seconds kNobodySeen{5};  // after which that is shown

// A device to call.
struct Approver {
  std::string name;
  std::vector<Address> addresses;
};

class Newcomer {
 public:
  explicit Newcomer(const JoinByApproval& options) : options_(&options) {}

  Result<std::string> run() {
    EXO_CHECK(look_around());
    while (true) {
      if (options_->stop && options_->stop()) {
        return fail(ErrorCode::cancelled, "stopped before anybody let this device in");
      }
      EXO_CHECK(keep_code());
      if (const auto found = approver(); found && Clock::now() >= call_at_) {
        EXO_TRY(const bool joined, call(*found));
        if (joined) return found->name;
      }
      io_.run_for(kMoment);
    }
  }

 private:
  Result<void> look_around() {
    if (options_->at) return {};
    const auto seen = [this](const net::DiscoveredNode& node) { nodes_[node.announcement.node] = node; };
    auto started = net::Discovery::start(io_.get_executor(), std::nullopt,
                                         {.on_found = seen,
                                          .on_changed = seen,
                                          .on_gone = [this](wire::NodeId node) { nodes_.erase(node); },
                                          .on_trouble = [this](const Error& why) { tell(why.message); }});
    if (!started) {
      return fail(started.error().code, "{}; name a device of the cluster with --node HOST:PORT",
                  started.error().message);
    }
    discovery_ = *std::move(started);
    return {};
  }

  // Each once, until another text was shown.
  void tell(const std::string& text) {
    if (std::exchange(last_shown_, text) != text && options_->show_text) options_->show_text(text);
  }

  Result<void> keep_code() {
    const auto now = Clock::now();
    if (code_ && now < expires_) return {};
    if (code_) tell("The code has expired; the next:");
    EXO_TRY(PairingCode drawn, PairingCode::random());
    code_ = std::move(drawn);
    expires_ = now + security::kPairingLifetime;
    options_->show(*code_);
    return {};
  }

  // The one device that lets somebody in by the other's code. With several, a guess might be taken from somebody else.
  std::optional<Approver> approver() {
    if (options_->at) return Approver{.name = options_->at->host, .addresses = {*options_->at}};
    std::vector<net::DiscoveredNode> approving, showing;
    for (const auto& [id, node] : nodes_) {
      if (node.announcement.pairing == CodeFrom::newcomer) approving.push_back(node);
      if (node.announcement.pairing == CodeFrom::member) showing.push_back(node);
    }
    if (approving.size() > 1) {
      tell(std::format("Several devices let one in now: {}. Name the right one with --node HOST:PORT",
                       names_of(approving)));
    } else if (approving.empty() && !showing.empty()) {
      tell(std::format("{} shows a code itself; to type that one here: exogpu join CODE",
                       showing.front().announcement.name));
    } else if (nodes_.empty() && Clock::now() > begun_ + kNobodySeen) {
      tell("No node of exogpu is seen on this network yet; `exogpu doctor` may tell why");
    }
    if (approving.size() != 1) {
      alone_.reset();
      return std::nullopt;
    }
    if (alone_ != approving.front().announcement.node) {
      alone_ = approving.front().announcement.node;
      call_at_ = std::max(call_at_, Clock::now() + kAlone);
    }
    Approver found{.name = approving.front().announcement.name, .addresses = {}};
    for (const std::string& address : approving.front().addresses) {
      found.addresses.push_back({.host = address, .port = approving.front().announcement.port});
    }
    return found;
  }

  // Whether it let this device in.
  Result<bool> call(const Approver& to) {
    const net::PairingCall call{.code = *code_, .from = CodeFrom::newcomer, .name = host_name()};
    net::PairingEnd end = call_for_pairing(call, to.addresses, options_->stop);
    call_at_ = Clock::now() + kBetweenCalls;
    if (end.membership) {
      EXO_CHECK(security::IdentityStore(options_->state, options_->key_passphrase).adopt(*end.membership, true));
      return true;
    }
    const Error& why = end.membership.error();
    if (end.guessed) {
      EXO_CHECK(count_wrong());
      last_shown_.clear();
      tell(std::format("{}: {}. The next code:", to.name, why.message));
      code_.reset();
      return false;
    }
    // On the network it is seen when a device approves, so this one has only just ended.
    const bool waits = why.code == ErrorCode::failed_precondition && !options_->at;
    if (!waits && why.code != ErrorCode::cancelled) tell(std::format("{}: {}", to.name, why.message));
    return false;
  }

  Result<void> count_wrong() {
    const auto now = Clock::now();
    wrong_.push_back(now);
    while (wrong_.front() <= now - security::kWrongGuessesWithin) wrong_.pop_front();
    if (wrong_.size() < security::kWrongGuessesMax) return {};
    return fail(ErrorCode::resource_exhausted,
                "{} codes were wrong within {} minutes; somebody may be guessing. Look who else is on this network, or "
                "join with a token (`exogpu token` on a device of the cluster)",
                wrong_.size(), security::kWrongGuessesWithin.count() / 60);
  }

  const JoinByApproval* options_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keeps_waiting_{io_.get_executor()};
  std::map<wire::NodeId, net::DiscoveredNode> nodes_;
  std::unique_ptr<net::Discovery> discovery_;
  std::optional<PairingCode> code_;
  Clock::time_point begun_ = Clock::now(), expires_, call_at_;
  std::optional<wire::NodeId> alone_;  // the device that was the only one when it was last looked
  std::deque<Clock::time_point> wrong_;
  std::string last_shown_;
};

}  // namespace

Result<std::string> join_by_approval(const JoinByApproval& options) { return Newcomer(options).run(); }

}  // namespace exogpu::node
