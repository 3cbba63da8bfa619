#include "node/model_requests.h"

#include <utility>

namespace exogpu::node {

ModelRequests::ModelRequests(uint32_t index, std::string content, wire::NodeId self, pipeline::RequestServer& server,
                             Transport& transport, const RingAccess& rings, GenerationsHost host,
                             std::function<void(const std::string&)> note)
    : index_(index),
      content_(content),
      rings_(&rings),
      client_(self, server, client_host(transport)),
      generations_(generations_host(std::move(host))),
      gate_(std::move(content), generations_, std::move(note)) {}

pipeline::RequestClientHost ModelRequests::client_host(Transport& transport) {
  return {.first_node = [this] { return rings_->first_node(asked_); },
          .send = [&transport](wire::NodeId to, net::Outgoing frame) { return transport.send(to, std::move(frame)); },
          .on_generated =
              [this](wire::Generated message) {
                message.request &= (uint64_t{1} << kIndexShift) - 1;
                generations_.on_generated(message);
              },
          .on_interrupted = [this] { generations_.interrupt_all(); }};
}

GenerationsHost ModelRequests::generations_host(GenerationsHost host) {
  host.submit = [this](wire::Generate request) {
    asked_ = request.epoch;
    request.request = numbered(request.request);
    return client_.submit(std::move(request));
  };
  host.cancel = [this](uint64_t request) { client_.cancel(numbered(request)); };
  return host;
}

}  // namespace exogpu::node
