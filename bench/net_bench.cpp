// How much of what TLS carries a channel carries: echo of 16 KiB and one-way weights over loopback, the channel and
// bare OpenSSL by turns in the same run, each end on a thread of its own.
//
// usage: net_bench [ROUNDS]
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <print>
#include <thread>
#include <vector>

#include "bare_tls.h"
#include "net/tcp/connector.h"
#include "net/tcp/listener.h"

namespace {

using namespace exogpu;
using namespace exogpu::net;
using namespace exogpu::bench;
using Clock = std::chrono::steady_clock;

constexpr size_t kEchoBytes = 16 * KiB;
constexpr int kEchoes = 4000;
constexpr size_t kBulkBytes = 1 * GiB;
constexpr size_t kFrameBytes = 16 * MiB;

double microseconds(Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); }
double rate(Clock::duration time) {
  return static_cast<double>(kBulkBytes) / GiB / std::chrono::duration<double>(time).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// --- bare OpenSSL, blocking
double bare_echo(Bare& client, Bare& server) {
  std::vector<std::byte> bytes(kEchoBytes), other(kEchoBytes);
  std::jthread answers([&] {
    for (int i = 0; i < kEchoes; ++i) {
      receive_all(server.tls.get(), other.data(), kEchoBytes);
      send_all(server.tls.get(), other.data(), kEchoBytes);
    }
  });
  std::vector<double> times;
  for (int i = 0; i < kEchoes; ++i) {
    const auto begin = Clock::now();
    send_all(client.tls.get(), bytes.data(), kEchoBytes);
    receive_all(client.tls.get(), bytes.data(), kEchoBytes);
    times.push_back(microseconds(Clock::now() - begin));
  }
  return median(times);
}

double bare_bulk(Bare& client, Bare& server) {
  std::vector<std::byte> from(kFrameBytes, std::byte{1}), to(kFrameBytes);
  const auto begin = Clock::now();
  std::jthread sends([&] {
    for (size_t sent = 0; sent < kBulkBytes; sent += kFrameBytes) send_all(client.tls.get(), from.data(), kFrameBytes);
  });
  for (size_t got = 0; got < kBulkBytes; got += kFrameBytes) receive_all(server.tls.get(), to.data(), kFrameBytes);
  return rate(Clock::now() - begin);
}

// --- a channel
// --------------------------------------------------------------------------------------------------------
struct End : ChannelHandler {
  std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader& header) override {
    return std::span(memory).first(header.payload_bytes);
  }
  void on_frame(const wire::FrameHeader&, std::span<const std::byte> payload) override { take(payload); }
  void on_closed(const Error&) override {}
  void send(std::span<const std::byte> bytes, bool bulk) {
    Outgoing frame{.header = {},
                   .lane = bulk ? Lane::bulk : Lane::ordered,
                   .payload = {bytes},
                   .owner = nullptr,
                   .within = std::nullopt,
                   .done = {}};
    frame.header.of = wire::Activation{.rows = 2, .columns = 4096, .dtype = wire::Dtype::f16};
    if (bulk) frame.header.of = wire::Bulk{};
    if (bulk)
      frame.done = [this](const Result<void>&) {
        if (sent) sent();
      };
    const auto id = channel->send(std::move(frame));
    require(id.has_value(), id ? "" : id.error().message.c_str());
  }

  std::vector<std::byte> memory = std::vector<std::byte>(kFrameBytes);
  std::unique_ptr<Channel> channel;
  std::function<void(std::span<const std::byte>)> take;
  std::function<void()> sent;
};

// An end, and the thread that it lives on.
struct Node {
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{io.get_executor()};
  End end;
  std::jthread thread;

  void run() {
    thread = std::jthread([this] { io.run(); });
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
};

double channel_echo(Node& client, Node& server) {
  server.call([&] { server.end.take = [&](std::span<const std::byte> bytes) { server.end.send(bytes, false); }; });
  std::vector<double> times;
  std::vector<std::byte> bytes(kEchoBytes);
  std::promise<void> done;
  Clock::time_point begin;
  client.call([&] {
    client.end.take = [&](std::span<const std::byte>) {
      times.push_back(microseconds(Clock::now() - begin));
      if (times.size() == kEchoes) return done.set_value();
      begin = Clock::now();
      client.end.send(bytes, false);
    };
    begin = Clock::now();
    client.end.send(bytes, false);
  });
  done.get_future().wait();
  return median(times);
}

double channel_bulk(Node& client, Node& server) {
  std::vector<std::byte> from(kFrameBytes, std::byte{1});
  std::promise<void> done;
  size_t got = 0, given = 0;
  server.call([&] {
    server.end.take = [&](std::span<const std::byte> bytes) {
      got += bytes.size();
      if (got == kBulkBytes) done.set_value();
    };
  });
  const auto begin = Clock::now();
  client.call([&] {
    auto more = [&] {
      if (given == kBulkBytes) return;
      given += kFrameBytes;
      client.end.send(from, true);
    };
    client.end.sent = more;
    more();
    more();
  });
  done.get_future().wait();
  const auto time = Clock::now() - begin;
  client.call([&] { client.end.sent = nullptr; });
  return rate(time);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  const auto authority = security::Authority::create(std::chrono::system_clock::now()).value();
  const auto one = security::Identity::issue(authority, std::chrono::system_clock::now()).value();
  const auto other = security::Identity::issue(authority, std::chrono::system_clock::now()).value();
  const auto tls_one = security::TlsContext::for_node(one).value();
  const auto tls_other = security::TlsContext::for_node(other).value();

  Node client, server;
  ChannelOptions options;
  options.silence_max = std::chrono::seconds(30);
  std::promise<void> accepted, connected;
  auto listener = Listener::open(server.io.get_executor(), tls_other,
                                 {.node = other.node(), .cluster = other.cluster(), .incarnation = 1},
                                 {.address = "127.0.0.1", .channel = options},
                                 {.on_channel =
                                      [&](std::unique_ptr<Channel> channel) {
                                        server.end.channel = std::move(channel);
                                        server.end.channel->start(server.end);
                                        accepted.set_value();
                                      },
                                  .on_refused = [](const Error& error) { require(false, error.message.c_str()); },
                                  .admits = {}});
  require(listener.has_value(), "cannot listen");
  auto connecting =
      connect(client.io.get_executor(), tls_one, {.node = one.node(), .cluster = one.cluster(), .incarnation = 1},
              {.host = "127.0.0.1", .port = listener->port(), .channel = options},
              [&](Result<std::unique_ptr<Channel>> channel) {
                require(channel.has_value(), "cannot connect");
                client.end.channel = *std::move(channel);
                client.end.channel->start(client.end);
                connected.set_value();
              });
  server.run();
  client.run();
  accepted.get_future().wait();
  connected.get_future().wait();

  auto [bare_client, bare_server] = connect_bare(tls_one);
  std::vector<double> echo_bare, echo_channel, bulk_bare, bulk_channel;
  for (int i = 0; i < rounds; ++i) {
    echo_bare.push_back(bare_echo(bare_client, bare_server));
    echo_channel.push_back(channel_echo(client, server));
    bulk_bare.push_back(bare_bulk(bare_client, bare_server));
    bulk_channel.push_back(channel_bulk(client, server));
    std::println(
        "round {}: echo of 16 KiB {:.1f} us bare, {:.1f} us channel; weights {:.2f} GiB/s bare, {:.2f} GiB/s channel",
        i + 1, echo_bare.back(), echo_channel.back(), bulk_bare.back(), bulk_channel.back());
  }
  std::println("echo of 16 KiB, median: {:.1f} us bare TLS, {:.1f} us channel, ratio {:.2f}", median(echo_bare),
               median(echo_channel), median(echo_channel) / median(echo_bare));
  std::println("weights, median: {:.2f} GiB/s bare TLS, {:.2f} GiB/s channel, ratio {:.2f}", median(bulk_bare),
               median(bulk_channel), median(bulk_channel) / median(bulk_bare));
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::seconds(5));
  std::println("idle, both ends: {:.3f} % of a core", (cpu_seconds() - before) / 5 * 100);

  client.call([&] { client.end.channel.reset(); });
  server.call([&] { server.end.channel.reset(); });
  server.call([&] { listener = fail(ErrorCode::cancelled, "done"); });
  client.io.stop();
  server.io.stop();
  close(bare_client.fd);
  close(bare_server.fd);
}
