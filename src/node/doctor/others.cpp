#include "node/doctor/others.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <utility>

#include "base/assert.h"
#include "base/utf8.h"

namespace exogpu::node {
namespace {

using net::Reached;

// How far a visit got; the further, the more it shows.
int progress(const net::Visit& visit) {
  if (visit.hello) return *visit.hello ? 9 : 8;
  if (visit.identity) return *visit.identity ? 7 : 6;
  switch (visit.reached) {
    case Reached::yes: return 5;
    case Reached::refused: return 4;
    case Reached::timed_out: return 3;
    case Reached::forbidden: return 2;
    case Reached::host_unreachable: return 1;
    case Reached::no_route: break;
  }
  return 0;
}

class Judge {
 public:
  Judge(const std::string& name, const std::optional<net::Announcement>& announcement, const Visited& best,
        const Here& here, Level alien)
      : name_(name), announcement_(announcement), best_(best), here_(here), alien_(alien) {}

  Finding judge() const {
    if (best_.visit.reached != Reached::yes) return not_reached();
    const auto& shown = *best_.visit.identity;
    if (!shown) {
      return says(Level::problem, std::format("something answers there, but {}", about(shown.error())),
                  "nodes listen at port 7766 unless --listen says otherwise; the API has another port than the nodes");
    }
    if (here_.identity == nullptr) {
      return says(Level::note, std::format("a node of the cluster {}", shown->cluster.short_text()), how_to_join());
    }
    if (shown->node == here_.identity->node()) return own_identity();
    if (shown->cluster != here_.identity->cluster()) return another_cluster(*shown);
    if (const auto clocks = dates(*shown)) return *clocks;
    return greeted();
  }

 private:
  Finding own_identity() const {
    if (here_.node_runs) return says(Level::ok, "this device's own node, which answers");
    return says(Level::problem,
                "it has this device's identity, and no node runs here: the disk or the state folder of one of the two "
                "is a copy of the other's",
                std::format("give one of the two an identity of its own: remove its state folder (here: {}) and run "
                            "`exogpu join` there",
                            here_.state.string()));
  }

  Finding says(Level level, const std::string& what, std::string remedy = {}) const {
    const auto at = std::format("{} port {}", best_.address, best_.port);
    return {level, "other",
            std::format("{}: {}", name_ == best_.address ? at : std::format("{} ({})", name_, at), what),
            std::move(remedy)};
  }

  // Without the address, which stands before it already.
  std::string about(const Error& error) const {
    const auto prefix = std::format("{} port {}: ", best_.address, best_.port);
    const std::string_view message = error.message;
    return printable(message.starts_with(prefix) ? message.substr(prefix.size()) : message);
  }

  std::string how_to_join() const {
    return std::format("to make this device part of it: `exogpu join` here, and `exogpu approve CODE` on {}",
                       announcement_ && announcement_->lets_in ? name_ : "another device of its cluster");
  }

  Finding not_reached() const {
    switch (best_.visit.reached) {
      case Reached::refused:
        return says(
            Level::problem, "the device answers, but nothing listens at this port",
            "start `exogpu serve` there, or name the port that it listens on; a firewall there may also refuse");
      case Reached::timed_out:
        return says(
            Level::problem, "nothing comes back: a firewall there drops connections to this port, or the device is off",
            std::format("on {0}: sudo ufw allow {1}/tcp, or sudo firewall-cmd --add-port={1}/tcp; on a Wi-Fi for "
                        "guests, which keeps its devices apart, use another network",
                        name_, best_.port));
      case Reached::forbidden:
        return says(Level::problem, std::format("this device does not let itself connect ({})", best_.visit.error_text),
                    std::format("a firewall on this device forbids it: allow outgoing TCP to port {}", best_.port));
      case Reached::host_unreachable:
      case Reached::no_route: break;
      case Reached::yes: EXO_ASSERT(false, "an address that was reached has no problem"); break;
    }
    if (in_own_network(here_.interfaces, best_.address)) {
      return says(Level::problem, std::format("no device answers at this address ({})", best_.visit.error_text),
                  "the device is off or has another address now, or a firewall there rejects connections to this port");
    }
    return says(Level::problem,
                std::format("its address is in no network of this device ({}); this device has {}",
                            best_.visit.error_text, own_addresses_text(here_.interfaces)),
                "connect both to the same network, so that both get their addresses from the same router");
  }

  Finding another_cluster(const net::Shown& shown) const {
    return says(alien_,
                std::format("is of another cluster ({}), this device is of {}", shown.cluster.short_text(),
                            here_.identity->cluster().short_text()),
                alien_ == Level::note ? "" : how_to_join());
  }

  // Certificates that are not valid by this device's clock.
  std::optional<Finding> dates(const net::Shown& shown) const {
    const auto from = std::max(shown.node_valid.from, shown.cluster_valid.from);
    const auto to = std::min(shown.node_valid.to, shown.cluster_valid.to);
    if (here_.now < from) {
      return says(
          Level::problem,
          std::format("its certificate begins to be valid at {}, but this device's clock says {}",
                      security::date_text(from), security::date_text(here_.now)),
          "set the clock that is wrong (`date` shows it; sudo timedatectl set-ntp true). If this one's is right, "
          "a clock was wrong when that device joined: let it join again, with `exogpu join` there");
    }
    if (here_.now <= to) return std::nullopt;
    return says(
        Level::problem,
        std::format("its certificate was valid until {}, and this device's clock says {}", security::date_text(to),
                    security::date_text(here_.now)),
        "set the clock of this device if it is wrong (sudo timedatectl set-ntp true); otherwise restart the node "
        "there, which renews its certificate");
  }

  Finding greeted() const {
    const auto& greeted = *best_.visit.hello;
    if (!greeted) {
      const Error& why = greeted.error();
      if (why.code == ErrorCode::unauthenticated) {
        return says(Level::problem, about(why),
                    "it is of the same cluster, so its clock is probably wrong: look at `date` there; otherwise this "
                    "device must join again, with `exogpu join` here and `exogpu approve CODE` there");
      }
      if (why.code == ErrorCode::unsupported) {
        return says(Level::problem, about(why), "install the same version of exogpu on both");
      }
      return says(Level::problem, about(why),
                  "start the node there again; if that does not help, its log may tell why");
    }
    const std::string ours = wire::own_versions().program;
    const std::string& theirs = greeted->versions.program;
    std::string what = std::format("of this cluster, answers, version {}", theirs);
    if (theirs != ours) what += std::format(" (here: {}; they understand each other)", ours);
    if (announcement_ && announcement_->pairing == wire::CodeFrom::member) what += "; shows a code for others to join";
    if (announcement_ && announcement_->pairing == wire::CodeFrom::newcomer)
      what += "; lets a device in that shows a code";
    return says(Level::ok, what);
  }

  const std::string& name_;
  const std::optional<net::Announcement>& announcement_;
  const Visited& best_;
  const Here& here_;
  Level alien_;
};

}  // namespace

std::vector<Finding> judge_other(const std::string& name, const std::optional<net::Announcement>& announcement,
                                 std::span<const Visited> visits, const Here& here, Level alien) {
  const auto best = std::ranges::max_element(visits, {}, [](const Visited& it) { return progress(it.visit); });
  std::vector<Finding> findings{Judge(name, announcement, *best, here, alien).judge()};
  if (best->visit.reached != Reached::yes) return findings;
  std::string unreached;
  for (const Visited& one : visits) {
    if (one.visit.reached != Reached::yes) {
      unreached += std::format("{}{} ({})", unreached.empty() ? "" : ", ", one.address, one.visit.error_text);
    }
  }
  if (!unreached.empty()) {
    findings.push_back({Level::note, "other",
                        std::format("{} is not reached at its other addresses: {}", name, unreached),
                        "one that works is enough"});
  }
  return findings;
}

}  // namespace exogpu::node
