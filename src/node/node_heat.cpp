// What a node does about the heat of its devices.
#include "base/log.h"
#include "node/day_hours.h"
#include "node/node_impl.h"

namespace exogpu::node {
namespace {

constexpr std::chrono::minutes kRememberEvery{5};

}  // namespace

std::filesystem::path Node::Impl::heat_file() const { return options_.cache / "heat"; }

void Node::Impl::make_heat_guard() {
  heat_.emplace(options_.limits, resources_.devices, telemetry::read_thermal_book(heat_file()));
  condition_.set_charge_floor(charge_floor(options_.limits));
  timers_.heat_remembered_at = std::chrono::steady_clock::now();
}

void Node::Impl::on_heat(telemetry::Sample& sample) {
  for (const std::string& change : heat_->update(sample, local_hour(std::chrono::system_clock::now()))) {
    log::info("node", "{}", change);
    remember_event(log::Level::info, name_ + "/" + change);
  }
  shards_->update_threads();
  remember_heat(sample.at);
}

void Node::Impl::remember_heat(telemetry::Time now) {
  if (now < timers_.heat_remembered_at + kRememberEvery) return;
  timers_.heat_remembered_at = now;
  in_background([this, file = heat_file(), book = heat_->learnt()] {
    if (const auto written = telemetry::write_thermal_book(file, book); !written) note(written.error().message);
  });
}

}  // namespace exogpu::node
