// HTTP/2 without a network: a net::stream with an http2_peer at its other end, in the same thread.
#pragma once

#include "net/stream.hpp"
#include "net/waiter.hpp"
#include "support/http2_peer.hpp"

#include <cassert>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace support {

/// The server's end, shared by the test and the stream; it outlives the stream.
class http2_line final : public modelmesh::net::chunk_lender {
public:
    explicit http2_line(http2_peer::behaviour how, http2_peer::settings wanted = {})
        : peer(std::move(how), std::move(wanted)) {
        arrivals.push_back(peer.start());
    }
    ~http2_line() { assert(lent == 0); }

    /// Sends what the test has had the peer do.
    void flush() { arrive(peer.flush()); }
    void arrive(std::string bytes) {
        if (bytes.empty()) return;
        arrivals.push_back(std::move(bytes));
        wake();
    }
    void end() {
        is_ended = true;
        wake();
    }
    void wake() {
        if (reader != nullptr) reader->complete(modelmesh::net::wait_outcome::ready);
    }

    http2_peer peer;
    std::deque<std::string> arrivals; ///< one chunk each
    bool is_ended = false;            ///< the peer has closed, once the arrivals are taken
    bool is_deaf = false;             ///< what the client sends is lost
    bool is_closed = false;
    std::function<void()> on_receive; ///< before the client takes anything
    modelmesh::net::waiter* reader = nullptr;
    int lent = 0;

private:
    void give_back(char* memory, std::uint32_t) noexcept override {
        delete[] memory;
        --lent;
    }
};

class http2_stream final : public modelmesh::net::stream, private modelmesh::net::waiter::owner {
public:
    http2_stream(modelmesh::net::engine& io, std::shared_ptr<http2_line> line)
        : line_(std::move(line)), reader_(io, *this) {
        line_->reader = &reader_;
    }
    ~http2_stream() override { close(); }

    modelmesh::result<modelmesh::net::io_status> try_receive(modelmesh::net::chunk& out) override {
        using modelmesh::net::chunk;
        using modelmesh::net::io_status;
        if (line_->is_closed) return modelmesh::fault(modelmesh::errc::canceled, "closed");
        if (line_->on_receive) line_->on_receive();
        if (line_->arrivals.empty()) return line_->is_ended ? io_status::end : io_status::would_block;
        const std::string bytes = std::move(line_->arrivals.front());
        line_->arrivals.pop_front();
        char* const memory = new char[bytes.size() + chunk::padding]();
        bytes.copy(memory, bytes.size());
        ++line_->lent;
        out = chunk(*line_, memory, memory, bytes.size(), 0);
        return io_status::ready;
    }
    modelmesh::net::wait_operation wait_readable(modelmesh::time_point deadline) override {
        using modelmesh::net::wait_operation;
        using modelmesh::net::wait_outcome;
        if (line_->is_closed) return wait_operation(wait_outcome::canceled);
        if (has_input()) return wait_operation(wait_outcome::ready, &reader_);
        return reader_.wait(deadline);
    }
    modelmesh::result<bool> try_send(modelmesh::net::gather& parts) override {
        if (line_->is_closed) return modelmesh::fault(modelmesh::errc::canceled, "closed");
        for (const std::string_view part : parts.parts())
            if (!part.empty() && !line_->is_deaf) line_->arrive(line_->peer.receive(part));
        parts = modelmesh::net::gather();
        return true;
    }
    modelmesh::net::wait_operation wait_writable(modelmesh::time_point) override {
        return modelmesh::net::wait_operation(modelmesh::net::wait_outcome::ready);
    }
    modelmesh::net::send_progress progress() const noexcept override { return {}; }
    void close() noexcept override {
        if (std::exchange(line_->is_closed, true)) return;
        line_->reader = nullptr;
        reader_.complete(modelmesh::net::wait_outcome::canceled);
    }
    void park() noexcept override {}
    bool unpark() noexcept override { return !has_input(); }

private:
    void gave_up(modelmesh::net::waiter&, modelmesh::net::wait_outcome) noexcept override {}
    [[nodiscard]] bool has_input() const noexcept { return !line_->arrivals.empty() || line_->is_ended; }

    std::shared_ptr<http2_line> line_;
    modelmesh::net::waiter reader_;
};

} // namespace support
