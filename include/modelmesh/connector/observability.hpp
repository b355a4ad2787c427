// The observability connector: where events go. Derive from event_sink to have one of your own, and give it
// to an
// event_hub (<modelmesh/event_hub.hpp>).
#pragma once

#include <modelmesh/core/log.hpp>
#include <modelmesh/core/result.hpp>

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace modelmesh::connector {

/// One event, without secrets. The views live during the call that it is passed to.
struct event {
    std::uint64_t sequence; ///< higher than that of every event before it
    std::chrono::system_clock::time_point at;
    severity level;
    std::string_view name;
    std::span<const log_field> fields;
};

/// Threads: one at a time, and not that of a request. May block; events are dropped when it blocks for too long. Must not
/// end the last copy of the client that it hears of, which waits for its sinks.
class event_sink {
public:
    virtual ~event_sink() = default;
    /// Errors: storage. The event is lost to this sink, and nothing else is; `sink.failed` tells it once.
    virtual result<void> write(const event& told) = 0;
    /// What was written is where it belongs.
    virtual void flush() {}
};

} // namespace modelmesh::connector
