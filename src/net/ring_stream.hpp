// A TCP stream on the ring: one multishot receive fills shared buffers, which go upward without a copy.
#pragma once

#include "net/ring_lender.hpp"
#include "net/socket_stream.hpp"

namespace modelmesh::net {

/// The receive stays armed from the first wait to the end, also while parked: an event costs no submission.
/// It ends early in two cases. When this stream's reader has fallen behind (engine_settings::queue_limit), it
/// is cancelled, and armed again when the reader is back. When the ring has no buffer left, because readers
/// elsewhere hold them, the stream polls the socket and receives into an owned buffer, so that nobody waits
/// for somebody else's reader.
class ring_stream final : public socket_stream {
public:
    ring_stream(engine& io, int socket, std::string peer);
    ~ring_stream() override;

    result<io_status> try_receive(chunk& out) override;
    void park() noexcept override {
    } // no waiter, no work: the armed receive holds no buffer and no event loop
    bool unpark() noexcept override;

private:
    struct channel; // the kernel's side: outlives this stream until its last completion

    bool readable() const noexcept override { return queue_.length != 0 || ended_ || error_ != 0 || direct_; }
    void want_readable() override;
    void want_writable() override;
    void want_end() override;
    void forget_readable() noexcept override {}
    void forget_writable() noexcept override {}
    void detach() noexcept override;

    void received(int result, std::int32_t buffer, bool more) noexcept;
    void became_readable() noexcept;
    result<io_status> receive_directly(chunk& out);

    channel* channel_;
    ring_lender::queue queue_;
    bool ended_ = false;
    bool dry_ = false;    // the last receive found no buffer
    bool direct_ = false; // the socket was polled readable: receive without the ring
    int error_ = 0;
};

} // namespace modelmesh::net
