// Calls about objects that a provider keeps: to this one provider, and to no other when it fails.
#pragma once

#include "core/request_id.hpp"
#include "router/credentials.hpp"
#include "router/reply_stream.hpp"
#include "router/snapshot.hpp"
#include "router/transport.hpp"

#include <modelmesh/api/route.hpp>
#include <modelmesh/connector/object_call.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/log.hpp>

#include <memory>
#include <string>

namespace modelmesh::router {

/// One call on its way: keeps what it is asked of alive until it has ended.
struct object_request {
    std::shared_ptr<const snapshot> picture;
    const provider_entry* provider = nullptr; ///< of `picture`
    std::shared_ptr<const connector::object_call> call;
    time_point deadline;
    core::request_id id{};
    std::shared_ptr<credentials> keys{}; ///< null: a key that is refused is that for good
};

/// What a provider answered with a 2xx status.
class object_answer {
public:
    object_answer() = default;
    std::string body;                     ///< of ask_provider()
    std::unique_ptr<reply_stream> stream; ///< of open_object()
    modelmesh::route route;
};

/// Sends the call, and sends it again when that does no harm and may help. A GET: after a connection failed or
/// was lost, and where the provider is busy (429, 503) and says how long. Anything else: only where a 429 says how
/// long, because only then nothing was done, and if its files can be read again. Three times at most, and not
/// when the wait would not end before the deadline.
/// Errors, each with every attempt: unsupported, what the provider reports, connect, timed_out, canceled,
/// protocol (the answer is above 64 MiB).
/// @param via, log  outlive the task; `log` may be null.
task<result<object_answer>> ask_provider(transport& via, log_sink* log, object_request asked);
/// The same, and completes when the body begins. The stream gives its bytes, or the chunks of its events where the
/// call asks for such.
task<result<object_answer>> open_object(transport& via, log_sink* log, object_request asked);

} // namespace modelmesh::router
