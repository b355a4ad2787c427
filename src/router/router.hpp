// The attempt loop: sends a request to one model after another until one answers.
#pragma once

#include "router/attempt_plan.hpp"
#include "router/stream_session.hpp"
#include "router/transport.hpp"

#include <modelmesh/api/route.hpp>
#include <modelmesh/core/function.hpp>
#include <modelmesh/core/log.hpp>

#include <memory>
#include <string>

namespace modelmesh::router {

/// A streamed reply whose first content has arrived.
class served_stream {
public:
    served_stream() = default;
    std::unique_ptr<stream_session> session;
    modelmesh::route route;
};

/// Takes what a connector has made of a reply. What it refuses is a failure of this model, and the next one may do
/// better.
using reply_reader = function<result<void>(std::string&& body)>;

/// Errors of both: see attempt_plan::next, and the failures that no other model can repair.
/// @param via, log  outlive the task; `log` may be null.
/// Completes with who gave the reply that `read` has taken.
task<result<modelmesh::route>> complete(transport& via, log_sink* log, call made, reply_reader read);
/// A model that fails before its first content is replaced without a trace for the reader.
task<result<served_stream>> open_stream(transport& via, log_sink* log, call made);

} // namespace modelmesh::router
