// A net::stream without a network: the test says what arrives and sees what was sent.
#pragma once

#include "net/stream.hpp"

#include <cassert>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace support {

/// What the test and the stream share; it outlives the stream.
class memory_peer final : public modelmesh::net::chunk_lender {
public:
    ~memory_peer() { assert(lent == 0); }

    void arrive(std::string bytes) { arrivals.push_back(std::move(bytes)); }

    std::deque<std::string> arrivals; ///< one chunk each
    bool is_ended = false;            ///< the peer has closed, once the arrivals are taken
    std::optional<modelmesh::fault> receive_failure;
    std::optional<modelmesh::fault> send_failure;
    std::string sent;
    bool is_closed = false;
    bool is_destroyed = false;
    bool is_parked = false;
    bool may_unpark = true;
    int lent = 0;
    int early_reads = 0; ///< for streams of a test's own: waits for an answer before the request was out

private:
    void give_back(char* memory, std::uint32_t) noexcept override {
        delete[] memory;
        --lent;
    }
};

/// A test of streams that behave in another way overrides what differs.
class memory_stream : public modelmesh::net::stream {
public:
    explicit memory_stream(std::shared_ptr<memory_peer> peer) : peer_(std::move(peer)) {}
    ~memory_stream() override { peer_->is_destroyed = true; }

    modelmesh::result<modelmesh::net::io_status> try_receive(modelmesh::net::chunk& out) override {
        using modelmesh::net::chunk;
        using modelmesh::net::io_status;
        if (peer_->is_closed) return modelmesh::fault(modelmesh::errc::canceled, "closed");
        if (peer_->arrivals.empty()) {
            if (peer_->receive_failure) return *peer_->receive_failure;
            return peer_->is_ended ? io_status::end : io_status::would_block;
        }
        const std::string bytes = std::move(peer_->arrivals.front());
        peer_->arrivals.pop_front();
        char* const memory = new char[bytes.size() + chunk::padding]();
        bytes.copy(memory, bytes.size());
        ++peer_->lent;
        out = chunk(*peer_, memory, memory, bytes.size(), 0);
        return io_status::ready;
    }
    /// Nothing arrives while a test waits, so waiting ends at the deadline.
    modelmesh::net::wait_operation wait_readable(modelmesh::time_point) override {
        return modelmesh::net::wait_operation(modelmesh::net::wait_outcome::timed_out);
    }
    modelmesh::result<bool> try_send(modelmesh::net::gather& parts) override {
        if (peer_->send_failure) return *peer_->send_failure;
        for (const std::string_view part : parts.parts()) peer_->sent.append(part);
        parts = modelmesh::net::gather();
        return true;
    }
    modelmesh::net::wait_operation wait_writable(modelmesh::time_point) override {
        return modelmesh::net::wait_operation(modelmesh::net::wait_outcome::timed_out);
    }
    modelmesh::net::send_progress progress() const noexcept override {
        return {peer_->sent.size(), peer_->sent.size()};
    }
    void close() noexcept override { peer_->is_closed = true; }
    void park() noexcept override { peer_->is_parked = true; }
    bool unpark() noexcept override {
        peer_->is_parked = false;
        return peer_->may_unpark;
    }

protected:
    [[nodiscard]] memory_peer& peer() const noexcept { return *peer_; }

private:
    std::shared_ptr<memory_peer> peer_;
};

} // namespace support
