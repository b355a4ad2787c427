// The client's side of an HTTP/2 connection for tests: nghttp2's client session, told by the test what to do.
// Without I/O: a test feeds it bytes, from a session in memory or from a socket.
#pragma once

#include "support/http2_peer.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_session;

namespace support {

/// A request with these pseudo-fields, and others.
http2_fields http2_head(std::string method, std::string path, http2_fields more = {});

class http2_caller {
public:
    struct answer {
        http2_fields fields; ///< of the final head
        std::vector<std::string> interim;
        std::string body;
        bool is_ended = false;
        bool is_closed = false;
        std::uint32_t error = 0; ///< with which it was closed

        [[nodiscard]] std::string field(std::string_view name) const;
        [[nodiscard]] std::string status() const { return field(":status"); }
    };
    struct settings {
        std::optional<std::uint32_t> window; ///< SETTINGS_INITIAL_WINDOW_SIZE
        std::int32_t connection_window = 0;  ///< 0: as the protocol has it
        bool reads = true;                   ///< gives the server windows as bodies arrive
    };

    http2_caller() : http2_caller(settings()) {}
    explicit http2_caller(settings wanted);
    ~http2_caller();
    http2_caller(const http2_caller&) = delete;
    http2_caller& operator=(const http2_caller&) = delete;

    /// What has become due: at first the preface.
    std::string flush();
    /// Takes bytes of the server.
    void receive(std::string_view bytes);

    /// A request, with as much of its body. @return  its stream.
    std::int32_t ask(const http2_fields& fields, std::string body = "", bool is_last = true);
    std::int32_t get(std::string path) { return ask(http2_head("GET", std::move(path))); }
    std::int32_t post(std::string path, std::string body) {
        return ask(http2_head("POST", std::move(path)), std::move(body));
    }
    void more(std::int32_t id, std::string_view bytes, bool is_last);
    void reset(std::int32_t id, std::uint32_t code = 8);
    void ping();
    void go_away();
    /// Gives the server a window as large as what was received on a stream.
    void read(std::int32_t id);

    [[nodiscard]] answer& of(std::int32_t id) { return answers_[id]; }
    [[nodiscard]] bool is_whole(std::int32_t id) { return of(id).is_ended; }
    [[nodiscard]] std::size_t open() const;
    /// Code and last stream of each GOAWAY.
    std::vector<std::pair<std::uint32_t, std::int32_t>> goodbyes;
    std::map<std::int32_t, std::uint32_t> settings_seen;
    std::size_t pongs = 0;

private:
    struct callbacks;
    struct upload {
        std::string bytes;
        bool is_last = false;
    };

    nghttp2_session* native_ = nullptr;
    settings settings_;
    std::map<std::int32_t, answer> answers_;
    std::map<std::int32_t, upload> uploads_;
    std::map<std::int32_t, std::size_t> unread_;
};

} // namespace support
