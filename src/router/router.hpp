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
    std::unique_ptr<reply_stream> session;
    modelmesh::route route;
};

/// Takes what a connector has made of a reply. What it refuses is a failure of this model, and the next one may do
/// better.
using reply_reader = function<result<void>(std::string&& body)>;

/// Errors of both: see attempt_plan::next, and the failures that no other model can repair.
/// @param via, log  outlive the task; `log` may be null.
/// Completes with who gave the reply that `read` has taken.
task<result<modelmesh::route>> complete(transport& via, log_sink* log, call made, reply_reader read);
/// A model that fails before its first content, or while the pool holds that back, is replaced without a trace for
/// the reader.
task<result<served_stream>> open_stream(transport& via, log_sink* log, call made);

/// Places work that is no request, like a batch of them: `attempt` is awaited for one model after the other until one
/// has taken it, by the rules of the call, whose request stands for the work. Completes with who has it.
/// Errors: as above. @param via, log  as above
using placement = function<task<result<void>>(attempt_plan&)>;
task<result<modelmesh::route>> place(transport& via, log_sink* log, call made, placement attempt);

/// The next attempts of a plan, up to one that streams. @param plan  outlives the task. Errors: those of open_stream.
task<result<std::unique_ptr<stream_session>>> next_stream(transport& via, log_sink* log, attempt_plan& plan);
/// Who serves the plan's current attempt.
[[nodiscard]] modelmesh::route route_of(const transport& via, const attempt_plan& plan);

} // namespace modelmesh::router
