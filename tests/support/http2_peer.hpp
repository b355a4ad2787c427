// The server's side of an HTTP/2 connection for tests: nghttp2's server session, told by the test what to do
// with each request. Without I/O: a test feeds it bytes, or a scripted_server does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_session;

namespace support {

using http2_fields = std::vector<std::pair<std::string, std::string>>;

struct http2_request {
    std::int32_t id = 0;
    http2_fields fields;
    std::string body;

    [[nodiscard]] std::string field(std::string_view name) const;
};

/// Driven by one thread at a time; what it counts may be read from another.
class http2_peer {
public:
    /// Called for each whole request; answers it, or does something else.
    using behaviour = std::function<void(http2_peer&, const http2_request&)>;

    struct settings {
        std::optional<std::uint32_t> streams; ///< SETTINGS_MAX_CONCURRENT_STREAMS
        std::optional<std::uint32_t> window;  ///< SETTINGS_INITIAL_WINDOW_SIZE
        behaviour on_head;                    ///< called when the head of a request has arrived
    };

    explicit http2_peer(behaviour on_request) : http2_peer(std::move(on_request), settings()) {}
    http2_peer(behaviour on_request, settings wanted);
    ~http2_peer();
    http2_peer(const http2_peer&) = delete;
    http2_peer& operator=(const http2_peer&) = delete;

    /// What to send before anything is received, and in answer to these bytes.
    std::string start();
    std::string receive(std::string_view bytes);
    /// What has become due through the calls below, made outside of a behaviour.
    std::string flush();

    // For behaviours.
    void answer(std::int32_t id, std::string body, http2_fields fields = {}, http2_fields trailers = {});
    void head(std::int32_t id, http2_fields fields, bool is_last = false);
    void interim(std::int32_t id, std::string status);
    void data(std::int32_t id, std::string bytes, bool is_last = false);
    void reset(std::int32_t id, std::uint32_t code);
    void go_away(std::int32_t last_id, std::uint32_t code = 0);
    void set_streams(std::uint32_t allowed);
    void add_window(std::int32_t id, std::int32_t size);
    void ping();
    /// The connection ends when what is due has been sent.
    void close() noexcept { is_closed_ = true; }
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

    [[nodiscard]] std::size_t requests() const { return locked(requests_); }
    [[nodiscard]] std::size_t resets() const { return locked(resets_); }
    [[nodiscard]] std::size_t pings() const { return locked(pings_); }
    [[nodiscard]] std::size_t most_open() const { return locked(most_open_); }

private:
    struct callbacks;
    struct stream {
        http2_request request;
        std::string out;
        http2_fields trailers;
        bool is_last = false;
    };

    std::size_t locked(const std::size_t& count) const {
        const std::lock_guard lock(mutex_);
        return count;
    }
    void count(std::size_t& what) {
        const std::lock_guard lock(mutex_);
        ++what;
    }

    behaviour on_request_;
    settings settings_;
    nghttp2_session* native_ = nullptr;
    std::map<std::int32_t, stream> streams_;
    std::vector<std::int32_t> whole_; // requests that the behaviour has not seen
    std::vector<std::int32_t> heads_;
    bool is_closed_ = false;

    mutable std::mutex mutex_; // guards what follows
    std::size_t requests_ = 0;
    std::size_t resets_ = 0;
    std::size_t pings_ = 0;
    std::size_t most_open_ = 0;
};

} // namespace support
