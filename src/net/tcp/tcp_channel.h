// A channel over TLS and TCP.
#pragma once

#include <functional>
#include <memory>

#include "net/channel.h"
#include "net/session.h"
#include "net/tcp/tls_stream.h"

namespace exogpu::net {

// Greets the peer over a connection whose handshake is done, and hands the channel on when it has greeted back, or the
// reason why not; `done` is called once, later, on the stream's executor, which is the channel's thread.
//
// The channel should be started in `done`. `admits` is asked about the peer that the certificate names: an error
// refuses it and is told to it; it may be empty.
void open_tcp_channel(TlsStream stream, const LinkSelf& self, const ChannelOptions& options,
                      const std::function<Result<void>(wire::NodeId)>& admits,
                      std::function<void(Result<std::unique_ptr<Channel>>)> done);

}  // namespace exogpu::net
