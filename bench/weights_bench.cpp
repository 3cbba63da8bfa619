// Weights to a fresh node over loopback, hashed and written, beside what bounds it: bare TLS, SHA-256 and writing of
// the same file, each alone. By turns, in one process; each end of a connection has a thread of its own.
//
// usage: weights_bench MODEL.gguf FOLDER [ROUNDS]      FOLDER: where the fresh node keeps its cache; it is emptied
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <print>
#include <thread>
#include <vector>

#include "bare_tls.h"
#include "net/tcp/connector.h"
#include "net/tcp/listener.h"
#include "weights/exchange.h"
#include "weights/measure_model.h"
#include "weights/posix_file.h"

namespace {

using namespace exogpu;
using namespace exogpu::bench;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr Bytes kStep = 1 * MiB;

double gib_per_s(Bytes bytes, Clock::duration time) {
  return static_cast<double>(bytes) / GiB / std::chrono::duration<double>(time).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

template <typename Step>
void in_steps(std::span<const std::byte> bytes, Step step) {
  for (size_t at = 0; at < bytes.size(); at += kStep) step(at, bytes.subspan(at, std::min(kStep, bytes.size() - at)));
}

double hash_alone(std::span<const std::byte> bytes) {
  const auto begin = Clock::now();
  security::Sha256Stream stream;
  in_steps(bytes, [&](size_t, auto run) { stream.update(run); });
  stream.finish();
  return gib_per_s(bytes.size(), Clock::now() - begin);
}

// The first: to the operating system; the second: until it is on the disk.
std::pair<double, double> write_alone(std::span<const std::byte> bytes, const fs::path& path) {
  fs::remove(path);
  const auto file = weights::PosixFile::open(path, weights::PosixFile::Mode::read_write).value();
  require(file.resize(bytes.size()).has_value(), "cannot resize");
  const auto begin = Clock::now();
  in_steps(bytes, [&](size_t at, auto run) { require(file.write_at(at, run).has_value(), "cannot write"); });
  const auto written = Clock::now();
  require(file.sync().has_value(), "cannot sync");
  const auto durable = Clock::now();
  fs::remove(path);
  return {gib_per_s(bytes.size(), written - begin), gib_per_s(bytes.size(), durable - begin)};
}

// What would be instead of write_alone(): bytes that arrive in the mapped file itself.
double map_alone(std::span<const std::byte> bytes, const fs::path& path) {
  fs::remove(path);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  require(fd >= 0 && ::ftruncate(fd, static_cast<off_t>(bytes.size())) == 0, "cannot make a file");
  void* at = ::mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  require(at != MAP_FAILED, "cannot map");
  const auto begin = Clock::now();
  in_steps(bytes,
           [&](size_t from, auto run) { std::memcpy(static_cast<std::byte*>(at) + from, run.data(), run.size()); });
  const auto time = Clock::now() - begin;
  ::munmap(at, bytes.size());
  close(fd);
  fs::remove(path);
  return gib_per_s(bytes.size(), time);
}

// The same bytes from the same mapping; the receiver throws them away.
double tls_alone(std::span<const std::byte> bytes, Bare& from, Bare& to) {
  std::vector<std::byte> buffer(kStep);
  const auto begin = Clock::now();
  std::jthread sends(
      [&] { in_steps(bytes, [&](size_t, auto run) { send_all(from.tls.get(), run.data(), run.size()); }); });
  in_steps(bytes, [&](size_t, auto run) { receive_all(to.tls.get(), buffer.data(), run.size()); });
  return gib_per_s(bytes.size(), Clock::now() - begin);
}

// One of the two nodes, with the thread of its channel.
struct Node : net::ChannelHandler {
  explicit Node(std::shared_ptr<weights::WeightCache> cache)
      : exchange(std::make_unique<weights::WeightExchange>(
            std::move(cache),
            [this](std::move_only_function<void()> call) { boost::asio::post(io, std::move(call)); })),
        thread([this] { io.run(); }) {}
  ~Node() override {
    call([this] {
      if (channel) exchange->peer_lost(peer);
      channel.reset();
      exchange.reset();
    });
    io.stop();
  }
  std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader& header) override {
    return exchange->receive_buffer(peer, header);
  }
  void on_frame(const wire::FrameHeader& header, std::span<const std::byte> payload) override {
    if (const auto* control = std::get_if<wire::Control>(&header.of)) {
      require(exchange->on_control(peer, control->type, payload).has_value(), "a broken message");
    } else {
      exchange->on_bulk(peer, header, payload);
    }
  }
  void on_abandoned(const wire::FrameHeader& header) override { exchange->on_abandoned(peer, header); }
  void on_writable(net::Lane lane) override { exchange->on_writable(peer, lane); }
  void on_closed(const Error&) override { exchange->peer_lost(peer); }
  void join(std::unique_ptr<net::Channel> with) {
    channel = std::move(with);
    peer = channel->peer().node;
    channel->start(*this);
    exchange->peer_connected(peer, *channel);
  }
  template <typename Work>
  void call(Work work) {
    std::promise<void> done;
    boost::asio::post(io, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{io.get_executor()};
  std::unique_ptr<weights::WeightExchange> exchange;
  std::unique_ptr<net::Channel> channel;
  wire::NodeId peer;
  std::jthread thread;
};

struct Certificates {
  security::Identity identity;
  security::TlsContext tls;
  net::LinkSelf self() const { return {.node = identity.node(), .cluster = identity.cluster(), .incarnation = 1}; }
};

Certificates make_node(const security::Authority& authority) {
  auto identity = security::Identity::issue(authority, std::chrono::system_clock::now()).value();
  auto tls = security::TlsContext::for_node(identity).value();
  return {std::move(identity), std::move(tls)};
}

struct Fetched {
  double usable, durable, cores;  // GiB/s, GiB/s, cores that were busy until usable
};

Fetched fetch(const std::shared_ptr<const weights::Content>& content, const Certificates& sender,
              const Certificates& receiver, const fs::path& folder) {
  fs::remove_all(folder);
  const auto cache = weights::WeightCache::open({.folder = folder}).value();
  Node server(nullptr), client(cache);
  net::ChannelOptions patient;
  patient.silence_max = std::chrono::seconds(30);
  std::optional<net::Listener> listener;
  std::promise<void> accepted, connected;
  server.call([&] {
    server.exchange->offer(content);
    listener.emplace(net::Listener::open(server.io.get_executor(), sender.tls, sender.self(),
                                         {.address = "127.0.0.1", .channel = patient},
                                         {.on_channel =
                                              [&](std::unique_ptr<net::Channel> channel) {
                                                server.join(std::move(channel));
                                                accepted.set_value();
                                              },
                                          .on_refused = [](const Error& e) { require(false, e.message.c_str()); },
                                          .admits = {}})
                         .value());
  });
  net::Connecting connecting;
  client.call([&] {
    connecting = net::connect(client.io.get_executor(), receiver.tls, receiver.self(),
                              {.host = "127.0.0.1", .port = listener->port(), .channel = patient},
                              [&](Result<std::unique_ptr<net::Channel>> channel) {
                                require(channel.has_value(), "cannot connect");
                                client.join(*std::move(channel));
                                connected.set_value();
                              });
  });
  accepted.get_future().wait();
  connected.get_future().wait();

  std::promise<Result<std::shared_ptr<weights::PartialModel>>> done;
  weights::Fetching fetching;
  uint32_t layers = 0;
  for (const auto& tensor : content->manifest().tensors) {
    if (tensor.name.starts_with("blk."))
      layers = std::max(layers, static_cast<uint32_t>(std::atoi(&tensor.name[4])) + 1);
  }
  const double cpu = cpu_seconds();
  const auto begin = Clock::now();
  client.call([&] {
    fetching =
        client.exchange->fetch(content->id(), {.layers = {0, layers}, .n_layers = layers},
                               {.on_progress = {}, .on_done = [&](auto model) { done.set_value(std::move(model)); }});
  });
  auto model = done.get_future().get();
  require(model.has_value(), model ? "" : model.error().message.c_str());
  const auto usable = Clock::now();
  const double cores = (cpu_seconds() - cpu) / std::chrono::duration<double>(usable - begin).count();
  require((*model)->sync().has_value(), "cannot sync");
  const auto durable = Clock::now();
  const Bytes bytes = (*model)->present_bytes();
  require(bytes == content->manifest().bytes(), "something is missing");
  server.call([&] { listener.reset(); });
  return {gib_per_s(bytes, usable - begin), gib_per_s(bytes, durable - begin), cores};
}

}  // namespace

int main(int argc, char** argv) {
  require(argc >= 3, "usage: weights_bench MODEL.gguf FOLDER [ROUNDS]");
  const fs::path folder = argv[2];
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 5;
  auto opened = model::Gguf::open(argv[1]);
  require(opened.has_value(), opened ? "" : opened.error().message.c_str());
  const auto file = std::make_shared<const model::Gguf>(*std::move(opened));
  const auto bytes = file->part_bytes(0);
  for (const uint32_t threads : {0U, 1U, 3U}) {
    const auto begin = Clock::now();
    require(weights::manifest_of(*file, threads).has_value(), "no manifest");
    std::println("manifest with {} threads: {:.2f} GiB/s", threads + 1, gib_per_s(bytes.size(), Clock::now() - begin));
  }
  const auto content = weights::Content::of_file(file, weights::manifest_of(*file).value()).value();
  const auto authority = security::Authority::create(std::chrono::system_clock::now()).value();
  const Certificates sender = make_node(authority), receiver = make_node(authority);
  auto [from, to] = connect_bare(sender.tls);

  fs::create_directories(folder);
  // Rates, and core-seconds for each GiB. The least of these is the best measure: fresh memory can cost a virtual
  // machine more than everything else here, and other programs slow down caches.
  std::vector<double> tls, hash, write, write_durable, map, usable, durable;
  std::vector<double> tls_cost, hash_cost, write_cost, map_cost, cost;
  double cpu = 0;
  const auto spent = [&] {
    const double now = cpu_seconds();
    return (now - std::exchange(cpu, now)) * GiB / static_cast<double>(bytes.size());
  };
  for (int i = 0; i < rounds; ++i) {
    spent();
    tls.push_back(tls_alone(bytes, from, to));
    tls_cost.push_back(spent());
    hash.push_back(hash_alone(bytes));
    hash_cost.push_back(spent());
    for (const bool mapped : {i % 2 == 0, i % 2 != 0}) {  // memory that was just used is quicker
      spent();
      if (mapped) {
        map.push_back(map_alone(bytes, folder / "alone"));
        map_cost.push_back(spent());
        continue;
      }
      const auto [written, synced] = write_alone(bytes, folder / "alone");
      write.push_back(written);
      write_durable.push_back(synced);
      write_cost.push_back(spent());
    }
    const Fetched fetched = fetch(content, sender, receiver, folder / "cache");
    usable.push_back(fetched.usable);
    durable.push_back(fetched.durable);
    cost.push_back(spent());
    std::println(
        "round {}: TLS {:.2f}, SHA-256 {:.2f}, writing {:.2f} (durable {:.2f}), into a mapping {:.2f}; weights {:.2f} "
        "(durable {:.2f}) GiB/s, {:.1f} cores",
        i + 1, tls.back(), hash.back(), write.back(), write_durable.back(), map.back(), usable.back(), durable.back(),
        fetched.cores);
  }
  std::println(
      "{} of {}, medians, each alone: bare TLS {:.2f}, SHA-256 {:.2f}, writing {:.2f} (durable {:.2f}), into a "
      "mapping {:.2f} GiB/s",
      format_bytes(bytes.size()), argv[1], median(tls), median(hash), median(write), median(write_durable),
      median(map));
  std::println("weights to a fresh node: {:.2f} GiB/s until usable, ratio to TLS {:.2f}; {:.2f} GiB/s until durable",
               median(usable), median(usable) / median(tls), median(durable));
  const double parts = std::ranges::min(tls_cost) + std::ranges::min(hash_cost) + std::ranges::min(write_cost);
  std::println(
      "core-seconds for each GiB, the least: TLS {:.2f}, SHA-256 {:.2f}, writing {:.2f}, together {:.2f}; into a "
      "mapping "
      "{:.2f}; weights {:.2f}, all made durable",
      std::ranges::min(tls_cost), std::ranges::min(hash_cost), std::ranges::min(write_cost), parts,
      std::ranges::min(map_cost), std::ranges::min(cost));
  fs::remove_all(folder);
  close(from.fd);
  close(to.fd);
}
